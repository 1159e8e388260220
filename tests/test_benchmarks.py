"""Benchmarks run, on little; what they measure is no test."""

import json
import runpy
import types
from pathlib import Path

import drawing
import pytest

from keras_arcface.data import open_data
from keras_arcface.training.verification import pairs_for

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    """Returns the functions of a benchmark, as if it lay beside this test."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return lambda name: types.SimpleNamespace(
        **runpy.run_path(str(BENCHMARKS / f"{name}.py"))
    )


@pytest.mark.slow
def test_a_large_recipe_starts_at_the_expected_loss(load):
    args = types.SimpleNamespace(steps=2, batch=32, side=32, tflops=22.0)
    row = load("recipes").measure("ms1mv3_mbf", args)
    assert row["classes"] == 93_431
    # 64 sin(0.5) + ln(93,430) + 64^2 / (2 * 512), as the paper's formula goes.
    assert row["expected_loss"] == pytest.approx(46.13, abs=0.2)
    assert row["as_expected"]
    whole = row["extrapolated"]
    assert whole["label"] == "extrapolated, not measured"
    assert whole["steps"] == 5_179_510 // 1024 * 40
    # Six operations a multiply-accumulate of network and head, by hand.
    each = 6 * (437_520_896 + 93_431 * 512)
    total = each * 1024 * whole["steps"] / 1e18
    assert whole["exaflop"] == pytest.approx(total, rel=0.01)


@pytest.mark.slow
def test_a_step_is_measured_in_both_parts(load, capsys):
    benchmark = load("train_step")
    args = types.SimpleNamespace(batch=2, side=32, seconds=0.0)
    capsys.readouterr()
    benchmark.measure(args, "tensorflow", "smallnet", "float32", "graph")
    forward, step = map(json.loads, capsys.readouterr().out.splitlines())
    macs = 3_778_560
    seconds = forward["milliseconds"] / 1000
    assert forward["gflops"] * 1e9 * seconds == pytest.approx(
        2 * 2 * macs, rel=0.2
    )
    # The head is part of a step: 1,000 classes of 128 numbers.
    seconds = step["milliseconds"] / 1000
    assert step["gflops"] * 1e9 * seconds == pytest.approx(
        2 * 2 * 3 * (macs + 128_000), rel=0.2
    )


def test_what_a_process_did_not_reach_has_its_reason(load):
    benchmark = load("train_step")
    args = types.SimpleNamespace(batch=2, side=32, seconds=0.0, limit=0.01)
    rows = benchmark.in_own_process(
        args, ("tensorflow", "smallnet", "float32", "graph")
    )
    assert [row["part"] for row in rows] == ["forward", "step"]
    for row in rows:
        assert row["skipped"] == "not done in 0.01 s, compiling included"
        assert row["skipped"] in benchmark.line(row)


def test_precisions_are_judged_beside_the_first(load, tmp_path):
    benchmark = load("precision")
    people = drawing.identities_folder(tmp_path / "people", 12, 4)
    little = {
        "data.source": people,
        "data.augment": "none",
        "data.image_size": 32,
        "backbone.name": "smallnet",
        "backbone.embedding_dim": 16,
        "schedule.batch_size": 8,
        "evaluation.holdout": 0.4,
        "watch.every_steps": 1,
    }
    folders = {}
    for case in ("float32", "mixed_float16"):
        args = types.SimpleNamespace(epochs=1, folder=tmp_path)
        recipe = benchmark.make_recipe(case, args).with_values(little)
        benchmark.train_on(recipe)
        folders[case] = recipe.output
    data = open_data(people, (32, 32))
    pairs = pairs_for(data.labels)
    first, half = benchmark.judge(folders, data, pairs, bootstrap=20)
    assert (first["precision"], half["precision"]) == tuple(folders)
    assert "difference" not in first and "loss_scale" not in first
    assert half["difference"]["eer"]["difference"] == half["eer"] - first["eer"]
    assert "eer_embedded_in_half" not in first
    assert 0.0 <= half["eer_embedded_in_half"] <= 1.0
    # It begins at 2^15 and is halved by every step that it skips.
    assert half["loss_scale"] == 2.0 ** (15 - half["skipped_steps"])
    assert half["loss_scales"][-1]["loss_scale"] == half["loss_scale"]
    assert half["steps"] == first["steps"] == 3
    rows = benchmark.table([first, half]).splitlines()[2:4]
    assert [row.split(" | ")[0] for row in rows] == [
        "| float32",
        "| mixed_float16",
    ]
    assert f"| {half['loss_scale']:,.0f} | {half['skipped_steps']} |" in rows[1]


def test_only_new_loss_scales_are_kept(load):
    log = [
        {"step": step, "loss_scale": scale, "skipped_steps": skipped, "loss": 1}
        for step, scale, skipped in ((1, 8, 0), (2, 4, 1), (3, 4, 1), (4, 8, 1))
    ]
    kept = load("precision").scales(log)
    assert [row["step"] for row in kept] == [1, 2, 4]
    assert kept[-1] == {"step": 4, "loss_scale": 8, "skipped_steps": 1}
