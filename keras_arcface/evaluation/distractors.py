"""MegaFace's question: does the mate still win among a million strangers?"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.bootstrap import bootstrap_samples
from keras_arcface.evaluation.bootstrap import percentile_interval
from keras_arcface.evaluation.intervals import NOTHING_KNOWN
from keras_arcface.evaluation.intervals import widened
from keras_arcface.evaluation.labels import check_labels
from keras_arcface.evaluation.search import ExactIndex
from keras_arcface.evaluation.similarity import check_embeddings
from keras_arcface.evaluation.similarity import cosine_similarity
from keras_arcface.evaluation.tables import aligned
from keras_arcface.evaluation.tables import jsonable
from keras_arcface.evaluation.tables import percent
from keras_arcface.evaluation.tables import percent_range
from keras_arcface.evaluation.top_k import TopK


@dataclass(frozen=True)
class DistractorCurve:
    """Rank-k identification against growing sets of distractors.

    Attributes:
        sizes: Distractors in each set; the smaller ones are in the larger.
        rates: By rank k, one share a size: searches whose mate is more similar
            than all but k - 1 distractors.
        intervals: 95 % bootstrap intervals over subjects, as `rates`; NaN
            without bootstrap.
        searches: Ordered pairs of pictures of one identity.
        subjects: Identities with two pictures or more.
        lone_pictures: Pictures without a mate, which search for nothing.
        bootstrap: How many resamples.
    """

    sizes: tuple[int, ...]
    rates: dict[int, tuple[float, ...]]
    intervals: dict[int, tuple[tuple[float, float], ...]]
    searches: int
    subjects: int
    lone_pictures: int
    bootstrap: int

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values ready for JSON; what is NaN becomes None."""
        return jsonable(dataclasses.asdict(self))

    def summary(self) -> str:
        """Returns the curve as a table for a terminal."""
        rows = [("distractors", *[f"rank-{k}, 95%" for k in self.rates], "")]
        for place, size in enumerate(self.sizes):
            cells = [
                f"{percent(self.rates[k][place])} "
                f"{percent_range(self.intervals[k][place])}".rstrip()
                for k in self.rates
            ]
            rows.append((f"{size:,}", *cells, ""))
        return "\n".join(
            [
                f"{self.searches:,} searches of {self.subjects:,} subjects; "
                f"{self.lone_pictures:,} pictures without a mate",
                *aligned(rows),
            ]
        )


def distractor_curve(
    probes: ArrayLike,
    labels: ArrayLike,
    distractors: ArrayLike,
    sizes: Sequence[int] | None = None,
    *,
    ranks: Sequence[int] = (1,),
    bootstrap: int = 1000,
    seed: int = 0,
) -> DistractorCurve:
    """Returns rank-k rates against the first 10, 100, ... distractors.

    As in MegaFace's first challenge: for every ordered pair of pictures of an
    identity one is searched for in a gallery of the other and the distractors
    alone. A distractor as similar as the mate stands before it. Sets are drawn
    at random and nested.

    Args:
        probes: Real, `(probes, dim)`, of any length.
        labels: Integer identities, `(probes,)`.
        distractors: Real, `(distractors, dim)`; of none of these identities.
        sizes: Rising; defaults to 10, 100, 1,000 ... and all.
        ranks: Which k.
        bootstrap: Resamples of identities; 0 for no intervals.
        seed: Of the drawing of sets and of the bootstrap.

    Raises:
        ValueError: when a size or rank does not fit, or no identity has two
            pictures.

    Reference:
    - Kemelmacher-Shlizerman et al., 2016, "The MegaFace Benchmark: 1 Million
      Faces for Recognition at Scale", CVPR.
    """
    probes = check_embeddings(probes)
    labels = check_labels(labels, len(probes), "labels", "image")
    index = _Shuffled(distractors, seed)
    sizes = _check_sizes(sizes, index.columns)
    _check_ranks(ranks, sizes[0])
    probe, mate = _ordered_pairs(labels)
    subject = np.unique(labels[probe], return_inverse=True)[1]
    mates = cosine_similarity(probes, probe, mate).astype(np.float32)
    hits = _hits(index, probes, probe, mates, sizes, ranks)
    trials = np.bincount(subject)
    samples = _samples(hits, subject, trials, bootstrap, seed)
    rates, intervals = {}, {}
    for place, k in enumerate(ranks):
        errors = [int((~row).sum()) for row in hits[place]]
        rates[k] = tuple(1 - wrong / probe.size for wrong in errors)
        intervals[k] = tuple(
            _interval(samples, (place, size), wrong, probe.size)
            for size, wrong in enumerate(errors)
        )
    return DistractorCurve(
        sizes=sizes,
        rates=rates,
        intervals=intervals,
        searches=int(probe.size),
        subjects=trials.size,
        lone_pictures=int(labels.size - np.unique(probe).size),
        bootstrap=bootstrap,
    )


class _Shuffled(ExactIndex):
    """Distractors in a drawn order, searched in parts."""

    def __init__(self, distractors, seed):
        super().__init__(distractors)
        self._order = np.random.default_rng(seed).permutation(self.columns)
        self.part = (0, self.columns)

    def cuts(self, width):
        start, stop = self.part
        return [
            (first, first, min(first + width, stop))
            for first in range(start, stop, width)
        ]

    def unit_entries(self, first, last):
        rows = self._order[first:last]
        units = self.gallery[rows] / self._lengths[rows][:, None]
        return units.astype(np.float32)


def _hits(index, probes, probe, mates, sizes, ranks):
    """Returns whether each search hits, `(ranks, sizes, searches)`."""
    units = index.unit_probes(probes)
    best = TopK(len(units), max(ranks))
    hits = np.empty((len(ranks), len(sizes), probe.size), bool)
    start = 0
    for place, size in enumerate(sizes):
        index.part = (start, size)
        index.visit(
            units, lambda row, column, block: best.update(row, block, column), 1
        )
        scores = best.result()[0]
        for number, k in enumerate(ranks):
            hits[number, place] = mates > scores[probe, k - 1]
        start = size
    return hits


def _samples(hits, subject, trials, bootstrap, seed):
    """Returns rates in every resample by places of rank and size."""
    if not bootstrap:
        return None
    counts = {
        place: np.bincount(subject, weights=hits[place])
        for place in np.ndindex(hits.shape[:2])
    }

    def rates(weights):
        total = weights @ trials
        return {place: weights @ some / total for place, some in counts.items()}

    names = np.arange(trials.size)
    return bootstrap_samples(
        rates,
        np.ones(trials.size, bool),
        subject_left=names,
        subject_right=names,
        resamples=bootstrap,
        seed=seed,
    )


def _interval(samples, name, errors, trials):
    if samples is None:
        return NOTHING_KNOWN
    return widened(percentile_interval(samples[name]), trials - errors, trials)


def _ordered_pairs(labels):
    probe, mate = [], []
    order = np.argsort(labels, kind="stable")
    _, counts = np.unique(labels, return_counts=True)
    for rows in np.split(order, np.cumsum(counts)[:-1]):
        one, other = np.nonzero(~np.eye(rows.size, dtype=bool))
        probe.append(rows[one])
        mate.append(rows[other])
    probe, mate = np.concatenate(probe), np.concatenate(mate)
    if not probe.size:
        raise ValueError(
            "Every identity has one picture, so no search has a mate. Give at "
            "least two pictures of some identity."
        )
    return probe, mate


def _check_sizes(sizes, most):
    if sizes is None:
        powers = [10**power for power in range(1, 10) if 10**power < most]
        sizes = (*powers, most)
    sizes = tuple(int(size) for size in sizes)
    rising = all(a < b for a, b in zip(sizes, sizes[1:], strict=False))
    if not sizes or sizes[0] < 1 or sizes[-1] > most or not rising:
        raise ValueError(
            f"`sizes` must rise from at least 1 to at most the {most:,} "
            f"distractors. Received: {sizes}."
        )
    return sizes


def _check_ranks(ranks, smallest):
    if not ranks or min(ranks) < 1 or max(ranks) > smallest:
        raise ValueError(
            f"`ranks` must be from 1 to the smallest set's {smallest:,} "
            f"distractors. Received: {tuple(ranks)}."
        )
