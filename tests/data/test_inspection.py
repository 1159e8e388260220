import json
import shutil

import drawing
import hostile
import numpy as np
import pytest
from PIL import Image

from keras_arcface.cli.main import main
from keras_arcface.data import from_directory
from keras_arcface.data import inspection as inspection_module
from keras_arcface.data.inspection_report import to_text
from keras_arcface.data.near_duplicates import close_pairs
from keras_arcface.data.near_duplicates import perceptual_hash
from keras_arcface.data.pack_index import FORMAT
from keras_arcface.studies import close_embeddings as close_module
from keras_arcface.studies.close_embeddings import close_embeddings


@pytest.fixture
def folder(tmp_path):
    return drawing.identities_folder(tmp_path / "data", 4, 3, side=64)


def inspect(folder, tmp_path, *more):
    output = tmp_path / "report.json"
    code = main(["inspect", str(folder), "--output", str(output), *more])
    assert code == 0
    return json.loads(output.read_text("utf-8"))


def test_a_sound_folder(folder, tmp_path, capsys):
    report = inspect(folder, tmp_path)
    assert report["readable"] == 12 and report["identities"] == 4
    assert set(report["counts"].values()) == {3}
    assert report["formats"] == {"PNG": 12}
    assert report["sizes"] == {"64x64": 12}
    assert not report["near_duplicates_across_identities"]
    for name in ("unreadable", "duplicates", "with_one_picture"):
        assert report[name] == []
    assert "12 readable pictures of 4 identities" in capsys.readouterr().out


def test_what_is_wrong_is_named(folder, tmp_path, capsys):
    rgb = drawing.picture(9, 0, 64)
    lonely = folder / "lonely"
    lonely.mkdir()
    Image.fromarray(rgb).save(lonely / "only.png")
    (folder / "empty").mkdir()
    broken = hostile.broken_files(folder / "person_00", rgb)
    first = folder / "person_01" / "person_01_0000.png"
    shutil.copy(first, folder / "person_02" / "copy.png")
    shutil.copy(lonely / "only.png", folder / "beside.png")
    (lonely / "deep").mkdir()
    shutil.copy(lonely / "only.png", lonely / "deep")
    (lonely / "old.gif").touch()
    report = inspect(folder, tmp_path)
    found = {entry["path"].split("/")[1] for entry in report["unreadable"]}
    assert found == broken
    assert report["with_one_picture"] == ["lonely"]
    assert report["without_pictures"] == ["empty"]
    (group,) = report["duplicates"]
    assert group["identities"] == 2 and "person_02/copy.png" in group["paths"]
    assert report["passed_over"]["beside"] == ["beside.png"]
    assert report["passed_over"]["deeper"] == ["lonely/deep/only.png"]
    assert report["passed_over"]["other_kind"] == ["lonely/old.gif"]
    assert "TWO IDENTITIES" in capsys.readouterr().out


def test_a_picture_saved_again_under_another_name_is_found(folder, tmp_path):
    source = folder / "person_00" / "person_00_0000.png"
    copy = folder / "person_03" / "again.jpg"
    with Image.open(source) as picture:
        picture.resize((80, 80)).save(copy, quality=60)
    report = inspect(folder, tmp_path, "--sheet", str(tmp_path / "s.png"))
    pairs = report["near_duplicates_across_identities"]
    assert {"person_00/person_00_0000.png", "person_03/again.jpg"} in [
        {pair["first"], pair["second"]} for pair in pairs
    ]
    assert all("again.jpg" in pair["second"] for pair in pairs)
    with Image.open(tmp_path / "s.png") as sheet:
        # Four identities and the pairs, each a row.
        assert sheet.height > (4 + len(pairs)) * 112


def test_odd_pictures_names_and_links(folder, tmp_path, capsys):
    person = folder / "person_00"
    odd = hostile.odd_pictures(person, drawing.picture(0, 0, 64))
    named = hostile.odd_names(person, drawing.picture(0, 0, 64))
    hostile.odd_entries(person)
    report = inspect(folder, tmp_path, "--sheet", str(tmp_path / "s.png"))
    assert report["unreadable"] == []
    assert report["counts"]["person_00"] == 3 + len(odd) + len(named)
    assert {"CMYK", "RGBA"} < set(report["modes"])
    assert report["passed_over"]["again"] == ["person_00/loop"]
    assert len(report["passed_over"]["special"]) == 2
    assert "\x1b" not in capsys.readouterr().out


def test_nothing_readable_is_still_a_report(tmp_path):
    (tmp_path / "data" / "a").mkdir(parents=True)
    (tmp_path / "data" / "a" / "x.jpg").touch()
    report = inspect(
        tmp_path / "data", tmp_path, "--sheet", str(tmp_path / "s.png")
    )
    assert report["readable"] == 0 and len(report["unreadable"]) == 1
    assert (tmp_path / "s.png").exists()


def test_a_model_finds_one_person_under_two_names(folder, tmp_path, capsys):
    shutil.copy(
        folder / "person_00" / "person_00_0000.png", folder / "person_01"
    )
    arguments = ["--model", "mobilefacenet_ms1m_192", "--resize"]
    arguments += ["--sheet", str(tmp_path / "s.png")]
    report = inspect(folder, tmp_path, *arguments, "--cosine", "0.999")
    found = report["close_embeddings_across_identities"]
    assert found[0]["cosine"] > 0.999
    assert found[0]["second"] == "person_01/person_00_0000.png"
    assert "1 pairs of two identities" in capsys.readouterr().out


def test_a_picture_the_model_cannot_take_leaves_the_report(
    folder, tmp_path, capsys
):
    output, sheet = tmp_path / "report.json", tmp_path / "s.png"
    arguments = ["inspect", folder, "--output", output, "--sheet", sheet]
    arguments += ["--model", "mobilefacenet_ms1m_192"]
    assert main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert "person_00_0000.png is 64x64" in captured.err
    assert "12 readable pictures" in captured.out
    assert json.loads(output.read_text("utf-8"))["readable"] == 12
    assert sheet.exists()


def test_mistakes_are_named(tmp_path, capsys):
    assert main(["inspect", str(tmp_path / "gone")]) == 2
    assert main(["inspect", str(tmp_path), "--sheet", "x.jpg"]) == 2
    assert "--sheet must end in .png" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["index.json", "train.rec", None])
def test_only_folders_of_pictures_are_inspected(tmp_path, name, capsys):
    source = tmp_path / "source"
    if name is None:
        source.touch()
    else:
        source.mkdir()
        (source / name).write_text('{"format": "' + FORMAT + '"}')
    assert main(["inspect", str(source)]) == 2
    message = capsys.readouterr().err
    assert "one sub-folder of pictures per identity" in message
    assert "keras-arcface pack" in message


def test_close_pairs_are_those_of_comparing_all():
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (60, 32), np.uint8)
    bits = np.unpackbits(hashes, axis=1)
    for row in range(1, 30, 2):
        bits[row] = bits[row - 1]
        flipped = rng.permutation(256)[: row + 4]
        bits[row, flipped] ^= 1
    labels = rng.integers(0, 5, 60)
    found = close_pairs(np.packbits(bits, axis=1), labels)
    pairs, distances = found.pairs, found.bits
    naive = {
        (a, b)
        for a in range(60)
        for b in range(a + 1, 60)
        if labels[a] != labels[b] and (bits[a] != bits[b]).sum() <= 16
    }
    assert {tuple(pair) for pair in pairs.tolist()} == naive
    assert len(naive) > 3 and (np.diff(distances) >= 0).all()
    assert len(pairs) == len(naive) and found.left_out == 0
    some = close_pairs(np.packbits(bits, axis=1), labels, most_pairs=3)
    assert (some.pairs == pairs[:3]).all()
    assert some.left_out == len(naive) - 3


def test_one_picture_in_every_identity_is_no_square_of_pairs():
    count = 20_000
    rng = np.random.default_rng(0)
    one, *rest = rng.integers(0, 256, (3, 32), np.uint8)
    near = one.copy()
    near[5] ^= 3
    hashes = np.concatenate([np.tile(one, (count, 1)), [near], rest])
    labels = np.r_[np.arange(count), 0, 1, 2]
    found = close_pairs(hashes, labels, most_pairs=count)
    assert len(found.pairs) == count and found.left_out == 0
    assert (found.pairs[:-1, 0] == 0).all() and (found.bits[:-1] == 0).all()
    # The nearest hash is of identity 0: another one's picture stands for all.
    assert found.pairs[-1].tolist() == [1, count] and found.bits[-1] == 2


def test_flat_pictures_are_not_all_alike():
    flat = perceptual_hash(np.full((50, 50, 3), 80, np.uint8))
    found = close_pairs(np.stack([flat, flat]), np.array([0, 1]))
    assert found.pairs.shape == (0, 2)


def test_close_embeddings_are_the_nearest_of_another_identity():
    angles = np.deg2rad([0, 2, 5, 90, 180])
    embeddings = np.column_stack([np.cos(angles), np.sin(angles)])
    found = close_embeddings(embeddings, np.array([0, 0, 1, 2, 3]), 0.9)
    assert [pair[:2] for pair in found] == [(1, 2), (0, 2)]
    assert found[0][2] == pytest.approx(np.cos(np.deg2rad(3)))


def test_pairs_that_are_left_out_are_counted(folder, tmp_path, monkeypatch):
    for number in range(4):
        shutil.copy(
            folder / "person_00" / "person_00_0000.png",
            folder / f"person_{number:02d}" / "placeholder.png",
        )
    real = inspection_module.close_pairs
    calls = []

    def two(*args):
        calls.append(args)
        return real(*args, most_pairs=2)

    monkeypatch.setattr(inspection_module, "close_pairs", two)
    report = inspect(folder, tmp_path, "--sheet", str(tmp_path / "s.png"))
    assert len(report["near_duplicates_across_identities"]) == 2
    assert report["near_duplicates_left_out"] == 1
    assert "1 more near-duplicates" in to_text(report)
    assert len(calls) == 1


def test_identities_that_are_links_are_those_of_from_directory(folder):
    (folder / "again").symlink_to("person_00")
    (folder / "root").symlink_to(folder, target_is_directory=True)
    (folder / "itself").symlink_to("itself")
    (folder / "person_01" / "other").symlink_to(folder / "person_02")
    shutil.copy(
        folder / "person_00" / "person_00_0000.png", folder / "beside.png"
    )
    found = inspection_module.inspect_folder(folder)
    with pytest.warns(UserWarning, match="itself"):
        data = from_directory(folder, (64, 64))
    assert list(found.class_names) == list(data.class_names)
    assert found.counts.tolist() == data.counts.tolist()
    assert found.passed_over["special"] == ["itself", "root/itself"]
    assert "person_01/other" in found.passed_over["again"]
    assert not found.passed_over["deeper"]


def test_close_embeddings_in_blocks_are_those_at_once(monkeypatch):
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(50, 3)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    labels = rng.integers(0, 6, 50)
    at_once = close_embeddings(embeddings, labels, 0.5)
    monkeypatch.setattr(close_module, "_BLOCK", 7)
    monkeypatch.setattr(close_module, "_COLUMNS", 11)
    blocks = close_embeddings(embeddings, labels, 0.5)
    assert [pair[:2] for pair in blocks] == [pair[:2] for pair in at_once]
    assert len(blocks) > 20


def test_large_pictures_are_decoded_one_after_the_other(folder, monkeypatch):
    held, most = [], []
    real = inspection_module.read_image

    def read(path):
        held.append(path)
        most.append(len(held))
        try:
            return real(path)
        finally:
            held.remove(path)

    monkeypatch.setattr(inspection_module, "read_image", read)
    monkeypatch.setattr(inspection_module, "_PIXELS_AT_ONCE", 64 * 64)
    found = inspection_module.inspect_folder(folder)
    assert len(found.readable) == 12 and set(most) == {1}
