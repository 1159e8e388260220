"""Which classes train, validate and test: no class on two sides.

The classes keep their order. The first half is for training and validation,
cut into folds of neighbouring classes; the second half is the test half, of
which no training and no choice ever sees an example.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.labels import check_labels


@dataclass(frozen=True, eq=False)
class Fold:
    """Examples of one fold, by index.

    Attributes:
        train: Examples to train on, `(n,)`.
        train_labels: Their classes, 0..C-1 without gaps, `(n,)`.
        validation: Examples to choose by, `(m,)`.
        validation_labels: Their classes, `(m,)`.
    """

    train: np.ndarray
    train_labels: np.ndarray
    validation: np.ndarray
    validation_labels: np.ndarray


@dataclass(frozen=True, eq=False)
class Split:
    """Folds of the first half, and the examples of the second.

    Attributes:
        folds: With like many classes in each: `validation_classes` of them
            to validate by, the rest of the half to train on.
        test: Examples of the test half, `(k,)`.
        test_labels: Their classes, `(k,)`.
    """

    folds: tuple[Fold, ...]
    test: np.ndarray
    test_labels: np.ndarray


def class_disjoint_split(labels: ArrayLike, folds: int) -> Split:
    """Splits examples by class as the Reality Check does.

    Of C classes the first C // 2 are for training and validation. Fold f
    validates by a block of C // 2 // folds neighbouring classes, the f-th, and
    trains on the others, from behind the block on and around the end. What
    does not divide by the folds is never in a validation block, so that all
    folds have equally many classes.

    Args:
        labels: Integer classes `(n,)`; their order is that of the numbers.
        folds: At least 2.

    Raises:
        ValueError: when labels are no integers, or a part would have fewer
            than two classes, or none with the two examples that retrieval
            needs.

    Reference:
    - [Musgrave et al., 2020, "A Metric Learning Reality Check"]
      (https://arxiv.org/abs/2003.08505), section 3.2

    Example:

    >>> split = class_disjoint_split(np.repeat(np.arange(8), 3), folds=2)
    >>> set(split.folds[0].validation_labels.tolist())
    {0, 1}
    >>> set(split.test_labels.tolist()) == {4, 5, 6, 7}
    True
    """
    labels = check_labels(labels, len(labels))
    classes = np.unique(labels)
    half = len(classes) // 2
    block = half // folds
    if folds < 2 or block < 2:
        raise ValueError(
            "Every one of at least two folds needs two classes to validate "
            f"by, of the first half of all. Received: folds={folds} for "
            f"{len(classes)} classes. Bring more classes or take fewer folds."
        )
    split = Split(
        tuple(
            _fold(labels, classes[:half], fold * block, block)
            for fold in range(folds)
        ),
        *_examples(labels, classes[half:]),
    )
    _check(split)
    return split


def _fold(labels: np.ndarray, half: np.ndarray, start: int, block: int) -> Fold:
    around = np.roll(half, -start)
    rows, own = _examples(labels, around[block:])
    ids = np.unique(own, return_inverse=True)[1]
    return Fold(rows, ids, *_examples(labels, around[:block]))


def _examples(
    labels: np.ndarray, classes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    rows = np.flatnonzero(np.isin(labels, classes))
    return rows, labels[rows]


def _check(split: Split) -> None:
    """Whatever is measured must have something to find."""
    parts: dict[str, np.ndarray] = {"the test half": split.test_labels}
    for number, fold in enumerate(split.folds, start=1):
        parts[f"the validation of fold {number}"] = fold.validation_labels
    for name, labels in parts.items():
        if _most(labels) < 2:
            raise ValueError(
                f"No class of {name} has two examples, so nothing can be "
                "found for any of them. Bring more examples of each class."
            )


def _most(labels: np.ndarray) -> int:
    return int(np.unique(labels, return_counts=True)[1].max())
