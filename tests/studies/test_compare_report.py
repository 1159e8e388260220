"""The report: from the ledger alone, in words that claim no more."""

import json

import numpy as np
import pytest
from comparing import DIM
from comparing import LOSSES
from comparing import Loss
from comparing import run

from keras_arcface.evaluation import retrieval_report
from keras_arcface.studies.compare.judging import concatenated
from keras_arcface.studies.compare.judging import readings_of
from keras_arcface.studies.compare.report import write_report
from keras_arcface.studies.compare.terminal import to_text
from keras_arcface.studies.compare.words import in_words
from keras_arcface.studies.compare.words import listed

FILES = ("report.md", "report.json", "intervals.svg")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    run(folder, seeds=6)
    return folder


def test_the_same_ledger_gives_the_same_files(folder):
    before = [(folder / name).read_bytes() for name in FILES]
    for name in FILES:
        (folder / name).unlink()
    write_report(folder)
    assert [(folder / name).read_bytes() for name in FILES] == before


def test_json_holds_what_is_needed_to_run_it_again(folder):
    values = json.loads((folder / "report.json").read_text())
    protocol = json.loads((folder / "protocol.json").read_text())
    assert values["protocol_hash"] == protocol.pop("hash")
    assert values["protocol"] == protocol
    assert len(values["losses"]["good"]["trials"]) == 3
    assert len(values["sessions"][0]["code"]) == 64
    rows = (folder / "ledger.jsonl").read_bytes().splitlines()
    assert values["ledger"]["lines"] == len(rows)
    assert values["ledger"]["head"] == json.loads(rows[-1])["hash"]


def test_markdown_says_what_it_has_to(folder):
    text = (folder / "report.md").read_text()
    for words in (
        "# 4 losses on points",
        "The test half: 60 queries of 12 classes; 0 more",
        "## Test half, separated",
        "## Test half, concatenated",
        "Losses that share a letter cannot be told apart",
        "over seeds of one split",
        "not what other classes, other data or another search would",
        "| untrained (baseline) |",
        "![Means with their 95% intervals](intervals.svg)",
        "margin Uniform(0, 1)",
        "untrained: nothing to choose",
        "keras-arcface compare --from protocol.json",
    ):
        assert words in text
    assert "**" not in text  # No winner in bold, and nothing to warn of.


def test_the_figure_names_every_loss(folder):
    text = (folder / "intervals.svg").read_text()
    for word in (*LOSSES, "separated", "concatenated", "MAP@R, test half"):
        assert word in text


def test_words_follow_the_tests(folder):
    values = json.loads((folder / "report.json").read_text())
    for reading in ("separated", "concatenated"):
        words = " ".join(in_words(values, reading))
        for pair in values["differences"][reading]:
            assert pair["told_apart"] == (pair["adjusted"] < 0.05)
            names = {pair["first"], pair["second"]}
            together = any(
                names <= set(group) for group in values["groups"][reading]
            )
            assert together != pair["told_apart"]
        assert words.startswith("The highest mean is that of ")
    separated = " ".join(in_words(values, "separated"))
    assert "Better than softmax: " in separated
    assert "Worse than softmax: untrained." in separated


def test_twins_cannot_be_told_apart(tmp_path):
    same = Loss("other", "pair", LOSSES["good"].search_space, 0.9)
    values = run(tmp_path, losses={**LOSSES, "other": same}, seeds=5)
    apart = {
        frozenset((p["first"], p["second"])): p["told_apart"]
        for p in values["differences"]["separated"]
    }
    assert not apart[frozenset(("twin", "other"))]
    assert apart[frozenset(("twin", "untrained"))]


def test_the_terminal_shows_both_readings(folder):
    values = json.loads((folder / "report.json").read_text())
    text = to_text(values)
    assert "Test half, separated:" in text and "concatenated:" in text
    assert "MAP@R" in text and "untrained (baseline)" in text


def test_names_are_listed_as_in_a_sentence():
    assert listed([]) == "" and listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_a_folder_without_a_comparison(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no comparison"):
        write_report(tmp_path)


def test_separated_is_the_mean_and_concatenated_is_one_model():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(6), 4)
    parts = [
        (rng.uniform(1, 9) * rng.standard_normal((24, DIM))).astype("float32")
        for _ in range(3)
    ]
    result = readings_of(parts, labels)
    singles = [retrieval_report(part, labels).map_at_r for part in parts]
    assert result["separated"]["map_at_r"] == pytest.approx(np.mean(singles))
    assert [f["map_at_r"] for f in result["folds"]] == singles
    units = [p / np.linalg.norm(p, axis=1, keepdims=True) for p in parts]
    whole = retrieval_report(np.concatenate(units, axis=1), labels)
    for metric in ("map_at_r", "r_precision", "precision_at_1"):
        assert result["concatenated"][metric] == getattr(whole, metric)


def test_concatenated_embeddings_are_of_unit_length():
    parts = [np.eye(4, dtype="float32"), 3 * np.ones((4, 2), "float32")]
    whole = concatenated(parts)
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(whole[:, 4:], 0.5, rtol=1e-6)
    dead = np.zeros((4, 2), "float32")
    whole = concatenated([parts[0], dead])
    np.testing.assert_allclose(whole[:, :4], np.eye(4), rtol=1e-6)
    assert (whole[:, 4:] == 0).all()
