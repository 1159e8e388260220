import json
import re
import shutil

import drawing
import numpy as np
import pytest
from calling import call
from calling import error_of
from PIL import Image

from keras_arcface import SmallNet
from keras_arcface.cli.main import main
from keras_arcface.data import read_pairs_csv
from keras_arcface.data import write_bin

SMALL = (
    "--backbone smallnet --embedding-dim 16 --image-size 32 --epochs 1 "
    "--batch-size 8 --holdout 0.4"
).split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return drawing.identities_folder(tmp_path_factory.mktemp("data"), 12, 4)


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "run"
    arguments = ["train", "--data", folder, "--output", output, *SMALL]
    assert main([str(a) for a in arguments]) == 0
    return output


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces")
    for index in range(2):
        picture = drawing.picture(index, 0, side=112)
        Image.fromarray(picture).save(folder / f"face{index}.png")
    return folder


def test_train_says_what_comes_next(folder, tmp_path, capsys):
    call("train", "--data", folder, "--output", tmp_path / "run", *SMALL)
    output = capsys.readouterr().out
    assert "best.keras" in output and "keras-arcface export" in output
    code, line = error_of(
        capsys, "train", "--data", folder, "--output", tmp_path / "run", *SMALL
    )
    assert code == 2 and "--resume" in line
    resumed = ["train", "--data", folder, "--output", tmp_path / "run", *SMALL]
    assert call(*resumed, "--resume") == 0


def test_evaluate_writes_a_report_and_figures(run, folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert call("evaluate", run, "--data", folder, "--output", out) == 0
    assert {p.name for p in out.iterdir()} == {
        "report.json",
        "det.png",
        "scores.png",
    }
    report = json.loads((out / "report.json").read_text())
    assert 0 <= report["eer"] <= 1 and report["flip"] is False
    assert "EER" in capsys.readouterr().out


def test_evaluate_measures_the_geometry_of_identities(
    run, folder, tmp_path, capsys
):
    out = tmp_path / "out"
    arguments = ["evaluate", run, "--geometry", "--output", out]
    assert call(*arguments, "--data", folder) == 0
    text = capsys.readouterr().out
    assert "Intra" in text and "hubness" in text and "geometry.png" in text
    assert (out / "geometry.png").stat().st_size > 1000
    report = json.loads((out / "report.json").read_text())
    assert report["geometry"]["classes"] == 12
    assert 0 < report["geometry"]["intra"] < 180
    pictures = [folder / "person_00" / f"person_00_{n:04d}.png" for n in (0, 1)]
    write_bin(tmp_path / "p.bin", pictures, [True])
    code, line = error_of(capsys, *arguments, "--pairs", tmp_path / "p.bin")
    assert code == 2 and "who is on each picture" in line


def test_evaluate_reads_pairs(run, folder, tmp_path, capsys):
    rows = ["fold,left,right,is_same"]
    for fold in range(3):
        a, b = f"person_{2 * fold:02d}", f"person_{2 * fold + 1:02d}"
        rows += [f"{fold},{a}_0000,{a}_{n:04d},1" for n in (1, 2, 3)]
        rows += [f"{fold},{a}_0000,{b}_{n:04d},0" for n in (1, 2, 3)]
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("\n".join(rows) + "\n")
    arguments = ["evaluate", run, "--images", folder, "--output", tmp_path]
    assert call(*arguments, "--pairs", pairs, "--flip") == 0
    assert "with flip" in capsys.readouterr().out
    opened = read_pairs_csv(pairs, folder)
    sides = np.stack([opened.left, opened.right], 1).ravel()
    write_bin(
        tmp_path / "p.bin", [opened.paths[i] for i in sides], opened.is_same
    )
    bare = [
        "evaluate",
        run,
        "--output",
        tmp_path,
        "--pairs",
        tmp_path / "p.bin",
    ]
    assert call(*bare) == 0
    assert "18 pairs of p.bin" in capsys.readouterr().out
    pairs.write_text("\n".join(rows + ["0,nobody_0000,person_00_0000,0"]))
    code, line = error_of(capsys, *arguments, "--pairs", pairs)
    assert code == 2 and "nobody_0000" in line and "20" in line


def test_export_proves_itself_on_samples(run, folder, tmp_path, capsys):
    arguments = ["export", run, "--output", tmp_path / "exports"]
    assert call(*arguments, "--format", "tflite", "--samples", folder) == 0
    report = json.loads((tmp_path / "exports" / "parity.json").read_text())
    entry = report["reports"][0]
    assert entry["passed"] and "pictures of" in entry["samples"]
    assert (tmp_path / "exports" / "model.tflite").stat().st_size > 1000
    assert "Wrote" in capsys.readouterr().out


def test_export_falls_back_to_glyphs_and_says_so(run, tmp_path):
    arguments = ["export", run, "--output", tmp_path, "--format", "saved_model"]
    assert call(*arguments) == 0
    report = json.loads((tmp_path / "parity.json").read_text())
    assert "glyphs" in report["reports"][0]["samples"]


def test_embed_writes_unit_embeddings(faces, tmp_path, capsys):
    out = tmp_path / "faces.npz"
    assert call("embed", faces, "--output", out) == 0
    with np.load(out) as data:
        assert data["embeddings"].shape == (2, 192)
        np.testing.assert_allclose(
            np.linalg.norm(data["embeddings"], axis=1), 1, atol=1e-5
        )
        assert [p.rsplit("/")[-1] for p in data["paths"]] == [
            "face0.png",
            "face1.png",
        ]


def test_verify_decides_and_says_on_what_basis(faces, capsys):
    first, second = faces / "face0.png", faces / "face1.png"
    assert call("verify", first, first) == 0
    output = capsys.readouterr().out
    assert re.search(r"similarity 1\.0000", output)
    assert "the same person" in output and "false-match rate of 0.01" in output
    assert call("verify", first, second, "--threshold", "1.5") == 0
    assert "two people" in capsys.readouterr().out


def test_calibrate_stores_a_threshold(folder, tmp_path, capsys):
    from keras_arcface.presets.folder import find_preset

    preset = tmp_path / "preset"
    shutil.copytree(find_preset("mobilefacenet_ms1m_192"), preset)
    arguments = ["calibrate", preset, "--data", folder, "--resize"]
    assert call(*arguments, "--fmr", "0.1") == 0
    entry = json.loads((preset / "metadata.json").read_text())["verification"]
    assert entry["fmr"] == 0.1 and -1 <= entry["threshold"] <= 1
    assert (
        call("verify", *_first_two(folder), "--model", preset, "--resize") == 0
    )
    assert "false-match rate of 0.1" in capsys.readouterr().out


def test_calibrate_takes_any_data_and_opens_the_check_first(
    folder, tmp_path, capsys, monkeypatch
):
    from keras_arcface.presets.folder import find_preset

    def embed(*arguments, **options):
        raise AssertionError("pictures were embedded")

    preset = tmp_path / "preset"
    shutil.copytree(find_preset("mobilefacenet_ms1m_192"), preset)
    files = sorted(path for path in folder.glob("*/*") if path.is_file())
    rows = [f"{path},{path.parent.name}" for path in files]
    (tmp_path / "list.csv").write_text("\n".join(["path,identity", *rows]))
    arguments = ["calibrate", preset, "--data", tmp_path / "list.csv"]
    arguments += ["--resize", "--fmr", "0.1"]
    with monkeypatch.context() as patch:
        patch.setattr("keras_arcface.cli.calibrate.embed_data", embed)
        _, message = error_of(capsys, *arguments, "--check-pairs", "gone.csv")
    assert "gone.csv" in message
    assert call(*arguments) == 0
    entry = json.loads((preset / "metadata.json").read_text())["verification"]
    assert entry["calibrated_on"].endswith(f"{len(files)} pictures of list.csv")


def test_a_run_is_told_how_to_get_a_threshold(
    run, folder, tmp_path, capsys, monkeypatch
):
    """The commands in the message work as they stand."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, "mine")
    pictures = _first_two(folder)
    _, advice = error_of(capsys, "verify", *pictures, "--model", "mine")
    make, calibrate = re.search(
        r'python -c "(.+)" && keras-arcface (calibrate .+)$', advice
    ).groups()
    data = ["--data", folder]
    _, line = error_of(capsys, "calibrate", "mine", *data)
    assert make in line and calibrate in line
    exec(make)
    arguments = calibrate.replace("FOLDER", str(folder)).split()
    assert call(*arguments, "--fmr", "0.1") == 0
    assert call("verify", *pictures, "--model", arguments[1]) == 0
    assert "false-match rate of 0.1" in capsys.readouterr().out


def test_a_model_of_open_size_is_refused_by_name(folder, tmp_path, capsys):
    model = tmp_path / "open.keras"
    SmallNet(input_shape=(None, None, 3), head="GAP").save(model)
    pictures = _first_two(folder)
    for resize in ([], ["--resize"]):
        for arguments in (
            ["embed", *pictures, "--output", tmp_path / "d.npz"],
            ["verify", *pictures, "--threshold", "0.5"],
        ):
            _, line = error_of(capsys, *arguments, "--model", model, *resize)
            assert "fixed input_shape" in line


def _first_two(folder):
    return sorted(folder.rglob("*.png"))[:2]


def test_a_missing_file_of_pairs_is_named(run, folder, tmp_path, capsys):
    arguments = ["evaluate", run, "--images", folder, "--output", tmp_path]
    for pairs, message in (("nosuch.csv", "no CSV file"), (".", "is a folder")):
        code, line = error_of(capsys, *arguments, "--pairs", tmp_path / pairs)
        assert code == 2 and message in line and str(tmp_path) in line


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["evaluate", "no_such_model", "--data", "glyphs"], "no preset"),
        (["evaluate", "mobilefacenet_ms1m_192"], "--pairs CSV --images"),
        (["evaluate", "gone.keras", "--data", "glyphs"], "no file gone.keras"),
        (["embed", "gone.jpg", "--output", "x.npz"], "no file or folder gone"),
        (["embed", "gone.jpg", "--output", "x.txt"], "must end in .npz"),
        (["verify", "gone.jpg", "gone.jpg"], "no file or folder gone.jpg"),
        (["convert", "gone.tflite", "--to", "x"], "gone.tflite"),
        (["quickstart", "--seed", "-1"], "seed must be at least 0"),
        (["quickstart", "--epochs", "0"], "epochs must be at least 1"),
        (
            ["train", "--data", "gone", "--output", "x"],
            "gone",
        ),
        (
            ["train", "--data", "glyphs", "--output", "x", "--margin", "28"],
            "looks like degrees",
        ),
    ],
)
def test_mistakes_end_in_one_line_that_helps(
    arguments, message, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, line = error_of(capsys, *arguments)
    assert code == 2 and message in line
    assert list(tmp_path.iterdir()) == []


def test_a_broken_picture_is_named(faces, tmp_path, capsys):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    code, line = error_of(capsys, "verify", broken, faces / "face0.png")
    assert code == 2 and "broken.jpg" in line
    out = tmp_path / "x.npz"
    code, line = error_of(capsys, "embed", broken, "--output", out)
    assert code == 2 and "broken.jpg" in line and not out.exists()


def test_a_picture_damaged_in_the_middle_stops_training_by_name(
    tmp_path, capsys
):
    folder = drawing.identities_folder(tmp_path / "data", 6, 3)
    whole = folder / "person_00" / "person_00_0000.png"
    whole.write_bytes(whole.read_bytes()[:600])
    code, line = error_of(
        capsys, "train", "--data", folder, "--output", tmp_path / "r", *SMALL
    )
    assert code == 2 and "person_00_0000.png" in line
    assert not (tmp_path / "r").exists()


def test_a_picture_of_another_size_is_named(tmp_path, faces, capsys):
    Image.fromarray(drawing.picture(0, 0, 64)).save(tmp_path / "small.png")
    code, line = error_of(
        capsys, "verify", tmp_path / "small.png", faces / "face0.png"
    )
    assert code == 2 and "small.png" in line and "resize" in line


def test_ctrl_c_ends_without_a_traceback(monkeypatch, capsys):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("keras_arcface.cli.quickstart.quickstart", interrupted)
    assert call("quickstart") == 130
    assert capsys.readouterr().err.strip() == "Interrupted."


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as done:
        call("--help")
    assert done.value.code == 0
    text = capsys.readouterr().out
    for command in ("quickstart", "train", "evaluate", "export", "verify"):
        assert command in text


@pytest.mark.parametrize(
    "arguments, name",
    [
        (["embed", "a.jpg", "--output", "d.npz"], "d.npz"),
        (["clean", "run", "data", "--output", "d.csv"], "d.csv"),
    ],
)
def test_a_folder_is_not_written_over(
    arguments, name, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    (tmp_path / name / "keep").touch()
    code, line = error_of(capsys, *arguments)
    assert code == 2 and f"{name} is a folder" in line
    assert (tmp_path / name / "keep").exists()
