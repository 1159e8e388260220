"""What a gallery answers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_arcface.evaluation import SearchResult


class Candidate(NamedTuple):
    """Somebody who is enrolled, and how like a probe.

    Attributes:
        name: As enrolled.
        similarity: Cosine of the probe and the template.
    """

    name: str
    similarity: float


class Identification(NamedTuple):
    """Who a probe shows.

    Attributes:
        name: The most similar identity; None, the unknown, where that is
            below the threshold or nobody is enrolled.
        candidates: The k most similar, falling, whatever the threshold.
        threshold: What the decision was made at.
    """

    name: str | None
    candidates: tuple[Candidate, ...]
    threshold: float

    @property
    def similarity(self) -> float | None:
        """Cosine of the most similar identity; None in an empty gallery."""
        return self.candidates[0].similarity if self.candidates else None


class Enrolled(NamedTuple):
    """What a gallery keeps of one identity beside its template.

    Attributes:
        name: As enrolled.
        pictures: How many embeddings were averaged.
        weight: Sum of their qualities; `pictures` where none were given.
        agreement: Weighted mean cosine of these embeddings and the template:
            1 for one picture. A low one says that the pictures do not look
            like one person.
    """

    name: str
    pictures: int
    weight: float
    agreement: float


def decide(
    names: Sequence[str], found: SearchResult, threshold: float
) -> list[Identification]:
    """Turns what a search found into names, one decision a probe.

    Args:
        names: Of the rows that were searched.
        found: Candidates, falling.
        threshold: From which similarity on the first is known.
    """
    decisions = []
    for scores, rows in zip(*map(np.ndarray.tolist, found), strict=True):
        named = (names[row] for row in rows)
        candidates = tuple(map(Candidate, named, scores))
        known = candidates[0].name if scores[0] >= threshold else None
        decisions.append(Identification(known, candidates, threshold))
    return decisions
