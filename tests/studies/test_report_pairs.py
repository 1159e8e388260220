"""Which pairs a report judges, and that its halves share nobody."""

import itertools

import numpy as np
import pytest

from keras_arcface.studies.report.drawing_pairs import draw_pairs
from keras_arcface.studies.report.drawing_pairs import whole_identities
from keras_arcface.studies.report.judged import Judged
from keras_arcface.studies.report.options import Options
from keras_arcface.studies.report.scoring import halves
from keras_arcface.studies.report.scoring import score_pairs

LABELS = np.array([3, 1, 3, 3, 2, 1, 2, 3, 0, 2])
KINDS = {
    same: {
        pair
        for pair in itertools.combinations(range(len(LABELS)), 2)
        if (LABELS[pair[0]] == LABELS[pair[1]]) == same
    }
    for same in (True, False)
}


def as_sets(pairs):
    """Returns the pairs of each kind; checks that none occurs twice."""
    found = {True: set(), False: set()}
    for one, two, same in zip(
        pairs.left.tolist(), pairs.right.tolist(), pairs.is_same, strict=True
    ):
        assert one < two and (one, two) not in found[bool(same)]
        found[bool(same)].add((one, two))
    return found


def test_all_pairs_where_they_are_few():
    pairs = draw_pairs(LABELS, 45, 0)
    assert as_sets(pairs) == KINDS
    assert pairs.rule == "all pairs of 10 pictures"


@pytest.mark.parametrize("most", [2, 9, 24, 44])
def test_a_sample_has_both_kinds_in_the_stated_numbers(most):
    pairs = draw_pairs(LABELS, most, 1)
    found = as_sets(pairs)
    genuine = min(most // 2, len(KINDS[True]))
    impostors = min(most - genuine, len(KINDS[False]))
    assert len(found[True]) == genuine and found[True] <= KINDS[True]
    assert len(found[False]) == impostors and found[False] <= KINDS[False]
    assert f"of {len(LABELS)} pictures" in pairs.rule and "seed 1" in pairs.rule
    again = draw_pairs(LABELS, most, 1)
    assert np.array_equal(again.left, pairs.left)


@pytest.mark.parametrize("most", [6, 30])
def test_every_pair_of_a_kind_is_equally_likely(most):
    counts = {}
    for seed in range(3000):
        pairs = draw_pairs(LABELS, most, seed)
        for pair in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
            counts[pair] = counts.get(pair, 0) + 1
    for kind in KINDS.values():
        shares = np.array([counts.get(pair, 0) for pair in kind]) / 3000
        error = np.sqrt(max(shares.mean() * (1 - shares.mean()), 1e-9) / 3000)
        assert np.abs(shares - shares.mean()).max() < 4.5 * error + 1e-12


def test_large_samples_need_no_matrix_of_all_pairs():
    labels = np.random.default_rng(0).integers(400, size=20_000)
    pairs = draw_pairs(labels, 50_000, 0)
    assert len(pairs.left) == 50_000
    assert np.array_equal(
        pairs.is_same, labels[pairs.left] == labels[pairs.right]
    )
    assert pairs.is_same.sum() == 25_000
    codes = np.unique(pairs.left * 20_000 + pairs.right)
    assert codes.size == 50_000


def test_identities_are_kept_whole():
    labels = np.repeat(np.arange(50), 7)
    kept = whole_identities(labels, 100, 3)
    assert kept.sum() == 98
    assert all(
        kept[labels == i].all() or not kept[labels == i].any() for i in labels
    )
    assert whole_identities(labels, 350, 3).all()
    assert whole_identities(labels, 4, 3).sum() == 14  # Two, in any case.


def judged(**values):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(30), 4)
    centres = rng.normal(size=(30, 8))
    rows = centres[labels] + 0.4 * rng.normal(size=(120, 8))
    return Judged("m", "d", rows.astype("float32"), labels, **values)


def test_no_identity_is_in_both_halves():
    scored = score_pairs(judged(), 2_000, 0)
    both = halves(scored, 0)
    people = [
        set(scored.subjects[np.concatenate([half.left, half.right])])
        for half in (both.development, both.check)
    ]
    assert people[0].isdisjoint(people[1])
    assert len(people[0]) == len(people[1]) == 15
    assert len(both.development) + len(both.check) < len(scored)


def test_bad_rows_are_named_before_anything_is_judged():
    rows = np.ones((4, 3), "float32")
    rows[2] = 0
    with pytest.raises(ValueError, match="Embedding 2 is all zeros"):
        Judged("m", "d", rows)


@pytest.mark.parametrize(
    "values, message",
    [
        ({"seed": -1}, "seed must be an integer"),
        ({"most_pairs": 3}, "most_pairs must be an integer from 100"),
        ({"most_pictures": 2.5}, "most_pictures must be an integer"),
    ],
)
def test_options_out_of_range_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Options(**values)
