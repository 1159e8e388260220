"""Thresholds for strangers, against naive loops and evaluation's report."""

import dataclasses
import json
import math

import numpy as np
import pytest

from keras_arcface import Gallery
from keras_arcface.evaluation import identification_report
from keras_arcface.evaluation import threshold_at_fmr
from keras_arcface.gallery import Calibration
from keras_arcface.gallery.calibrating import calibrate_on_searches


def people(count, dim=16, seed=0):
    return np.random.default_rng(seed).normal(size=(count, dim))


def noisy(centers, pictures, noise, seed):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(centers)), pictures)
    extra = rng.normal(size=(labels.size, centers.shape[1]))
    return labels, centers[labels] + noise * extra


@pytest.fixture(scope="module")
def case():
    """Forty enrolled, their probes, and 400 pictures of strangers."""
    centers = people(40)
    labels, pictures = noisy(centers, 3, 0.5, 1)
    gallery = Gallery()
    gallery.enroll_many([f"n{i}" for i in labels], pictures)
    mated, probes = noisy(centers, 4, 0.7, 2)
    strangers = people(400, seed=3)
    names = [f"n{i}" for i in mated] + [None] * 400
    return gallery, np.concatenate([probes, strangers]), names


def naive(gallery, probes, names, threshold):
    """Returns false positives and misses, one search after another."""
    false_positives = misses = 0
    templates = np.stack([gallery.template(name) for name in gallery])
    for probe, name in zip(probes, names, strict=True):
        cosine = templates @ (probe / np.linalg.norm(probe)).astype("float32")
        best = int(cosine.argmax())
        accepted = float(cosine[best]) >= threshold
        if name in gallery:
            right = gallery.names[best] == name
            misses += not (accepted and right)
        else:
            false_positives += bool(accepted)
    return false_positives, misses


@pytest.mark.parametrize("fpir", [0.2, 0.05, 0.01])
def test_counts_are_those_of_searches_one_by_one(case, fpir):
    gallery, probes, names = case
    found = gallery.calibrate(probes, names, fpir=fpir)
    false_positives, misses = naive(gallery, probes, names, found.threshold)
    assert (found.false_positives, found.misses) == (false_positives, misses)
    assert (found.trials, found.mated_trials) == (400, 160)
    assert found.identities == 40 and found.fpir <= fpir
    assert 0 < found.fnir < 1
    # The smallest: at the next stranger's score too many get in.
    scores = gallery.search(probes[160:]).scores[:, 0]
    lower = scores[scores < found.threshold].max()
    assert (scores >= lower).mean() > fpir
    assert gallery.calibration(fpir) == found == gallery.calibration()


@pytest.mark.parametrize("fpir", [0.2, 0.05, 0.01])
def test_it_is_the_point_of_the_identification_report(case, fpir):
    gallery, probes, names = case
    numbers = {name: number for number, name in enumerate(gallery)}
    labels = [numbers.get(name, 100 + i) for i, name in enumerate(names)]
    templates = np.stack([gallery.template(name) for name in gallery])
    report = identification_report(
        probes,
        np.array(labels),
        templates,
        np.arange(len(gallery)),
        fpir_targets=(fpir,),
        bootstrap=0,
    )
    (point,) = report.open_set
    found = gallery.calibrate(probes, names, fpir=fpir)
    assert 0 <= found.threshold - point.thresholds[0] <= 1.1e-6
    assert found.fpir == pytest.approx(point.fpirs[0], abs=1.1 / 400)
    assert found.fnir == pytest.approx(point.fnir, abs=1.1 / 160)
    assert found.reliable == point.reliable


def test_strangers_alone_will_do(case):
    gallery, probes, names = case
    with_mated = gallery.calibrate(probes, names, fpir=0.1)
    alone = gallery.calibrate(probes[160:], fpir=0.1)
    assert alone.fnir is None and alone.mated_trials == 0
    assert alone.false_positives <= 40 and alone.trials == 400
    # Without probes in between the next observed score may be a higher one.
    assert alone.threshold >= with_mated.threshold


def test_identify_takes_the_rate_that_is_asked_for(case):
    gallery, probes, names = case
    strict = gallery.calibrate(probes, names, fpir=0.01)
    loose = gallery.calibrate(probes, names, fpir=0.2)
    assert strict.threshold > loose.threshold
    assert {c.target_fpir for c in gallery.calibrations} >= {0.01, 0.2}
    for fpir, expected in ((None, loose), (0.01, strict), (0.2, loose)):
        found = gallery.identify(probes, fpir=fpir)
        wrong = sum(each.name is not None for each in found[160:])
        assert wrong == expected.false_positives
        right = sum(
            each.name == name
            for each, name in zip(found[:160], names[:160], strict=True)
        )
        assert 160 - right == expected.misses
    with pytest.raises(ValueError, match="not calibrated for FPIR 0.3"):
        gallery.identify(probes, fpir=0.3)


def test_pairs_bound_the_rate_by_the_number_of_people():
    rng = np.random.default_rng(0)
    is_same = np.arange(60_000) < 10_000
    scores = np.clip(rng.normal(0.6 * is_same, 0.15), -1, 1)
    gallery = Gallery()
    gallery.enroll_many([f"n{i}" for i in range(20)], people(20))
    found = gallery.calibrate_from_pairs(scores, is_same, fpir=0.02)
    plain = threshold_at_fmr(scores, is_same, 0.02 / 20)
    assert 0 <= found.threshold - plain.threshold <= 1.1e-6
    assert found.method == "pairs" and found.identities == 20
    assert found.fpir == 20 * found.false_positives / 50_000 <= 0.02
    assert found.fnir == (scores[:10_000] < found.threshold).mean()
    assert found.reliable  # 0.001 * 50,000 = 50
    with pytest.raises(ValueError, match="impostor pairs cannot calibrate"):
        gallery.calibrate_from_pairs(scores, is_same, fpir=1e-4)
    with pytest.raises(ValueError, match="is empty"):
        Gallery().calibrate_from_pairs(scores, is_same)


def test_the_bound_from_pairs_holds_for_searches(case):
    """Whatever the comparisons of a search have in common."""
    gallery, probes, _ = case
    strangers = people(2000, seed=7)
    templates = np.stack([gallery.template(name) for name in gallery])
    units = strangers / np.linalg.norm(strangers, axis=1, keepdims=True)
    impostors = (units @ templates.T).ravel()
    scores = np.append(impostors, 0.9)
    is_same = np.arange(scores.size) == impostors.size
    found = gallery.calibrate_from_pairs(scores, is_same, fpir=0.1)
    accepted = gallery.identify(strangers, fpir=0.1)
    assert np.mean([each.name is not None for each in accepted]) <= 0.1
    assert found.trials == 80_000


def test_too_few_are_refused_and_few_are_warned_of(case):
    gallery, probes, names = case
    with pytest.raises(ValueError, match=r"at least 1,000 \(30,000 for"):
        gallery.calibrate(probes, names, fpir=0.001)
    with pytest.raises(ValueError, match="0 searches for people who are not"):
        gallery.calibrate(probes[:160], names[:160], fpir=0.1)
    few = gallery.calibrate(probes, names, fpir=0.05)
    assert not few.reliable
    assert "rule of 30" in next(few.warnings(40))
    enough = gallery.calibrate(probes, names, fpir=0.075)
    assert enough.reliable and list(enough.warnings(40)) == []
    assert list(enough.warnings(39)) == []
    (grown,) = enough.warnings(41)
    assert "40 enrolled and there are 41 now" in grown
    assert "enrolled and there are" not in gallery.summary()
    gallery.enroll("one more", np.ones(16))
    assert "Warning: the threshold was calibrated with 40" in gallery.summary()
    gallery.remove("one more")


def test_bad_calls_are_named(case):
    gallery, probes, names = case
    with pytest.raises(ValueError, match="`fpir` must be a share"):
        gallery.calibrate(probes, names, fpir=1)
    with pytest.raises(ValueError, match="560 probes"):
        gallery.calibrate(probes, names[:-1])
    with pytest.raises(ValueError, match="`fpir` must be a share.*'0.1'"):
        gallery.calibrate(probes, names, fpir="0.1")
    gallery.calibrate(probes, names, fpir=0.1)
    for fpir in ("0.1", [0.1], 0):
        with pytest.raises(ValueError, match="`fpir` must be a share"):
            gallery.identify(probes, fpir=fpir)
    with pytest.raises(ValueError, match="is empty"):
        Gallery().calibrate(probes)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda names: np.arange(len(names)), "Received: .*0.* at probe 0"),
        (lambda names: [*names[:-1], float("nan")], "Received: nan at probe"),
        (lambda names: "x" * len(names), "Received: 'xxx"),
        (lambda names: 3, "Received: 3"),
    ],
)
def test_what_is_no_name_does_not_pass_for_a_stranger(case, wrong, message):
    gallery, probes, names = case
    with pytest.raises(ValueError, match=message):
        gallery.calibrate(probes, wrong(list(names)), fpir=0.1)


def test_ties_at_the_threshold_are_all_turned_away():
    gallery = Gallery()
    gallery.enroll("a", [1.0, 0.0])
    strangers = np.array([[0.8, 0.6]] * 10 + [[0.6, 0.8]] * 10)
    found = gallery.calibrate(strangers, fpir=0.25)
    assert found.false_positives == 0
    assert found.threshold > gallery.search([0.8, 0.6]).scores[0, 0]


GOOD = Calibration(0.01, 0.5, "searches", 100, 1, 10, 2, 5)


def test_a_rounded_threshold_is_never_below_the_exact_one():
    # One step above a score of six digits, which must stay rejected.
    scores = np.round(np.random.default_rng(0).random(500), 6)
    for score in scores:
        impostors = np.append(np.full(3, score), np.full(17, score - 0.1))
        similarity = np.append(impostors, score - 0.2)
        mated = np.arange(similarity.size) == 20
        found = calibrate_on_searches(similarity, mated, mated, 0.1, 1)
        assert found.threshold > score
        assert found.false_positives == 0


def test_a_calibration_survives_json():
    text = json.dumps(GOOD.to_dict())
    assert Calibration.from_dict(json.loads(text)) == GOOD


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": math.nan},
        {"threshold": "0.5"},
        {"threshold": 1},
        {"target_fpir": 0.0},
        {"target_fpir": 1.5},
        {"method": "magic"},
        {"trials": 0},
        {"trials": True},
        {"trials": 2**70},
        {"false_positives": 101},
        {"misses": -1},
        {"misses": 11},
        {"identities": 0},
        {"more": 1},
    ],
)
def test_a_made_up_calibration_is_refused(change):
    values = {**dataclasses.asdict(GOOD), **change}
    with pytest.raises(ValueError, match="has a calibration of"):
        Calibration.from_dict(values)
