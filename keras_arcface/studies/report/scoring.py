"""The scored pairs of a report, and their halves for calibration."""

import dataclasses
from typing import NamedTuple

import numpy as np

from keras_arcface import evaluation
from keras_arcface.data import Pairs
from keras_arcface.studies.report.drawing_pairs import draw_pairs
from keras_arcface.studies.report.judged import Judged
from keras_arcface.training.verification import pairs_for


@dataclasses.dataclass(frozen=True, eq=False)
class Scored:
    """Pairs with their cosines.

    Attributes:
        left, right: Rows, int64 `(pairs,)`.
        is_same: Whether both are of one identity, bool `(pairs,)`.
        similarity: Cosines, float64 `(pairs,)`.
        subjects: Identity of each row, int64 `(n,)`; None where nobody says.
        fold: Fold of each pair, int64 `(pairs,)`; None without folds.
        rule: Which pairs these are, in words.
    """

    left: np.ndarray
    right: np.ndarray
    is_same: np.ndarray
    similarity: np.ndarray
    subjects: np.ndarray | None
    fold: np.ndarray | None
    rule: str

    def __len__(self) -> int:
        return len(self.is_same)

    @property
    def sides(self) -> dict:
        """Returns the subjects as the functions of `evaluation` take them."""
        if self.subjects is None:
            return {"subject_left": None, "subject_right": None}
        return {
            "subject_left": self.subjects[self.left],
            "subject_right": self.subjects[self.right],
        }

    @property
    def resamples(self) -> int:
        """Returns how many resamples these pairs allow in a minute or so."""
        return int(np.clip(10**8 // len(self), 200, 1000))

    def at(self, mask: np.ndarray) -> "Scored":
        """Returns the pairs of a mask `(pairs,)`."""
        return dataclasses.replace(
            self,
            left=self.left[mask],
            right=self.right[mask],
            is_same=self.is_same[mask],
            similarity=self.similarity[mask],
            fold=None if self.fold is None else self.fold[mask],
        )


class Halves(NamedTuple):
    """Pairs to calibrate a threshold on, and others to check it on."""

    development: Scored
    check: Scored
    rule: str


def score_protocol(judged: Judged, seed: int) -> tuple[Pairs, np.ndarray, str]:
    """Returns the pairs of the 10-fold protocol, their cosines, and the rule.

    Raises:
        ValueError: when there are too few identities to draw pairs of.
    """
    pairs, rule = judged.pairs, "the pairs of the list, in its folds"
    if pairs is None:
        pairs = pairs_for(judged.labels, seed=seed)
        rule = (
            f"{len(pairs):,} pairs drawn as `keras-arcface evaluate` draws "
            f"them: half genuine, no identity in two folds (seed {seed})"
        )
    return pairs, _cosines(judged, pairs.left, pairs.right), rule


def score_pairs(judged: Judged, most: int, seed: int) -> Scored:
    """Returns the pairs that error rates are counted on.

    Raises:
        ValueError: when there is none.
    """
    pairs = judged.pairs
    if pairs is not None:
        left, right, is_same = pairs.left, pairs.right, pairs.is_same
        rule, fold = f"all {len(pairs):,} pairs of the list", pairs.fold
    else:
        left, right, is_same, rule = draw_pairs(judged.labels, most, seed)
        fold = None
    if not len(is_same):
        raise ValueError(
            f"There is no pair to judge by in {judged.source}. Give two "
            "identities or more, one of them with two pictures."
        )
    similarity = _cosines(judged, left, right)
    return Scored(left, right, is_same, similarity, judged.labels, fold, rule)


def halves(scored: Scored, seed: int) -> Halves:
    """Returns two halves that share nothing a threshold could learn.

    Raises:
        ValueError: when the pairs cannot be divided.
    """
    if scored.fold is not None:
        folds = np.unique(scored.fold)
        if len(folds) < 2:
            raise ValueError(
                "the pairs are of one fold, so there is no other half to check "
                "a threshold on."
            )
        first = np.isin(scored.fold, folds[: len(folds) // 2])
        rule = (
            f"calibrated on the first {len(folds) // 2} folds, checked on the "
            f"other {len(folds) - len(folds) // 2}"
        )
        return Halves(scored.at(first), scored.at(~first), rule)
    identities = np.unique(scored.subjects)
    order = np.random.default_rng(seed).permutation(len(identities))
    half = np.isin(scored.subjects, identities[order[: len(identities) // 2]])
    left, right = half[scored.left], half[scored.right]
    rule = (
        f"calibrated on pairs of {len(identities) // 2:,} identities, checked "
        f"on pairs of the other {len(identities) - len(identities) // 2:,} "
        f"(drawn at random, seed {seed}); pairs across the halves are left out"
    )
    return Halves(scored.at(left & right), scored.at(~left & ~right), rule)


def _cosines(judged, left, right):
    return evaluation.cosine_similarity(judged.embeddings, left, right)
