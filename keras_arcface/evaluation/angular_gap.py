"""The empty angle between neighbouring classes: what a margin is to open."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.class_angles import directed_means
from keras_arcface.evaluation.similarity import row_lengths

_OPPOSITE, _ROUNDING = 1e-9, 1e-12


@dataclasses.dataclass(frozen=True)
class AngularGaps:
    """The gaps between neighbouring classes, one row a pair; degrees.

    A negative gap is an overlap.

    Attributes:
        pairs: Class ids of the neighbours, `(pairs, 2)`.
        between: Angle between the two embedding centres, `(pairs,)`.
        robust: Gap with the farthest `tail` of each class left out.
        raw: Gap with every picture: one stray picture decides it.
        tail: Share of a class's pictures left out on the side that faces the
            neighbour.
    """

    pairs: np.ndarray
    between: np.ndarray
    robust: np.ndarray
    raw: np.ndarray
    tail: float

    def of_classes(self) -> np.ndarray:
        """Returns the robust gap of each class to its nearest neighbour.

        By ascending class id, `(classes,)`. Unlike the mean over the pairs it
        does not depend on how many neighbours a class has.
        """
        classes = np.unique(self.pairs)
        mine = (self.pairs[:, :, None] == classes).any(axis=1)
        return np.where(mine, self.robust[:, None], np.inf).min(axis=0)


def angular_gaps(
    embeddings: ArrayLike, labels: ArrayLike, tail: float = 0.05
) -> AngularGaps:
    """Returns the angular gap between every two neighbouring classes.

        gap(a, b) = angle(centre of a, centre of b)
                    - reach of a towards b - reach of b towards a

    Centres are the means of unit embeddings. The reach of a class is how far
    its pictures turn from its own centre towards the other, seen in the plane
    of the two centres: the (1 - tail) quantile for the robust gap, the maximum
    for the raw one. In two dimensions the gap is the empty arc on the circle.

    Two classes are neighbours where no third centre lies in the cap around the
    middle between their two centres that has those on its rim. In the plane
    these are the classes next to each other on the circle, less two with half
    the circle or more between them.

    For features of two or three dimensions. In many dimensions nearly all
    classes are neighbours, and what lies beside the plane of two centres is
    most of an embedding.

    Args:
        embeddings: Real `(images, dim)`, of any length.
        labels: Integers `(images,)`, of two or more classes.
        tail: Share in [0, 0.5).

    Raises:
        ValueError: for a tail that is none, for one class alone, or where a
            class or an embedding has no direction.

    Example:

    >>> degrees = np.radians([0, 10, 80, 90])
    >>> on_circle = np.stack([np.cos(degrees), np.sin(degrees)], axis=1)
    >>> gaps = keras_arcface.evaluation.angular_gaps(on_circle, [0, 0, 1, 1])
    >>> gaps.raw.round(6)
    array([70.])
    """
    if not 0 <= tail < 0.5:
        raise ValueError(f"`tail` must be in [0, 0.5). Received: {tail}.")
    means, classes = directed_means(embeddings, labels)
    if len(classes) < 2:
        raise ValueError(
            "A gap lies between two classes. Received: labels of "
            f"{len(classes)}."
        )
    centers = _unit(means)
    unit = _unit(np.asarray(embeddings, np.float64))
    members = [unit[np.asarray(labels) == c] for c in classes]
    rows = [
        (a, b, *_gap(centers, members, a, b, tail))
        for a, b in _neighbours(centers)
    ]
    first, second, between, robust, raw = map(np.array, zip(*rows, strict=True))
    pairs = np.stack([classes[first], classes[second]], axis=1)
    return AngularGaps(pairs, between, robust, raw, tail)


def _unit(vectors):
    return vectors / row_lengths(vectors)[:, None]


def _neighbours(centers):
    """Yields (a, b), a < b; the nearest two are always among them."""
    for a in range(len(centers) - 1):
        middles = centers[a] + centers[a + 1 :]
        to_own = middles @ centers[a]
        to_all = middles @ centers.T
        for offset, others in enumerate(to_all):
            b = a + 1 + offset
            third = np.delete(others, [a, b])
            # Opposite centres have no middle, and need no third between.
            if not third.size or (
                to_own[offset] > _OPPOSITE
                and third.max() <= to_own[offset] + _ROUNDING
            ):
                yield a, b


def _gap(centers, members, a, b, tail):
    """Returns the angle between two centres, robust gap and raw gap."""
    half = np.linalg.norm(centers[a] - centers[b]) / 2
    between = np.degrees(2 * np.arcsin(min(1.0, half)))
    one = _turns(members[a], centers[a], centers[b])
    other = _turns(members[b], centers[b], centers[a])
    robust = _reach(one, tail) + _reach(other, tail)
    return between, between - robust, between - one.max() - other.max()


def _turns(unit, center, towards):
    """Returns how far vectors turn from `center` to `towards`, degrees."""
    side = towards - (towards @ center) * center
    length = np.linalg.norm(side)
    if length < 1e-12:
        raise ValueError(
            "Two classes have the same or opposite centres: there is no "
            "direction from one to the other."
        )
    return np.degrees(np.arctan2(unit @ (side / length), unit @ center))


def _reach(turns, tail):
    return np.quantile(turns, 1 - tail)
