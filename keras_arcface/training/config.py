"""What a training run is made of."""

import dataclasses
import json
import math
import numbers
import os
from pathlib import Path

from keras_arcface import margins
from keras_arcface.backbones.registry import BACKBONES
from keras_arcface.data.augment import AUGMENTATIONS

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
GLYPHS = "glyphs"
PER_CLASS = "per_class"


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """All that decides a training run; written to `config.json` beside it.

    Attributes:
        data: What `data.open_data` reads: a folder with one sub-folder an
            identity, a CSV list, a pack, TFRecords, a .rec file; or
            `"glyphs"`.
        output: Folder to write to.
        backbone: Name in `keras_arcface.backbones`. Defaults to
            `mobilefacenet`, for glyphs to `smallnet`.
        embedding_dim: Defaults to 512, for glyphs to 128.
        margin: As `margins.get` takes it: `0.5`, `"cosface:0.35"`, `"none"`;
            or `"per_class"`, wider for identities with fewer pictures.
        scale: Float or `"auto"`.
        sub_centers: Centres a class; 3 for noisy labels.
        sample_rate: Share of the classes that a step sees, in (0, 1].
        chunk_size: Classes a chunk of the softmax; 0 for all at once, None to
            choose by their number.
        epochs: Passes over the data.
        batch_size: Pictures a step.
        learning_rate: The peak, for SGD with momentum 0.9.
        lr_warmup: Share of the steps over which the rate rises from 0.
        margin_warmup: Share of the steps over which the margin grows; 0 for
            the full margin from the first step.
        weight_decay: As in the papers: coupled, see `CoupledSGD`.
        precision: Dtype policy.
        augment: One of `data.AUGMENTATIONS`. Defaults to `flip`, for glyphs
            to `shift`.
        holdout: Share of the identities that are kept to judge by.
        min_pictures: Identities with fewer pictures are left out.
        keep: CSV file of `keras-arcface clean`: which pictures to train on.
        image_size: Side of the pictures in pixels. Defaults to 112, for
            glyphs to 32.
        resize: Whether pictures of another size are resized.
        seed: Of everything that is random.
    """

    data: str
    output: str
    backbone: str | None = None
    embedding_dim: int | None = None
    margin: str | float = 0.5
    scale: str | float = "auto"
    sub_centers: int = 1
    sample_rate: float = 1.0
    chunk_size: int | None = None
    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 0.1
    lr_warmup: float = 0.05
    margin_warmup: float = 0.6
    weight_decay: float = 5e-4
    precision: str = "float32"
    augment: str | None = None
    holdout: float = 0.1
    min_pictures: int = 1
    keep: str | None = None
    image_size: int | None = None
    resize: bool = False
    seed: int = 0

    def __post_init__(self):
        glyphs = self.data == GLYPHS
        defaults = {
            "backbone": "smallnet" if glyphs else "mobilefacenet",
            "embedding_dim": 128 if glyphs else 512,
            "image_size": 32 if glyphs else 112,
            "augment": "shift" if glyphs else "flip",
        }
        for name, value in defaults.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        for name in ("data", "output", "keep"):
            if isinstance(getattr(self, name), os.PathLike):
                object.__setattr__(self, name, os.fspath(getattr(self, name)))
        for name in ("margin", "scale"):
            value = _number_or_text(getattr(self, name))
            object.__setattr__(self, name, value)
        self._check()

    def _check(self):
        if self.margin != PER_CLASS:
            margins.get(self.margin)
        if self.keep is not None and self.data == GLYPHS:
            raise ValueError("keep lists pictures of a folder, not of glyphs.")
        margins.check_scale(self.scale)
        for name in (
            "epochs",
            "batch_size",
            "embedding_dim",
            "sub_centers",
            "min_pictures",
            "image_size",
        ):
            check_integer(name, getattr(self, name), at_least=1)
            object.__setattr__(self, name, int(getattr(self, name)))
        if self.chunk_size is not None:
            check_integer("chunk_size", self.chunk_size, at_least=0)
            object.__setattr__(self, "chunk_size", int(self.chunk_size))
        check_seed(self.seed)
        object.__setattr__(self, "seed", int(self.seed))
        for name, holds, expected in (
            ("learning_rate", lambda x: 0 < x < math.inf, "positive"),
            ("weight_decay", lambda x: 0 <= x < math.inf, "0 or more"),
            ("lr_warmup", lambda x: 0 <= x < 1, "in [0, 1)"),
            ("margin_warmup", lambda x: 0 <= x < 1, "in [0, 1)"),
            ("sample_rate", lambda x: 0 < x <= 1, "in (0, 1]"),
            ("holdout", lambda x: 0 < x < 1, "in (0, 1)"),
        ):
            value = getattr(self, name)
            is_number = isinstance(value, numbers.Real)
            _require(is_number and holds(value), name, expected, self)
            object.__setattr__(self, name, float(value))
        _require(isinstance(self.resize, bool), "resize", "True or False", self)
        for name, choices in (
            ("precision", PRECISIONS),
            ("backbone", tuple(BACKBONES)),
            ("augment", tuple(AUGMENTATIONS)),
        ):
            text = "one of " + ", ".join(choices)
            _require(getattr(self, name) in choices, name, text, self)

    def to_json(self) -> dict:
        """Returns plain values; `from_json` reads them back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, path: str | os.PathLike) -> "TrainConfig":
        """Reads the `config.json` of a run."""
        try:
            values = json.loads(Path(path).read_text("utf-8"))
            return cls(**values)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{path} is no configuration of a training run: {error}."
            ) from error


def check_integer(name: str, value: object, at_least: int) -> None:
    """Refuses what is no integer, or less than `at_least`, by name."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < at_least:
        raise ValueError(
            f"{name} must be at least {at_least}, an integer. Received: "
            f"{name}={value!r}."
        )


def check_seed(seed: object) -> None:
    """Refuses what cannot seed Python, NumPy and TensorFlow alike."""
    check_integer("seed", seed, at_least=0)
    if seed >= 2**32:
        raise ValueError(f"seed must be below 2**32. Received: seed={seed!r}.")


def _require(holds, name, expected, config):
    if not holds:
        raise ValueError(
            f"{name} must be {expected}. Received: "
            f"{name}={getattr(config, name)!r}."
        )


def _number_or_text(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return value
