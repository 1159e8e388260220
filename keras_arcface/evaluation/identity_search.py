"""Searches for identities, of which a gallery may hold several entries."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.labels import check_labels
from keras_arcface.evaluation.search import ExactIndex
from keras_arcface.evaluation.similarity import check_embeddings

NOT_LISTED = -2.0  # Below every cosine: no threshold accepts it.


class IdentityIndex(ExactIndex):
    """A gallery that finds identities: each by its most similar entry.

    Args:
        gallery: Real, `(entries, dim)`.
        labels: Integer identity of each entry, `(entries,)`.

    Attributes:
        identities: The distinct labels, ascending; columns are places here.
    """

    def __init__(self, gallery: ArrayLike, labels: ArrayLike):
        super().__init__(gallery)
        labels = check_labels(
            labels, len(self.gallery), "gallery_labels", "entry"
        )
        self.identities, counts = np.unique(labels, return_counts=True)
        self._order = np.argsort(labels, kind="stable")
        self._ends = np.append(0, np.cumsum(counts))
        self.columns = self.identities.size

    def cuts(self, width: int) -> list[tuple[int, int, int]]:
        """Returns (first identity, first entry, end): identities stay whole."""
        cuts, identity = [], 0
        while identity < self.columns:
            limit = self._ends[identity] + width
            after = np.searchsorted(self._ends, limit, side="right") - 1
            after = max(identity + 1, int(after))
            first, last = self._ends[identity], self._ends[after]
            cuts.append((identity, int(first), int(last)))
            identity = after
        return cuts

    def unit_entries(self, first: int, last: int) -> np.ndarray:
        """Returns entries, those of an identity together, as unit rows."""
        rows = self._order[first:last]
        units = self.gallery[rows] / self._lengths[rows][:, None]
        return units.astype(np.float32)

    def reduce(self, column: int, similarity: np.ndarray) -> np.ndarray:
        """Returns the best similarity of each identity in the block."""
        if self.columns == len(self.gallery):
            return similarity
        ends = self._ends - self._ends[column]
        inside = (ends >= 0) & (ends < similarity.shape[1])
        return np.maximum.reduceat(similarity, ends[inside], axis=1)


class Searches(NamedTuple):
    """What each search of a gallery gave.

    Attributes:
        labels: Identity of the probe, int `(searches,)`.
        mated: Whether the gallery holds it, bool.
        rank: Place of the mate among the identities, from 1; 0 where it is
            not on the list or there is none. An identity with the same score
            stands before the mate.
        mate_score: Cosine of the mate; -2 where `rank` is 0.
        top_score: The best cosine to any identity.
        listed: Length of the list: ranks above are not known.
        identities: Of the gallery. entries: Its rows.
    """

    labels: np.ndarray
    mated: np.ndarray
    rank: np.ndarray
    mate_score: np.ndarray
    top_score: np.ndarray
    listed: int
    identities: int
    entries: int


def search_identities(
    probes: ArrayLike,
    probe_labels: ArrayLike,
    gallery: ArrayLike,
    gallery_labels: ArrayLike,
    max_rank: int = 20,
) -> Searches:
    """Searches every probe in the gallery; an identity scores by its best row.

    Args:
        probes: Real, `(probes, dim)`, of any length.
        probe_labels: Integer identities, `(probes,)`.
        gallery: Real, `(entries, dim)`.
        gallery_labels: Integer identities, `(entries,)`.
        max_rank: Length of the list; that of the gallery where it is shorter.

    Raises:
        ValueError: when labels are no integers or an embedding has no
            direction.
    """
    probes = check_embeddings(probes)
    labels = check_labels(probe_labels, len(probes), "probe_labels", "image")
    index = IdentityIndex(gallery, gallery_labels)
    if max_rank < 1:
        raise ValueError(f"`max_rank` must be positive. Received: {max_rank}.")
    listed = min(max_rank, index.columns)
    # One more than listed: only so is a tie at the end of the list seen.
    scores, columns = index.search(probes, min(listed + 1, index.columns))
    is_mate = index.identities[columns] == labels[:, None]
    mate = scores[np.arange(len(probes)), is_mate.argmax(1)]
    rank = (scores >= mate[:, None]).sum(1)
    found = is_mate.any(1) & (rank <= listed)
    return Searches(
        labels=labels,
        mated=np.isin(labels, index.identities),
        rank=np.where(found, rank, 0),
        mate_score=np.where(found, mate.astype(np.float64), NOT_LISTED),
        top_score=scores[:, 0].astype(np.float64),
        listed=listed,
        identities=index.columns,
        entries=len(index.gallery),
    )
