"""The command compares glyphs in seconds, and goes on where it stopped."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from calling import call
from calling import error_of

from keras_arcface.cli import compare as command

FEW = ("--losses", "arcface", "--steps", 4, "--set", "evaluate_every=2")


def quick_fit(candidate, settings, protocol, train_x, train_y, judge, seed):
    """Trains nothing: random projections, the best of two."""

    def projection(number):
        rng = np.random.default_rng([seed, number])
        size = (int(np.prod(protocol.input_shape)), protocol.embedding_dim)
        matrix = rng.standard_normal(size)
        return lambda x: (x.reshape(len(x), -1) / 255.0 - 0.5) @ matrix

    embeds = [projection(number) for number in range(2)]
    values = [judge(embed) for embed in embeds]
    said = ("steps", "batch_size", "augmentation")
    history = {name: getattr(protocol, name) for name in said}
    return embeds[int(np.argmax(values))], history


@pytest.fixture(autouse=True)
def quick(request, monkeypatch):
    if "slow" not in request.keywords:
        monkeypatch.setattr(command, "fit", quick_fit)


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "fit", quick_fit)
        assert call("compare", *FEW, "--output", folder) == 0
    return folder


@pytest.mark.slow
def test_real_losses_are_compared_and_give_the_same_again(tmp_path):
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        assert call("compare", *FEW, "--output", folder) == 0
    one, two = (json.loads((f / "report.json").read_text()) for f in folders)
    assert one["losses"] == two["losses"] and one["finished"]
    assert all(loss["compared"] for loss in one["losses"].values())


def test_a_comparison_of_glyphs_has_its_report(compared):
    values = json.loads((compared / "report.json").read_text())
    assert values["finished"] and values["protocol"]["steps"] == 4
    assert set(values["losses"]) == {"raw", "untrained", "softmax", "arcface"}
    for loss in values["losses"].values():
        assert loss["compared"] and loss["flags"] == []
    assert "| softmax (baseline) |" in (compared / "report.md").read_text()
    assert (compared / "intervals.svg").read_bytes().startswith(b"<?xml")


def test_the_same_command_finds_nothing_to_do(compared, capsys):
    before = (compared / "ledger.jsonl").read_bytes()
    assert call("compare", *FEW, "--output", compared) == 0
    assert (compared / "ledger.jsonl").read_bytes() == before
    out = capsys.readouterr().out
    assert "Test half, separated:" in out and "report.md" in out


def test_the_report_is_written_anew(compared, capsys):
    before = (compared / "report.md").read_bytes()
    (compared / "report.md").unlink()
    assert call("compare", "report", compared) == 0
    assert (compared / "report.md").read_bytes() == before
    assert "MAP@R" in capsys.readouterr().out


def test_a_protocol_is_run_again_with_the_same_results(compared, tmp_path):
    protocol = compared / "protocol.json"
    assert call("compare", "--from", protocol, "--output", tmp_path / "b") == 0
    one, two = (
        json.loads((folder / "report.json").read_text())
        for folder in (compared, tmp_path / "b")
    )
    assert one["protocol_hash"] == two["protocol_hash"]
    assert one["losses"] == two["losses"]


def test_a_dry_run_says_how_long_and_writes_nothing(tmp_path, capsys):
    code = call("compare", *FEW, "--output", tmp_path / "a", "--dry-run")
    assert code == 0
    assert "28 trainings of 4 steps" in capsys.readouterr().out
    assert not (tmp_path / "a").exists()


def test_a_tampered_ledger_is_one_line_of_error(compared, tmp_path, capsys):
    for name in ("protocol.json", "ledger.head", "ledger.jsonl"):
        (tmp_path / name).write_bytes((compared / name).read_bytes())
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_text(ledger.read_text().replace('"trial":0', '"trial":1', 1))
    code, line = error_of(capsys, "compare", "report", tmp_path)
    assert code == 2 and "was edited" in line
    assert not (tmp_path / "report.md").exists()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["report"], "needs the folder"),
        (["report", "nowhere"], "holds no comparison"),
        (["--losses", "arkface"], "no loss called arkface"),
        (["--set", "steps"], "Give --set FIELD=VALUE"),
        (["--set", "backbon=smallnet"], "Received: backbon"),
        (["--set", "learning_rate=fast"], "learning_rate must be a number"),
        (["--trials", "0"], "trials must be at least 1"),
        (["--from", "p.json", "--trials", "3"], "beside it: --trials"),
        (["--reopen", "arcface"], "Give --reopen LOSS=REASON"),
    ],
)
def test_mistakes_are_one_line(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, line = error_of(capsys, "compare", *arguments)
    assert code == 2 and words in line
    assert not list(tmp_path.iterdir())


def test_the_python_of_the_page_runs():
    text = (Path(__file__).parents[2] / "docs" / "compare.md").read_text()
    space = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.S):
        exec(compile(block, "compare.md", "exec"), space)
    assert set(space["protocol"].losses) >= {"arcface", "cosface", "softmax"}
