"""How much memory a head takes in training, before it takes any.

What is held can be counted: centres, gradient, the slots of the optimizer,
logits or chunks of them. What comes on top (copies that an optimizer makes on
its way, intermediate results, the slack of an allocator) was measured, see
`_Engine`; benchmarks/plan.py holds the whole against measured peaks.
"""

import dataclasses
import math

from keras_arcface.margins.checks import check_count
from keras_arcface.softmax.checks import check_bool
from keras_arcface.softmax.checks import check_sample_rate
from keras_arcface.softmax.partial import sample_size
from keras_arcface.softmax.plan import USUAL_BATCH
from keras_arcface.softmax.plan import choose_chunk
from keras_arcface.softmax.plan import choose_kept

_FLOAT = 4
GIB = 2**30
MIB = 2**20


@dataclasses.dataclass(frozen=True)
class _Engine:
    """What a backend holds beside what can be counted, as measured.

    On two processor cores with TensorFlow 2.21 and JAX 0.10 under Keras 3.15;
    accelerators were not measured.

    Attributes:
        slack: Factor on all: an allocator's rounding, and what it keeps.
        working: Copies of what an optimizer moves, held while it does.
        apart: Whether the softmax has let go of its memory by then. Where a
            graph runs in any order, it has not.
        dense_centers: Copies of the centres that the dense path holds
            (normalised, and on the way of their gradient).
        dense_logits: Matrices of logits that it holds.
        dense_apart: Whether these two come one after the other.
    """

    slack: float
    working: dict
    apart: bool
    dense_centers: float
    dense_logits: float
    dense_apart: bool


_ENGINES = {
    "tensorflow": _Engine(
        slack=1.08,
        working={"coupled_sgd": 2, "sgd": 1, "plain_sgd": 1, "adamw": 2},
        apart=False,
        dense_centers=4,
        dense_logits=3,
        dense_apart=False,
    ),
    "jax": _Engine(
        slack=1.02,
        working={"coupled_sgd": 1, "sgd": 1, "plain_sgd": 1, "adamw": 1},
        apart=True,
        dense_centers=1.4,
        dense_logits=2.4,
        dense_apart=True,
    ),
}
# Slots of each optimizer, each of the size of the centres.
OPTIMIZERS = {"coupled_sgd": 1, "sgd": 1, "plain_sgd": 0, "adamw": 2}
BACKENDS = tuple(_ENGINES)
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
# Of a sample: its rows of centres and slots, before and after their step.
_ROW_COPIES = 4
# Of a chunk: cosines, logits and their gradients; centres and theirs.
_CHUNK_LOGITS = 4
_CHUNK_CENTERS = 3


@dataclasses.dataclass(frozen=True)
class HeadPlan:
    """Which path a head takes in training, and what memory it expects.

    Counts the head and its optimizer; backbone, pictures and the process
    itself come on top. Measured peaks lie within 25 percent on processors
    (see benchmarks/plan.py), mostly within 10.

    Args:
        num_classes: Int > 1.
        embedding_dim: Int.
        batch: Int, pictures a step, of all devices together.
        sub_centers: Int, centres a class.
        sample_rate: Float in (0, 1], share of the classes that a step sees.
        dense_update: Whether a sampled step moves all class centres.
        chunk_size: As of `ArcMarginLayer`: None chooses, 0 is dense.
        optimizer: `"coupled_sgd"` (what `train` takes), `"sgd"` with momentum,
            `"plain_sgd"` without, or `"adamw"`.
        precision: Dtype policy. Centres are float32 under all of them.
        backend: `"tensorflow"`, where each device holds all class centres and
            its part of the batch; or `"jax"`, where each holds its part of the
            classes and all of the batch.
        devices: Int.
        accelerator: Whether they are faster than processors: larger chunks.

    Raises:
        ValueError: for a value outside its range, by name.

    Example:

    >>> plan = keras_arcface.HeadPlan(1_000_000, batch=256)
    >>> plan.path, plan.chunk
    ('fused', 2000)
    >>> print(plan.describe())
    Head: fused softmax, 1,000,000 classes in chunks of 2,000; expects 10.6 GiB
    (centres 1.9, momentum 1.9, gradient 1.9, update 3.8, softmax 0.3, slack
    0.8); the dense path would take 21.6 GiB.
    """

    num_classes: int
    embedding_dim: int = 512
    batch: int = USUAL_BATCH
    sub_centers: int = 1
    sample_rate: float = 1.0
    dense_update: bool = False
    chunk_size: int | None = None
    optimizer: str = "coupled_sgd"
    precision: str = "float32"
    backend: str = "tensorflow"
    devices: int = 1
    accelerator: bool = False

    def __post_init__(self):
        for name, least in (
            ("num_classes", 2),
            ("embedding_dim", 1),
            ("batch", 1),
            ("sub_centers", 1),
            ("devices", 1),
        ):
            check_count(name, getattr(self, name), least)
        if self.chunk_size is not None:
            check_count("chunk_size", self.chunk_size, 0)
        check_sample_rate(self.sample_rate)
        if self.sampled and self.sharded:
            raise ValueError(
                "sample_rate must be 1.0 where devices share the classes. "
                f"Received: sample_rate={self.sample_rate} for "
                f"devices={self.devices}."
            )
        for name in ("dense_update", "accelerator"):
            check_bool(name, getattr(self, name))
        for name, known in (
            ("optimizer", tuple(OPTIMIZERS)),
            ("precision", PRECISIONS),
            ("backend", BACKENDS),
        ):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} must be one of {', '.join(known)}. Received: "
                    f"{name}={getattr(self, name)!r}."
                )

    @property
    def sampled(self) -> bool:
        """Whether a step sees a sample of the classes."""
        return self.sample_rate < 1

    @property
    def sharded(self) -> bool:
        """Whether several devices share the classes."""
        return self.backend == "jax" and self.devices > 1

    @property
    def path(self) -> str:
        """`"dense"`, `"fused"`, `"partial (dense)"` or `"partial (fused)"`."""
        softmax = "dense" if self.chunk is None else "fused"
        return f"partial ({softmax})" if self.sampled else softmax

    @property
    def classes_sampled(self) -> int:
        """Classes that a step sees, of all devices together."""
        return sample_size(self.sample_rate, self.num_classes, self.batch)

    @property
    def classes_seen(self) -> int:
        """Classes that a step sees, on each device."""
        return self._share(self.classes_sampled)

    @property
    def chunk(self) -> int | None:
        """Classes a chunk, or None on the dense path."""
        chunk = choose_chunk(
            self._device_batch,
            self.classes_seen,
            self.chunk_size,
            self.accelerator,
        )
        # Shards have no dense path: one chunk holds what few classes they have.
        return chunk or (self.classes_seen if self.sharded else None)

    @property
    def parts(self) -> dict[str, int]:
        """Bytes on each device, by what they are for."""
        centers = self._rows(self._share(self.num_classes))
        seen = self._rows(self.classes_seen)
        slots = OPTIMIZERS[self.optimizer]
        all_move = self.dense_update or not self.sampled
        softmax = self._softmax_bytes(seen)
        if all_move:
            update = self._engine.working[self.optimizer] * centers
        else:
            update = _ROW_COPIES * seen
        if self._engine.apart:
            update = max(0, update - softmax)
        parts = {
            "centres": centers,
            "momentum" if slots < 2 else "moments": slots * centers,
            "gradient": centers if all_move else seen,
            "sample": seen * self.sampled,
            "update": update,
            "softmax": softmax,
        }
        parts["slack"] = round((self._engine.slack - 1) * sum(parts.values()))
        return parts

    @property
    def total(self) -> int:
        """Bytes on each device."""
        return sum(self.parts.values())

    @property
    def dense(self) -> "HeadPlan":
        """The plan of the same head with all logits at once."""
        return dataclasses.replace(self, chunk_size=0, sample_rate=1.0)

    def describe(self) -> str:
        """Returns one line: the path and what it expects."""
        text = f"Head: {self.path} softmax, {self.num_classes:,} classes"
        if self.sampled:
            text += f", {self.classes_sampled:,} of them a step"
        if self.chunk is not None:
            text += f" in chunks of {self.chunk:,}"
        if self.total < 0.1 * MIB:
            return text + "; expects less than 0.1 MiB."
        unit, name = (GIB, "GiB") if self.total >= GIB else (MIB, "MiB")
        shares = ", ".join(
            f"{part} {size / unit:.1f}"
            for part, size in self.parts.items()
            if size >= 0.05 * unit
        )
        text += f"; expects {self.total / unit:.1f} {name} ({shares})"
        if self.devices > 1:
            text += f" on each of {self.devices} devices"
        if self.path != "dense":
            text += (
                "; the dense path would take "
                f"{self.dense.total / unit:.1f} {name}"
            )
        return text + "."

    @property
    def _engine(self):
        return _ENGINES[self.backend]

    @property
    def _device_batch(self):
        if self.backend == "jax":
            return self.batch
        return math.ceil(self.batch / self.devices)

    def _share(self, classes):
        """Returns how many of some classes lie on each device."""
        if self.backend == "jax":
            return math.ceil(classes / self.devices)
        return classes

    def _rows(self, classes):
        """Returns the bytes of the centres of some classes."""
        return classes * self.sub_centers * self.embedding_dim * _FLOAT

    def _softmax_bytes(self, seen):
        """Returns what the softmax holds beside centres and gradient."""
        chunk, batch = self.chunk, self._device_batch
        if chunk is None:
            logits = self._engine.dense_logits * self._logits(self.classes_seen)
            copies = self._engine.dense_centers * seen
            if self._engine.dense_apart:
                return round(max(logits, copies))
            return round(logits + copies)
        each = _FLOAT if self.precision == "float32" else _FLOAT // 2
        kept = choose_kept(batch, chunk, self.sub_centers, each)
        kept = min(kept, self.classes_seen // chunk)
        return (
            kept * self._logits(chunk) * each // _FLOAT
            + _CHUNK_LOGITS * self._logits(chunk)
            + _CHUNK_CENTERS * self._rows(chunk)
        )

    def _logits(self, classes):
        """Returns the bytes of the float32 logits of some classes."""
        return self._device_batch * classes * self.sub_centers * _FLOAT
