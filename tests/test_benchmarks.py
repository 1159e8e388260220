"""Benchmarks run, on little; what they measure is no test."""

import json
import runpy
import types
from pathlib import Path

import pytest

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
