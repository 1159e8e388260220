"""Which machines train one model together."""

import dataclasses
import json
import os
import re

VARIABLE = "TF_CONFIG"
_ADDRESS = re.compile(r"[^\s:/]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers of a run, and which of them this process is.

    Attributes:
        workers: Their addresses, `"host:port"`, alike and in the same order
            on every machine. The first is the chief, which prints and writes.
        index: Which of them this process is, from 0.

    Raises:
        ValueError: for fewer than two workers, an address twice or without
            a port, an index that is none of theirs.

    Example:

    >>> from keras_arcface.training.distribution import Cluster
    >>> Cluster.parse("first:2222,second:2222", worker=1).is_chief
    False
    """

    workers: tuple[str, ...]
    index: int

    def __post_init__(self):
        if len(self.workers) < 2:
            raise ValueError(
                "A cluster is two workers or more, host1:port,host2:port. "
                f"Received: {','.join(self.workers)!r}. On one machine leave "
                "the cluster out and say how many `devices`."
            )
        for worker in self.workers:
            if not _ADDRESS.fullmatch(worker):
                raise ValueError(
                    "A worker's address must be host:port, such as "
                    f"10.0.0.1:2222. Received: {worker!r}."
                )
            if self.workers.count(worker) > 1:
                raise ValueError(
                    f"Every worker needs an address of its own. Received: "
                    f"{worker} more than once."
                )
        if not 0 <= self.index < len(self.workers):
            raise ValueError(
                f"worker must be 0 to {len(self.workers) - 1}, the place of "
                "this machine in the cluster's list. Received: "
                f"worker={self.index}."
            )

    @property
    def is_chief(self) -> bool:
        """Whether this worker prints and writes for all."""
        return self.index == 0

    @classmethod
    def parse(cls, addresses: str, worker: int | None) -> "Cluster":
        """Reads what the command line says.

        Args:
            addresses: `"host1:port,host2:port"`.
            worker: The place of this machine in it, from 0.

        Raises:
            ValueError: as the class; when the worker is missing.
        """
        if worker is None:
            raise ValueError(
                "--cluster lists the machines; say which of them this is: "
                "--worker 0 on the first, --worker 1 on the second."
            )
        parts = [part.strip() for part in addresses.split(",")]
        return cls(tuple(part for part in parts if part), worker)

    @classmethod
    def from_environment(cls) -> "Cluster | None":
        """Returns the cluster of `TF_CONFIG`, None where there is none.

        One task alone, as some schedulers describe a single machine, is none.

        Raises:
            ValueError: for what is no JSON of that form, and for parameter
                servers.
        """
        text = os.environ.get(VARIABLE)
        if not text:
            return None
        try:
            config = json.loads(text)
            jobs, task = config.get("cluster", {}), config.get("task", {})
            known = {name: tuple(jobs[name]) for name in jobs}
            job, index = task.get("type", "worker"), int(task.get("index", 0))
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{VARIABLE} must be JSON of the form "
                '{"cluster": {"worker": ["host1:port", "host2:port"]}, '
                '"task": {"type": "worker", "index": 0}}. Received: '
                f"{text[:200]!r} ({error})."
            ) from error
        _check_jobs({*known, job} if known else set())
        chiefs = known.get("chief", ())
        workers = (*chiefs, *known.get("worker", ()))
        if len(workers) < 2:
            return None
        return cls(workers, index + (len(chiefs) if job == "worker" else 0))

    def export(self) -> None:
        """Writes `TF_CONFIG`, where TensorFlow looks for it.

        Raises:
            ValueError: when it is set already, to another cluster.
        """
        before = Cluster.from_environment()
        if before is not None:
            if before != self:
                raise ValueError(
                    f"{VARIABLE} is set and says worker {before.index} of "
                    f"{','.join(before.workers)}; the cluster asked for is "
                    f"worker {self.index} of {','.join(self.workers)}. Unset "
                    f"{VARIABLE}, or leave the cluster out."
                )
            return  # As it stands: its chief may have a job of its own.
        os.environ[VARIABLE] = json.dumps(
            {
                "cluster": {"worker": list(self.workers)},
                "task": {"type": "worker", "index": self.index},
            }
        )


def _check_jobs(names):
    unknown = sorted(names - {"chief", "worker"})
    if unknown:
        raise ValueError(
            f"{VARIABLE} may name jobs `worker` and `chief`, all of which "
            f"train. Received: {', '.join(unknown)}. Keras 3 has nothing for "
            "parameter servers (tf.distribute.ParameterServerStrategy) or "
            "evaluators; list all machines as workers."
        )
