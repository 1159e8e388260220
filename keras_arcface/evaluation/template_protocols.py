"""The protocols of IJB-B and IJB-C over templates: 1:1 and 1:N."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.det import det_curve
from keras_arcface.evaluation.det_points import DetCurve
from keras_arcface.evaluation.identification import FPIRS
from keras_arcface.evaluation.identification import report_of_searches
from keras_arcface.evaluation.identification_report import IdentificationReport
from keras_arcface.evaluation.identity_search import search_identities
from keras_arcface.evaluation.labels import check_labels
from keras_arcface.evaluation.pairs import coded
from keras_arcface.evaluation.similarity import cosine_similarity
from keras_arcface.evaluation.templates import Templates

IJB_FMRS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
BLOCK_ELEMENTS = 8_000_000
# A product of all left with all right templates costs less than gathering two
# rows a pair, up to so many products a pair.
PRODUCTS_A_PAIR = 40


def template_similarity(
    templates: Templates, left: ArrayLike, right: ArrayLike
) -> np.ndarray:
    """Returns the cosine of every pair of templates, float32, `(pairs,)`.

    Where the pairs are many of all that are possible, blocks of the full
    product are taken and the pairs read from them: memory is that of a block
    and of 20 bytes a pair.

    Args:
        templates: From `template_embeddings`.
        left: Template numbers, integers, `(pairs,)`.
        right: The same for the right side.

    Raises:
        ValueError: for a number that no picture has.
    """
    left, right = np.asarray(left), np.asarray(right)
    if left.ndim != 1 or left.shape != right.shape:
        raise ValueError(
            "`left` and `right` must be equally long, one entry a pair. "
            f"Received shapes: {left.shape} and {right.shape}."
        )
    left = templates.rows(left, "left").astype(np.int32)
    right = templates.rows(right, "right").astype(np.int32)
    used = _present(left).sum() * _present(right).sum()
    if used > PRODUCTS_A_PAIR * left.size:
        scores = cosine_similarity(templates.embeddings, left, right)
        return scores.astype(np.float32)
    return _from_blocks(templates.embeddings, left, right)


def _present(rows):
    """Returns whether each row, up to the last, is used."""
    return np.bincount(rows) > 0


def _from_blocks(embeddings, left, right):
    present = _present(right)
    column = (np.cumsum(present) - 1).astype(np.int32)[right]
    others = embeddings[np.flatnonzero(present)].T
    counts = np.bincount(left)
    rows = np.flatnonzero(counts)
    ends = np.append(0, np.cumsum(counts[rows]))
    place = (np.cumsum(counts > 0) - 1).astype(np.int32)
    # Numbers of 16 bits are sorted by their digits, ten times as fast.
    narrow = np.uint16 if counts.size <= 2**16 else np.int32
    order = np.argsort(left.astype(narrow), kind="stable")
    scores = np.empty(left.size, np.float32)
    some = max(1, BLOCK_ELEMENTS // others.shape[1])
    for start in range(0, rows.size, some):
        block = rows[start : start + some]
        product = embeddings[block] @ others
        pairs = order[ends[start] : ends[start + block.size]]
        scores[pairs] = product[place[left[pairs]] - start, column[pairs]]
    return np.clip(scores, -1.0, 1.0, out=scores)


def template_verification(
    templates: Templates,
    left: ArrayLike,
    right: ArrayLike,
    is_same: ArrayLike,
    fmr_targets: Sequence[float] = IJB_FMRS,
    *,
    bootstrap: int = 0,
    seed: int = 0,
) -> DetCurve:
    """Judges pairs of templates: the 1:1 protocol of IJB-B and IJB-C.

    TAR is read at the smallest threshold that keeps the bound on FAR, not at
    the nearest point of the curve as insightface does, so it is never the
    larger of the two. The subjects of the bootstrap are those that genuine
    pairs join (`template_subjects`), since the lists name none.

    Args:
        templates: From `template_embeddings`.
        left: Template numbers, integers, `(pairs,)`.
        right: The same for the right side.
        is_same: Booleans or 0/1, `(pairs,)`.
        fmr_targets: Bounds, shares in (0, 1).
        bootstrap: Resamples of subjects, a second or so each at IJB-C's size;
            0 for Wilson's intervals, which are too narrow.
        seed: Of the bootstrap.
    """
    scores = template_similarity(templates, left, right)
    subjects = {}
    if bootstrap:
        one, two = template_subjects(left, right, is_same)
        subjects = {"subject_left": one, "subject_right": two}
    return det_curve(
        scores,
        is_same,
        fmr_targets,
        bootstrap=bootstrap,
        seed=seed,
        about=templates.summary(),
        **subjects,
    )


def template_subjects(
    left: ArrayLike, right: ArrayLike, is_same: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Returns who is on each side, as far as genuine pairs tell, `(pairs,)`.

    Templates that genuine pairs join, directly or through others, show one
    subject. One that no genuine pair joins to another counts as a subject of
    its own, and an impostor pair of what seems one subject is an error of the
    list, which `det_curve` reports.
    """
    left, right = np.asarray(left), np.asarray(right)
    genuine = np.asarray(is_same, dtype=bool)
    ids, codes = coded(np.concatenate([left, right]))
    one, two = codes[: left.size], codes[left.size :]
    subject = np.arange(ids.size)
    a, b = one[genuine], two[genuine]
    while True:
        lowest = np.minimum(subject[a], subject[b])
        joined = subject.copy()
        np.minimum.at(joined, a, lowest)
        np.minimum.at(joined, b, lowest)
        joined = joined[joined]
        if np.array_equal(joined, subject):
            return subject[one], subject[two]
        subject = joined


def template_identification(
    templates: Templates,
    probe: ArrayLike,
    probe_labels: ArrayLike,
    galleries: Sequence[tuple[ArrayLike, ArrayLike]],
    *,
    max_rank: int = 20,
    fpir_targets: Sequence[float] = FPIRS,
    bootstrap: int = 1000,
    seed: int = 0,
) -> IdentificationReport:
    """Judges searches of templates: the 1:N protocol of IJB-B and IJB-C.

    Every probe is searched in each gallery by itself. With the galleries G1
    and G2 of disjoint subjects it is mated in one and non-mated in the other,
    and the rates are the mean of both. (One gallery of both together, as
    public scripts have it, has no non-mated search and measures no FPIR.)

    Args:
        templates: From `template_embeddings`; holds probes and galleries.
        probe: Template numbers, integers, `(probes,)`.
        probe_labels: Their subjects, integers, `(probes,)`.
        galleries: For each, template numbers and subjects of its entries.
        max_rank: How far the CMC goes.
        fpir_targets: False positive identification rates, in (0, 1).
        bootstrap: Resamples of subjects; 0 for no intervals.
        seed: Of the bootstrap.
    """
    rows = templates.rows(probe, "probe")
    labels = check_labels(probe_labels, rows.size, "probe_labels", "template")
    searches = []
    for numbers, subjects in galleries:
        entries = templates.rows(numbers, "galleries")
        searches.append(
            search_identities(
                templates.embeddings[rows],
                labels,
                templates.embeddings[entries],
                subjects,
                max_rank,
            )
        )
    return report_of_searches(
        searches, fpir_targets=fpir_targets, bootstrap=bootstrap, seed=seed
    )
