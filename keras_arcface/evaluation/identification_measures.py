"""Every 1:N measure as a function of weights of the searches."""

from collections.abc import Sequence

import numpy as np

from keras_arcface.evaluation.identity_search import NOT_LISTED
from keras_arcface.evaluation.identity_search import Searches
from keras_arcface.evaluation.tradeoff import Tradeoff


class IdentificationMeasures:
    """Every 1:N measure of some searches, for any weights of the searches.

    Args:
        searches: Of one gallery.
        fpir_targets: Bounds, shares in (0, 1).
        open_set_rank: The R of FNIR(R, T).
    """

    def __init__(
        self,
        searches: Searches,
        fpir_targets: Sequence[float],
        open_set_rank: int,
    ):
        mated, rank = searches.mated, searches.rank
        if not mated.any():
            raise ValueError(
                "No probe's identity is in the gallery, so nothing can be "
                "found. Give probes of enrolled identities."
            )
        self.ranks = np.arange(1, searches.listed + 1)
        self.hits = ((rank[:, None] <= self.ranks) & (rank > 0)[:, None])[mated]
        self._mated = np.flatnonzero(mated)
        self.tradeoff = None
        if not mated.all():
            listed = (rank > 0) & (rank <= open_set_rank)
            score = np.where(listed, searches.mate_score, NOT_LISTED)
            score = np.where(mated, score, searches.top_score)
            self.tradeoff = Tradeoff(score, mated, fpir_targets, "fpir_targets")

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Returns "rank_1" and so on, and "fnir_at_0.01" and so on.

        Args:
            weights: Non-negative, float64, `(resamples, searches)`.
        """
        mated = weights[:, self._mated]
        total = mated.sum(1)
        total = np.where(total > 0, total, np.nan)
        rates = mated @ self.hits / total[:, None]
        values = {f"rank_{rank}": rates[:, rank - 1] for rank in self.ranks}
        if self.tradeoff is not None:
            some = self.tradeoff(weights[:, self.tradeoff.order])
            values.update(
                (name.replace("fnmr", "fnir"), value)
                for name, value in some.items()
                if name.startswith("fnmr")
            )
        return values

    def plain(self) -> dict[str, float]:
        """Returns every measure with each search counting once."""
        count = self._mated.size
        if self.tradeoff is not None:
            count = self.tradeoff.order.size
        values = self(np.ones((1, count)))
        return {name: float(value[0]) for name, value in values.items()}
