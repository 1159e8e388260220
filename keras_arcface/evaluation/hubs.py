"""Which embeddings are among the nearest of too many others, or of none."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.labels import check_labels
from keras_arcface.evaluation.search import ExactIndex
from keras_arcface.evaluation.similarity import check_embeddings
from keras_arcface.evaluation.similarity import row_lengths
from keras_arcface.evaluation.tables import jsonable


@dataclass(frozen=True)
class Hubness:
    """How often embeddings are among the k nearest of others: N_k.

    Attributes:
        k: Neighbours of each embedding.
        skewness: Third standardised moment of N_k: 0 where it is spread alike
            on both sides, above 1 where few are everywhere near.
        anti_hubs: Share of the embeddings that are among the k nearest of
            none.
        worst_hub: Row of the embedding that is so most often, the first of
            several.
        worst_hub_lists: How many lists it is on.
        worst_hub_strangers: How many of these belong to another class; None
            without labels.
        worst_stranger: Row of the embedding that is most often so of others
            of another class, which a large class cannot make it; None without
            labels, and where no list holds another class.
        worst_stranger_lists: On how many lists of another class it is.
        occurrences: Pairs (N_k, embeddings with it), rising; none is left
            out but those that no embedding has.
        of: Embeddings that were looked at.
    """

    k: int
    skewness: float
    anti_hubs: float
    worst_hub: int
    worst_hub_lists: int
    worst_hub_strangers: int | None
    worst_stranger: int | None
    worst_stranger_lists: int | None
    occurrences: tuple[tuple[int, int], ...]
    of: int

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values ready for JSON."""
        return jsonable(dataclasses.asdict(self))


def hubness(
    embeddings: ArrayLike,
    labels: ArrayLike | None = None,
    k: int = 10,
    most: int | None = None,
    seed: int = 0,
) -> Hubness:
    """Counts how often each embedding is among the k nearest of others.

    By cosine, in float32, each without itself, block by block. In many
    dimensions some points become near to everything (hubs): as an enrolled
    picture such a one is a false match for many. Of equally near ones the
    first rows count, so copies of one picture share unequally.

    Args:
        embeddings: Real `(images, dim)`, of any length.
        labels: Optional integer classes, `(images,)`.
        k: Neighbours of each, from 1 to `images - 2`.
        most: The most embeddings that are looked at, drawn at random when
            there are more; neighbours are then looked for among these. None
            for all: the time grows with `images^2 * dim`.
        seed: Of the draw.

    Raises:
        ValueError: when k does not fit or an embedding has no direction.

    Reference:
    - Radovanovic et al., 2010, "Hubs in Space: Popular Nearest Neighbors in
      High-Dimensional Data", JMLR 11.

    Example: the first of five is the nearest of all others.

    >>> points = np.vstack([np.ones(4), np.eye(4)])
    >>> keras_arcface.evaluation.hubness(points, k=1).occurrences
    ((0, 3), (1, 1), (4, 1))
    """
    embeddings = check_embeddings(embeddings)
    if labels is not None:
        labels = check_labels(labels, len(embeddings))
    rows = np.arange(len(embeddings))
    if most is not None and most < rows.size:
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.choice(rows.size, most, replace=False))
    if not 1 <= k <= rows.size - 2:
        raise ValueError(
            "`k` must be from 1 to the number of embeddings less two. "
            f"Received: k={k} for {rows.size} embeddings."
        )
    row_lengths(embeddings)  # So that an error names the row of all.
    some = embeddings if rows.size == len(embeddings) else embeddings[rows]
    places = np.arange(rows.size)
    found = ExactIndex(some).search(some, k, excluded=places).indices
    times = np.bincount(found.ravel(), minlength=rows.size)
    worst, worst_lists = _most(times, rows)
    strangers = stranger = stranger_lists = None
    if labels is not None:
        known = labels[rows]
        wrong = found[known[found] != known[:, None]]
        strangers = int((rows[wrong] == worst).sum())
        if wrong.size:
            stranger, stranger_lists = _most(np.bincount(wrong), rows)
    values, counts = np.unique(times, return_counts=True)
    return Hubness(
        k=k,
        skewness=_skewness(times),
        anti_hubs=float((times == 0).mean()),
        worst_hub=worst,
        worst_hub_lists=worst_lists,
        worst_hub_strangers=strangers,
        worst_stranger=stranger,
        worst_stranger_lists=stranger_lists,
        occurrences=tuple(zip(values.tolist(), counts.tolist(), strict=True)),
        of=int(rows.size),
    )


def _most(times, rows):
    place = int(times.argmax())
    return int(rows[place]), int(times[place])


def _skewness(times):
    """Returns the third standardised moment; 0 where all are equal."""
    away = times - times.mean()
    deviation = np.sqrt(np.mean(away**2))
    return float(np.mean(away**3) / deviation**3) if deviation > 0 else 0.0
