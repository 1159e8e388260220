"""1:N against loops over searches and fractions by hand."""

import json

import numpy as np
import pytest

from keras_arcface.evaluation import distractor_curve
from keras_arcface.evaluation import identification_report
from keras_arcface.evaluation import report_of_searches
from keras_arcface.evaluation import search_identities


def at(*degrees):
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def world(seed=0, identities=30, entries=2, noise=1.2, dim=16):
    """Probes of all identities, a gallery of two thirds of them."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(identities, dim))
    enrolled = np.repeat(np.arange(identities * 2 // 3), entries)
    rng.shuffle(enrolled)
    labels = np.tile(np.arange(identities), 8)
    probes = centres[labels] + noise * rng.normal(size=(labels.size, dim))
    gallery = centres[enrolled] + noise * rng.normal(size=(enrolled.size, dim))
    return probes, labels, gallery, enrolled


def naive_searches(probes, labels, gallery, enrolled):
    """Yields mated, rank of the mate, its score and the best score."""
    unit = [
        x / np.linalg.norm(x, axis=1, keepdims=True) for x in (probes, gallery)
    ]
    for probe, label in zip(unit[0], labels, strict=True):
        scores = {
            identity: max(unit[1][enrolled == identity] @ probe)
            for identity in np.unique(enrolled)
        }
        own = scores.get(label)
        rank = None
        if own is not None:
            rank = sum(score >= own for score in scores.values())
        yield own is not None, rank, own, max(scores.values())


@pytest.mark.parametrize("entries", [1, 3])
@pytest.mark.parametrize("columns", [4, 1024])
def test_searches_equal_a_loop(monkeypatch, entries, columns):
    monkeypatch.setattr(
        "keras_arcface.evaluation.search.BLOCK_COLUMNS", columns
    )
    # Blocks as narrow as the list allows, so that identities are cut.
    data = world(entries=entries)
    found = search_identities(*data, max_rank=2)
    for i, (mated, rank, own, top) in enumerate(naive_searches(*data)):
        assert found.mated[i] == mated
        assert found.top_score[i] == pytest.approx(top, abs=1e-6)
        listed = mated and rank <= 2
        assert found.rank[i] == (rank if listed else 0)
        assert found.mate_score[i] == pytest.approx(
            own if listed else -2, abs=1e-6
        )
    assert (found.identities, found.entries) == (20, 20 * entries)


@pytest.mark.parametrize("open_set_rank", [1, 3])
def test_the_report_equals_a_loop(open_set_rank):
    data = world()
    report = identification_report(
        *data,
        max_rank=20,
        fpir_targets=(0.5, 0.1),
        open_set_rank=open_set_rank,
        bootstrap=0,
    )
    searches = list(naive_searches(*data))
    mated = [s for s in searches if s[0]]
    other = np.array([s[3] for s in searches if not s[0]])
    for k, rate in enumerate(report.cmc, start=1):
        assert rate == pytest.approx(np.mean([s[1] <= k for s in mated]))
    assert report.cmc[-1] == 1.0
    every = {s[3] for s in searches} | {s[2] for s in mated}
    for point in report.open_set:
        fitting = [t for t in every if np.mean(other >= t) <= point.target_fpir]
        # The smallest score in use that keeps the bound.
        missed = [
            s[1] > open_set_rank or s[2] < point.thresholds[0] for s in mated
        ]
        assert point.fnir == pytest.approx(np.mean(missed))
        assert point.dir == 1 - point.fnir
        assert point.thresholds[0] >= min(fitting) - 1e-6
        assert point.fpirs[0] == pytest.approx(
            np.mean(other >= point.thresholds[0] - 1e-6)
        )
        assert point.fpirs[0] <= point.target_fpir
    assert (report.mated_searches, report.nonmated_searches) == (160, 80)


def test_by_hand():
    # Gallery: 0 at 0 degrees, 1 at 90. Mated probes: 10 and 40 of identity 0,
    # 44 of 1 (nearer to 0). Strangers at 30 and 45.
    report = identification_report(
        at(10, 40, 44, 30, 45), [0, 0, 1, 8, 9], at(0, 90), [0, 1],
        fpir_targets=(0.5,), bootstrap=0,
    )  # fmt: skip
    assert report.cmc == (2 / 3, 1.0)
    (point,) = report.open_set
    # The stranger at 30 may be taken for someone, the one at 45 may not: a
    # score above cos 45 is asked for, which the mate of the probe at 44,
    # second on its list, has not.
    assert point.fpirs == (0.5,)
    assert point.fnir == pytest.approx(1 / 3)
    assert point.thresholds[0] == pytest.approx(np.cos(np.radians(40)))


def test_searches_are_counted_and_not_scores():
    """Ten strangers, each like one of fifty: ten of 500 scores are high."""
    places = np.linspace(0, 170, 50)
    strangers = places[:10] + np.linspace(0.2, 1.1, 10)
    report = identification_report(
        at(*strangers, *places), [*range(100, 110), *range(50)],
        at(*places), np.arange(50), fpir_targets=(0.1,), bootstrap=0,
    )  # fmt: skip
    # A tenth of the scores are fifty; a tenth of the searches is one.
    assert report.open_set[0].fpirs == (0.1,)
    assert report.open_set[0].thresholds[0] > np.cos(np.radians(0.3))
    assert report.open_set[0].fnir == 0


def test_an_equal_stranger_stands_before_the_mate():
    gallery = at(0, 0, 0, 0, 50)
    report = identification_report(
        at(0, 1), [3, 3], gallery, np.arange(5), max_rank=5, bootstrap=0
    )
    assert report.cmc == (0, 0, 0, 1, 1)
    cut = identification_report(
        at(0), [0], gallery, np.arange(5), max_rank=2, bootstrap=0
    )
    assert cut.cmc == (0, 0)


def test_intervals_resample_subjects():
    data = world(noise=1.8)
    report = identification_report(*data, fpir_targets=(0.2,), bootstrap=200)
    low, high = report.cmc_intervals[0]
    assert low < report.rank_k(1) < high
    low, high = report.open_set[0].interval
    assert low < report.open_set[0].fnir < high
    assert report.subjects == 30
    again = identification_report(*data, fpir_targets=(0.2,), bootstrap=200)
    assert report == again


def test_two_galleries_give_the_mean_of_both():
    probes, labels, gallery, enrolled = world(noise=1.8)
    halves = [enrolled < 10, enrolled >= 10]
    searches = [
        search_identities(probes, labels, gallery[half], enrolled[half], 5)
        for half in halves
    ]
    options = {"fpir_targets": (0.3,), "bootstrap": 40}
    both = report_of_searches(searches, **options)
    alone = [report_of_searches([one], **options) for one in searches]
    assert both.rank_k(1) == pytest.approx(
        np.mean([report.rank_k(1) for report in alone])
    )
    point = both.open_set[0]
    assert point.fnir == pytest.approx(
        np.mean([report.open_set[0].fnir for report in alone])
    )
    assert point.thresholds == tuple(
        report.open_set[0].thresholds[0] for report in alone
    )
    assert point.interval[0] < point.fnir < point.interval[1]
    assert both.identities == (10, 10)
    assert "in galleries of 10 and 10" in both.summary()
    other = search_identities(probes, labels + 1, gallery, enrolled)
    with pytest.raises(ValueError, match="probes of gallery 2 differ"):
        report_of_searches([searches[0], other])


def test_what_the_counts_do_not_support_is_said():
    data = world()
    report = identification_report(*data, bootstrap=0)
    assert [point.reliable for point in report.open_set] == [False] * 3
    assert np.isnan(report.open_set[-1].fnir)
    text = report.summary()
    assert "rests on 8 expected false positives in 80 non-mated" in text
    assert "FPIR 0.001: less than one false positive" in text
    value = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert value["open_set"][-1]["fnir"] is None
    closed = identification_report(
        data[2], data[3], data[2], data[3], bootstrap=0
    )
    assert closed.open_set == () and closed.cmc[0] == 1
    assert "every probe is enrolled" in closed.warnings[0]
    assert any("rule of three" in warning for warning in closed.warnings)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"probe_labels": np.full(240, 99)}, "nothing can be found"),
        ({"probe_labels": np.zeros(240)}, "`probe_labels` must hold one int"),
        ({"gallery_labels": [0]}, "`gallery_labels` must hold one integer"),
        ({"max_rank": 0}, "`max_rank` must be positive"),
        ({"open_set_rank": 21}, "from 1 to the 20 identities"),
        ({"fpir_targets": (5,)}, "`fpir_targets` must be a share"),
    ],
)
def test_unusable_arguments_are_refused(change, message):
    names = ("probes", "probe_labels", "gallery", "gallery_labels")
    usual = dict(zip(names, world(), strict=True)) | {"bootstrap": 0}
    with pytest.raises(ValueError, match=message):
        identification_report(**usual | change)
    with pytest.raises(ValueError, match="`k` must be from 1 to 20"):
        identification_report(**usual).rank_k(21)


# === MegaFace ===


def test_distractors_equal_a_loop():
    probes, labels, distractors, _ = world(noise=2.5, entries=10)
    probes, labels = probes[:60], labels[:60].copy()
    labels[0] = 999  # Alone.
    curve = distractor_curve(
        probes, labels, distractors, (5, 50, 200), ranks=(1, 3), seed=3,
        bootstrap=50,
    )  # fmt: skip
    order = np.random.default_rng(3).permutation(len(distractors))
    unit = [
        x / np.linalg.norm(x, axis=1, keepdims=True)
        for x in (probes, distractors[order])
    ]
    for place, size in enumerate(curve.sizes):
        hits = {1: [], 3: []}
        for i, j in np.argwhere(labels[:, None] == labels):
            if i != j:
                others = np.sort(unit[1][:size] @ unit[0][i])[::-1]
                for k in hits:
                    hits[k].append(unit[0][i] @ unit[0][j] > others[k - 1])
        for k in hits:
            assert curve.rates[k][place] == pytest.approx(np.mean(hits[k]))
            low, high = curve.intervals[k][place]
            assert low <= curve.rates[k][place] <= high
    assert curve.lone_pictures == 2  # 999 and its former mate.
    assert curve.searches == len(hits[1])
    assert curve.rates[1][0] >= curve.rates[1][1] >= curve.rates[1][2]
    assert "rank-1" in curve.summary() and "200" in curve.summary()
    json.dumps(curve.to_dict(), allow_nan=False)


def test_default_sizes_are_powers_of_ten_and_all():
    probes, labels, distractors, _ = world(entries=10)
    curve = distractor_curve(probes, labels, distractors, bootstrap=0)
    assert curve.sizes == (10, 100, 200)
    assert np.isnan(curve.intervals[1][0]).all()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"sizes": (10, 5)}, "`sizes` must rise.*200"),
        ({"sizes": (10, 201)}, "at most the 200"),
        ({"ranks": (11,), "sizes": (10,)}, "`ranks` must be from 1"),
        ({"labels": np.arange(240)}, "Every identity has one picture"),
    ],
)
def test_unusable_distractors_are_refused(change, message):
    probes, labels, distractors, _ = world(entries=10)
    usual = {"probes": probes, "labels": labels, "distractors": distractors}
    with pytest.raises(ValueError, match=message):
        distractor_curve(**usual | change)
