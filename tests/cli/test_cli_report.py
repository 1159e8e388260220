"""`keras-arcface report`: models and data as users name them."""

import json

import drawing
import numpy as np
import pytest
from calling import call
from calling import error_of
from html_page import Page

from keras_arcface import SmallNet
from keras_arcface.data import write_bin

NAMES = [f"person_{i:02d}" for i in range(12)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return drawing.identities_folder(tmp_path_factory.mktemp("data"), 12, 4)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder that holds what a training run leaves."""
    run = tmp_path_factory.mktemp("runs") / "run"
    run.mkdir()
    SmallNet(input_shape=(32, 32, 3), embedding_dim=16).save(run / "best.keras")
    epochs = [{"epoch": e, "loss": 9.0 / e, "eer": None} for e in (1, 2, 3)]
    (run / "history.json").write_text(json.dumps(epochs))
    counts = np.bincount([60, 70, 70, 80], minlength=180).tolist()
    angles = [{"epoch": 1, "target_angle_counts": counts, "w_inter": 80.0}]
    quantiles = {f"angle_p{q}": 70.0 for q in ("05", "25", "50", "75", "95")}
    angles[0] |= quantiles
    (run / "angles.json").write_text(json.dumps({"epochs": angles}))
    (run / "recipe.yaml").write_text("seed: 1\nname: <b>\n")
    people = {"training": {NAMES[0]: 4, "other": 2}, "held_out": {}}
    (run / "identities.json").write_text(json.dumps(people))
    return run


def test_a_run_on_a_folder(run, folder, tmp_path, capsys):
    groups = tmp_path / "groups.csv"
    lines = [f"{name},{'ab'[i % 2]}" for i, name in enumerate(NAMES)]
    groups.write_text("\n".join(["identity,group", *lines]))
    quality = tmp_path / "quality.csv"
    files = [p.relative_to(folder).as_posix() for p in folder.rglob("*.png")]
    quality.write_text("path,quality\n" + "".join(f"{p},1\n" for p in files))
    output = tmp_path / "page.html"
    options = ["--output", output, "--groups", groups, "--flip"]
    options += ["--quality", quality]
    assert call("report", run, folder, *options) == 0
    printed = capsys.readouterr().out
    assert "Wrote" in printed and "--no-pictures leaves them out" in printed
    page = Page(output.read_text("utf-8"))
    top = page.text.partition("On this page")[0]
    assert "1 of the 12 identities judged here have the names" in top
    assert "seed: 1" in page.text and "name: <b>" in page.text
    assert "Errors by group" in page.text
    assert "length of the features" in page.text
    assert "quality given" in page.text
    assert f"keras-arcface report {run} {folder} --groups" in page.text
    pictures = [
        a for a in page.all("img") if a["src"].startswith("data:image/png")
    ]
    assert len(pictures) > 60 and output.stat().st_size < 2_000_000
    assert call("report", run, folder, *options) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_a_bin_set_and_a_list_of_pairs(run, folder, tmp_path, capsys):
    files = sorted(folder.rglob("*.png"))
    rows = ["fold,left,right,is_same"]
    pictures, answers = [], []
    for k in range(24):
        a = files[(2 * k) % 48]
        same = k % 2 == 0
        b = files[(2 * k) % 48 + 1] if same else files[(2 * k + 9) % 48]
        rows.append(f"{k // 8},{a.stem},{b.stem},{int(same)}")
        pictures += [a, b]
        answers.append(same)
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    write_bin(tmp_path / "set.bin", pictures, answers)
    common = ["--no-pictures", "--output"]
    for name, arguments in {
        "csv": [tmp_path / "pairs.csv", "--images", folder],
        "bin": [tmp_path / "set.bin"],
    }.items():
        output = tmp_path / f"{name}.html"
        code = call("report", run / "best.keras", *arguments, *common, output)
        assert code == 0, capsys.readouterr().err
    listed = Page((tmp_path / "csv.html").read_text("utf-8"))
    assert "Rank-1 identification" in listed.text
    assert "all 24 pairs of the list" in listed.text
    without = Page((tmp_path / "bin.html").read_text("utf-8"))
    assert "Not measured: nobody says who is on the pictures" in without.text
    for page in (listed, without):
        assert "person_" not in page.text.partition("Command")[0]


def test_more_pictures_than_asked_for_are_sampled(run, folder, tmp_path):
    output = tmp_path / "page.html"
    options = ["--most-pictures", "36", "--most-pairs", "200", "--seed", "5"]
    assert call("report", run, folder, "--output", output, *options) == 0
    text = Page(output.read_text("utf-8")).text
    assert "36 of 48 pictures: whole identities, drawn at random" in text
    assert "all 54 genuine and 146 of 576 impostor pairs" in text


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["{run}"], "Give a model and data, or embeddings alone"),
        (["{run}", "{folder}", "--output", "page.pdf"], "must end in .html"),
        (["{run}", "{folder}", "--run", "{folder}"], "no history.json in"),
        (["{run}", "{folder}", "--groups", "{csv}"], "no group for 12 of 12"),
        (
            ["{run}", "{folder}", "--quality", "{csv}"],
            "no quality for 48 of 48",
        ),
        (["{run}", "{folder}", "--run", "{bad}"], "history.json is no JSON"),
        (["{run}", "nowhere", "--seed", "1"], "No such folder or file"),
        (["{run}", "{folder}", "--seed", "-1"], "seed must be"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(
    arguments, message, run, folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    csv = tmp_path / "list.csv"
    csv.write_text("identity,group,path,quality\nx,a,x.png,1\n")
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "history.json").write_text("[")
    known = {"run": run, "folder": folder, "csv": csv, "bad": bad}
    words = [argument.format(**known) for argument in arguments]
    code, line = error_of(capsys, "report", *words)
    assert code == 2 and message in line
    assert {path.name for path in tmp_path.iterdir()} == {"list.csv", "bad"}


def test_too_few_identities_are_said_without_advice_for_training_only(
    run, tmp_path, capsys
):
    folder = drawing.identities_folder(tmp_path / "few", 2, 2)
    output = tmp_path / "out"
    arguments = ("evaluate", run, "--data", folder, "--output", output)
    code, line = error_of(capsys, *arguments)
    assert code == 2 and "2 identities, 4 pictures" in line
    assert "Bring more identities, or, to train, hold out" in line
    assert not output.exists()
