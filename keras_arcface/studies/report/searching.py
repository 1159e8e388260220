"""1:N: who is enrolled, who is searched for, and who nobody knows."""

from typing import NamedTuple

import numpy as np

from keras_arcface import evaluation
from keras_arcface.evaluation import IdentificationReport
from keras_arcface.studies.report.judged import Judged


class Search(NamedTuple):
    """The result of all searches, and how they came about."""

    report: IdentificationReport
    rule: str


def search(judged: Judged, seed: int) -> Search:
    """Enrols half of the identities with one picture, and searches the rest.

    Raises:
        ValueError: when no identity has two pictures.
    """
    labels = judged.labels
    enrolled, rule = _enrolled(labels, seed)
    known = np.isin(labels, labels[enrolled])
    probes = np.ones(len(labels), bool)
    probes[enrolled] = False
    report = evaluation.identification_report(
        judged.embeddings[probes],
        labels[probes],
        judged.embeddings[enrolled],
        labels[enrolled],
        seed=seed,
    )
    strangers = len(np.unique(labels[~known])) if not known.all() else 0
    rule += (
        f" Their other pictures are the mated searches; all pictures of the "
        f"other {strangers:,} identities are searches for somebody whom the "
        "gallery does not hold."
    )
    return Search(report, rule)


def _enrolled(labels, seed):
    """Returns the rows of the gallery, and the rule in words."""
    rng = np.random.default_rng(seed)
    identities, counts = np.unique(labels, return_counts=True)
    able = identities[counts >= 2]
    if not able.size:
        raise ValueError(
            "no identity has two pictures, so there is nobody to enrol and to "
            "search for."
        )
    chosen = np.sort(rng.permutation(able)[: -(-len(able) // 2)])
    order = rng.permutation(len(labels))
    # The first picture of each, in a random order of all pictures.
    seen, first = np.unique(labels[order], return_index=True)
    rows = order[first[np.isin(seen, chosen)]]
    rule = (
        f"{len(chosen):,} of the {len(able):,} identities with two pictures "
        f"or more are enrolled with one picture each (both drawn at random, "
        f"seed {seed})."
    )
    return rows, rule
