"""What all losses of a comparison share, frozen and hashed."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_arcface.studies.compare.protocol_checks import check_protocol
from keras_arcface.utils.files import write_json
from keras_arcface.version import __version__

FILE = "protocol.json"


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Everything that decides a comparison, but for the loss itself.

    Two numbers may be compared where the `hash` beside them is the same. It
    covers every field: the data by content, the ranges in which each loss
    searches its settings, and the version of this package.

    Args:
        budget: "smoke", "small" or "full": which defaults these are.
        data: Name of the data, for the reader.
        data_hash: SHA-256 of its content, hexadecimal.
        classes: Identities in it.
        samples: Pictures in it.
        input_shape: Of one example that is trained on: `(height, width, 3)`
            for pictures, `(dim,)` for features.
        backbone: What is trained, or what made the features.
        embedding_dim: Length of the embedding that every loss gets.
        batch_norm: "train", "frozen", or "none" where there is none.
        augmentation: As the data's `batches` take it; "none" for none.
        optimizer: Name, the same for all losses.
        learning_rate: Of all weights but class centres, unless a loss's own
            ranges hold a `learning_rate`.
        weight_decay: Of all weights but class centres.
        batch_size: Examples a step, for every loss.
        pair_samples: Examples of a class in a batch, even, for losses of pairs
            (`batch_size / pair_samples` classes).
        class_samples: The same for losses with class centres; 0 shuffles
            without regard to classes.
        steps: Steps of every training, neither more nor less.
        evaluate_every: Steps between looks at the validation classes.
        folds: Folds of the first half of the classes.
        trials: Settings tried for each loss that has any.
        searcher: How they are drawn: "sobol", "random" or "optuna".
        seeds: Trainings of the chosen setting for each fold at the end.
        seed: Of everything that is drawn.
        metric: By which checkpoints and settings are chosen.
        losses: By name, `{"kind": ..., "search_space": {name: range}}`, ranges
            as `keras_arcface.ranges` writes them.
        version: Of this package.

    Raises:
        ValueError: for values that no comparison can have.
    """

    budget: str
    data: str
    data_hash: str
    classes: int
    samples: int
    input_shape: tuple[int, ...]
    backbone: str
    embedding_dim: int
    batch_norm: str
    augmentation: str
    optimizer: str
    learning_rate: float
    weight_decay: float
    batch_size: int
    pair_samples: int
    class_samples: int
    steps: int
    evaluate_every: int
    folds: int
    trials: int
    searcher: str
    seeds: int
    seed: int
    metric: str
    losses: Mapping[str, Mapping[str, Any]]
    version: str = __version__

    def __post_init__(self):
        object.__setattr__(self, "input_shape", tuple(self.input_shape))
        check_protocol(self)

    @property
    def hash(self) -> str:
        """SHA-256 of all fields as canonical JSON, hexadecimal."""
        return sha256_of(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values ready for JSON."""
        return json.loads(canonical(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Protocol":
        """Returns the protocol that `to_dict` wrote.

        Raises:
            ValueError: for a field too many or too few, or a bad value.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        unlike = names ^ set(values)
        if unlike:
            raise ValueError(
                "A protocol has the fields of `Protocol`, all of them. "
                f"Missing or unknown: {', '.join(sorted(unlike))}."
            )
        return cls(**values)

    def save(self, folder: str | os.PathLike) -> Path:
        """Writes `protocol.json` into a folder, hash included."""
        path = Path(folder) / FILE
        write_json(path, {"hash": self.hash, **self.to_dict()})
        return path

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Protocol":
        """Reads a `protocol.json`.

        Raises:
            FileNotFoundError: when it is not there.
            ValueError: when it is no protocol, or was edited: its hash does
                not fit.
        """
        path = Path(path)
        try:
            values = json.loads(path.read_text("utf-8"))
            stated = values.pop("hash")
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise ValueError(f"{path} is no protocol: {error!r}.") from error
        protocol = cls.from_dict(values)
        if protocol.hash != stated:
            raise ValueError(
                f"{path} was edited: it states the hash {str(stated)[:12]} and "
                f"has {protocol.hash[:12]}. Give the changed values to a new "
                "comparison in a new folder."
            )
        return protocol

    def differences(self, other: "Protocol") -> list[str]:
        """Returns where two protocols differ, in words."""
        mine, theirs = self.to_dict(), other.to_dict()
        return [
            f"{name}: {_short(mine[name])} here, {_short(theirs[name])} there"
            for name in mine
            if mine[name] != theirs[name]
        ]

    def trials_of(self, loss: str) -> int:
        """Returns how many settings of a loss are tried.

        `trials` for each; one where there is nothing to choose.
        """
        return self.trials if self.losses[loss]["search_space"] else 1

    @property
    def looks(self) -> int:
        """How often a training is judged on the validation classes."""
        return -(-self.steps // self.evaluate_every)

    @property
    def trainings(self) -> int:
        """How many trainings the whole comparison takes."""
        searched = sum(map(self.trials_of, self.losses))
        return self.folds * (searched + self.seeds * len(self.losses))


def canonical(value: Any) -> str:
    """Returns the one JSON text of a value: sorted, no spaces, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), allow_nan=False
    )


def sha256_of(value: Any) -> str:
    """Returns the SHA-256 of a value's canonical JSON, hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def _short(value):
    text = canonical(value)
    return text if len(text) <= 60 else text[:57] + "..."
