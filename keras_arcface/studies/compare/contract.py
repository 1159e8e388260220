"""What a comparison asks of the data, of a loss, and of what trains it."""

import hashlib
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import Protocol as Interface
from typing import TypedDict

import numpy as np

from keras_arcface.studies.compare.protocol import Protocol

Embed = Callable[[np.ndarray], np.ndarray]
"""Examples `(n, ...)` to unit embeddings `(n, dim)`, float32. It goes on giving
the same when something else is trained after it."""

Judge = Callable[[Embed], float]
"""The protocol's metric on the validation classes of the fold, in [0, 1]."""


@dataclass(frozen=True, eq=False)
class Examples:
    """What is trained on and judged by.

    Attributes:
        name: For the reader.
        sha256: Of the content, hexadecimal.
        x: Features `(n, dim)` float32, or pictures `(n, height, width, 3)`
            uint8.
        labels: Integer classes `(n,)`, 0..C-1 in their order.
    """

    name: str
    sha256: str
    x: np.ndarray
    labels: np.ndarray

    def content(self) -> str:
        """Returns the SHA-256 of the arrays themselves.

        `sha256` may be that of what they were made from: features are named
        by their pictures and network, and come out of a cache.
        """
        digest = hashlib.sha256(str((self.x.shape, self.x.dtype)).encode())
        digest.update(np.ascontiguousarray(self.x))
        digest.update(np.ascontiguousarray(self.labels, "<i8"))
        return digest.hexdigest()


class Range(Interface):
    """One setting's range; those of `keras_arcface.ranges` are ones."""

    def sample(self, u: float) -> Any:
        """Returns the value at `u` in [0, 1)."""

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values ready for JSON, equal for equal ranges."""


class Candidate(Interface):
    """A loss, or a baseline, that takes part.

    `kind` is "class" (it has class centres), "pair" (it has none) or
    "baseline" (what is always printed). `search_space` maps names of settings
    to their ranges; empty where there is nothing to choose.
    """

    name: str
    kind: str
    search_space: Mapping[str, Range]


class History(TypedDict, total=False):
    """What a training says of itself; plain values.

    `steps` were done in all, `best_step` is that of the checkpoint that came
    back (0: before the first), on `augmentation` and `batch_size`. They are
    checked against the protocol; a baseline that trains nothing leaves them
    out.
    """

    steps: int
    best_step: int
    batch_size: int
    augmentation: str


class Fit(Interface):
    """Trains one loss with one setting on one fold."""

    def __call__(
        self,
        candidate: Candidate,
        settings: Mapping[str, Any],
        protocol: Protocol,
        train_x: np.ndarray,
        train_y: np.ndarray,
        judge: Judge,
        seed: int,
    ) -> tuple[Embed, History]:
        """Returns the checkpoint that `judge` liked best.

        It takes `protocol.steps` steps and asks `judge` every
        `protocol.evaluate_every` steps and at the end: of equally good ones
        the first is kept. Equal arguments give equal results.

        Args:
            candidate: The loss.
            settings: A value for each name of its `search_space`.
            protocol: Everything else.
            train_x: Examples of the training classes.
            train_y: Their classes, 0..C-1 without gaps, int64.
            judge: Judges an `Embed` on the fold's validation classes.
            seed: Of weights and order.

        Raises:
            FloatingPointError: when the training diverged.
        """
