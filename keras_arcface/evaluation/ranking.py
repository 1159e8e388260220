"""Retrieval: how well the references of its class rank for each query.

For a query with R references of its class, the best R of all are looked at:

    R-Precision = right ones among them / R
    MAP@R       = sum of precision at i over the right places i <= R, / R

and CMC@k is whether any of the best k is right; Precision@1 is CMC@1.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.labels import check_labels
from keras_arcface.evaluation.search import ExactIndex
from keras_arcface.evaluation.search import check_k
from keras_arcface.evaluation.similarity import check_embeddings
from keras_arcface.evaluation.similarity import row_lengths
from keras_arcface.evaluation.tables import aligned
from keras_arcface.evaluation.tables import jsonable
from keras_arcface.evaluation.tables import percent

LIST_ELEMENTS = 8_000_000


@dataclass(frozen=True)
class RetrievalReport:
    """Means over the queries that have something to find. Shares.

    Attributes:
        precision_at_1: The first result is right.
        r_precision: Right ones among the first R, over R.
        map_at_r: Mean average precision at R: rewards right ones in front.
        cmc: By k, whether any of the first k is right.
        queries: Queries that were asked.
        lone_queries: Queries without a reference of their class. They are
            counted here and in nothing else; as references they stay.
        references: How many there are to find.
        classes: Among the queries that were asked.
        k: Results looked at for the query with the largest class; by default
            all that R asks for.
        cut_queries: Queries with more than k references of their class: what
            lies beyond k counts as wrong for them.
        warnings: What a reader must know before quoting a number.
    """

    precision_at_1: float
    r_precision: float
    map_at_r: float
    cmc: dict[int, float]
    queries: int
    lone_queries: int
    references: int
    classes: int
    k: int
    cut_queries: int
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values ready for JSON."""
        return jsonable(dataclasses.asdict(self))

    def summary(self) -> str:
        """Returns the report as a table for a terminal."""
        rows = [
            ("Precision@1", percent(self.precision_at_1), ""),
            ("R-Precision", percent(self.r_precision), ""),
            ("MAP@R", percent(self.map_at_r), ""),
        ]
        rows += [(f"CMC@{k}", percent(v), "") for k, v in self.cmc.items()]
        lines = [
            f"{self.queries:,} queries of {self.classes:,} classes among "
            f"{self.references:,} references; {self.lone_queries:,} lone "
            "queries not asked",
            *aligned(rows),
        ]
        return "\n".join(lines + [f"Warning: {w}" for w in self.warnings])


def retrieval_report(
    queries: ArrayLike,
    query_labels: ArrayLike,
    references: ArrayLike | None = None,
    reference_labels: ArrayLike | None = None,
    *,
    k: int | None = None,
    cmc_ranks: Sequence[int] | None = None,
) -> RetrievalReport:
    """Judges retrieval by cosine, in float32 and in bounded memory.

    Queries of like R are searched together, each for its own R results, so
    that neither a large class nor many images ask for a matrix of all
    similarities. Of equally similar references the first in the array counts.

    Args:
        queries: Real, `(queries, dim)`, of any length.
        query_labels: Integer classes, `(queries,)`.
        references: Real, `(references, dim)`. None searches the queries
            themselves, each without itself.
        reference_labels: Integer classes, `(references,)`.
        k: Results to look at; None for the references of the largest class
            that is asked for, which is what R-Precision and MAP@R need. A
            smaller one gives lower bounds and a warning.
        cmc_ranks: Which k of CMC@k. Defaults to those of 1, 5 and 10 that
            there are references for.

    Raises:
        ValueError: when labels are no integers, lengths differ, no query has
            anything to find, or an embedding has no direction.

    Reference:
    - [Musgrave et al., 2020, "A Metric Learning Reality Check"]
      (https://arxiv.org/abs/2003.08505)

    Example:

    >>> report = retrieval_report(np.eye(2)[[0, 0, 1]], [4, 4, 9])
    >>> report.map_at_r, report.queries, report.lone_queries
    (1.0, 2, 1)
    """
    queries = check_embeddings(queries)
    labels = check_labels(query_labels, len(queries), "query_labels", "image")
    alone = references is None
    if alone != (reference_labels is None):
        raise ValueError(
            "Give both `references` and `reference_labels`, or neither to "
            "search the queries themselves."
        )
    row_lengths(queries)  # So that an error names the row of all queries.
    index = ExactIndex(queries if alone else references)
    others = labels
    if not alone:
        others = check_labels(
            reference_labels, index.columns, "reference_labels", "image"
        )
    relevant = _relevant(labels, others, alone)
    asked = np.flatnonzero(relevant)
    if not asked.size:
        raise ValueError(
            "No query has a reference of its class, so nothing can be right. "
            "Give at least two images of some class."
        )
    largest, most = int(relevant.max()), index.columns - alone
    limit = largest if k is None else k
    if cmc_ranks is None:
        cmc_ranks = [rank for rank in (1, 5, 10) if rank <= most]
    ranks = tuple(sorted(set(cmc_ranks)))
    for wanted in (limit, *ranks):
        check_k(wanted, most)
    sums = _Sums(ranks)
    for some in _alike(asked, relevant, ranks, limit):
        wanted = min(limit, int(relevant[some].max()))
        found = index.search(
            queries[some],
            max(wanted, *ranks, 1),
            excluded=some if alone else None,
        )
        right = others[found.indices] == labels[some, None]
        sums.add(right, relevant[some], limit)
    cut = int((relevant[asked] > limit).sum())
    means = sums.values / asked.size
    return RetrievalReport(
        precision_at_1=float(means[0]),
        r_precision=float(means[1]),
        map_at_r=float(means[2]),
        cmc=dict(zip(ranks, means[3:].tolist(), strict=True)),
        queries=int(asked.size),
        lone_queries=int(labels.size - asked.size),
        references=index.columns,
        classes=np.unique(labels[asked]).size,
        k=limit,
        cut_queries=cut,
        warnings=tuple(_warnings(cut, limit, largest)),
    )


def _relevant(labels, others, alone):
    """Returns how many references of its class each query has."""
    classes, counts = np.unique(others, return_counts=True)
    place = np.minimum(np.searchsorted(classes, labels), classes.size - 1)
    return np.where(classes[place] == labels, counts[place], 0) - alone


def _alike(asked, relevant, ranks, limit):
    """Yields queries of like R, so many that their lists stay small."""
    asked = asked[np.argsort(relevant[asked], kind="stable")[::-1]]
    start = 0
    while start < asked.size:
        length = max(min(limit, int(relevant[asked[start]])), *ranks, 1)
        some = max(1, LIST_ELEMENTS // length)
        yield np.sort(asked[start : start + some])
        start += some


class _Sums:
    """Sums over queries: P@1, R-Precision, MAP@R and the CMC."""

    def __init__(self, ranks):
        self._ranks = ranks
        self.values = np.zeros(3 + len(ranks))

    def add(self, right, relevant, limit):
        place = np.arange(1, right.shape[1] + 1)
        within = place <= np.minimum(relevant, limit)[:, None]
        counted = right & within
        precision = np.cumsum(counted, axis=1) / place
        self.values[0] += right[:, 0].sum()
        self.values[1] += (counted.sum(1) / relevant).sum()
        self.values[2] += ((precision * counted).sum(1) / relevant).sum()
        for number, rank in enumerate(self._ranks):
            self.values[3 + number] += right[:, :rank].any(1).sum()


def _warnings(cut, limit, largest):
    if cut:
        yield (
            f"k = {limit:,} is less than R for {cut:,} queries (up to "
            f"{largest:,}): R-Precision and MAP@R are lower bounds."
        )
