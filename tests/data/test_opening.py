"""One door: the reader fits the path, and training takes every kind."""

import os
import shutil

import drawing
import numpy as np
import pytest
import records

from keras_arcface.cli.main import main
from keras_arcface.cli.sources import pairs_from_data
from keras_arcface.data import from_directory
from keras_arcface.data import open_data
from keras_arcface.training import Recipe
from keras_arcface.training.loading import load_data

SIZE = (32, 32)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """{kind: path} of the same 24 pictures of 8 identities."""
    room = tmp_path_factory.mktemp("kinds")
    folder = drawing.identities_folder(room / "folder", 8, 3)
    data = from_directory(folder, SIZE)
    names = [os.path.relpath(path, room) for path in data.samples]
    labels = data.labels.tolist()
    rows = [f"{n},{label}" for n, label in zip(names, labels, strict=True)]
    (room / "list.csv").write_text("\n".join(["path,identity", *rows]))
    payloads = [
        records.payload(data.samples.read(i), label)
        for i, label in enumerate(labels)
    ]
    rec = records.write(room / "rec", payloads)
    pack = str(room / "pack")
    size = ["--image-size", "32", "--processes", "1"]
    assert main(["pack", str(folder), pack, *size]) == 0
    return {
        "folder": folder,
        "csv": room / "list.csv",
        "pack": pack,
        "index": f"{pack}/index.json",
        "tfrecord": f"{pack}/shard-00000-of-00001.tfrecord",
        "rec": rec,
        "rec folder": rec.parent,
    }


KINDS = ("folder", "csv", "pack", "index", "tfrecord", "rec", "rec folder")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_same_pictures(kinds, kind):
    expected = from_directory(kinds["folder"], SIZE)
    data = open_data(kinds[kind], SIZE)
    assert data.labels.tolist() == expected.labels.tolist()
    np.testing.assert_array_equal(data.images(), expected.images())
    pairs = pairs_from_data(str(kinds[kind]), SIZE)[1]
    assert len(pairs) > 0


@pytest.mark.parametrize("kind", ["csv", "pack", "rec"])
def test_training_takes_every_kind(kinds, kind):
    def load(path):
        return load_data(
            Recipe.from_values(
                {
                    "data.source": path,
                    "output": "runs",
                    "data.image_size": 32,
                    "schedule.batch_size": 4,
                    "evaluation.holdout": 0.4,
                    "data.augment": "face",
                }
            )
        )

    for found, expected in zip(
        load(kinds[kind]), load(kinds["folder"]), strict=True
    ):
        np.testing.assert_array_equal(found.samples, expected.samples)
        assert found.labels.tolist() == expected.labels.tolist()


def test_what_is_no_data_is_named(kinds, tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ValueError, match="notes.txt is no data. Expected a f"):
        open_data(tmp_path / "notes.txt")
    with pytest.raises(FileNotFoundError, match="No such folder or file.*gone"):
        open_data(tmp_path / "gone.csv")
    with pytest.raises(ValueError, match="images is for .* a .csv"):
        open_data(kinds["folder"], images=tmp_path)
    with pytest.raises(ValueError, match="32x32.*expected 112x112"):
        open_data(kinds["rec"])


@pytest.mark.parametrize(
    "content",
    ['{"format": "keras_arcface pack, ver', "[" * 200_000, "", "\ud800"],
)
def test_an_index_that_was_cut_is_named(tmp_path, content):
    (tmp_path / "index.json").write_text(content, errors="surrogatepass")
    for path in (tmp_path, tmp_path / "index.json"):
        with pytest.raises(
            ValueError, match="index.json is damaged .*Pack the data again"
        ):
            open_data(path)


def test_packs_that_are_not_whole_are_named(kinds, tmp_path):
    pack = shutil.copytree(kinds["pack"], tmp_path / "pack")
    (pack / ".packing").mkdir()
    assert len(open_data(pack)) == 24  # Only clearing up was left to do.
    (pack / "index.json").unlink()
    with pytest.raises(ValueError, match="not finished.*keras-arcface pack ag"):
        open_data(pack)
    (pack / ".packing").rmdir()
    assert len(open_data(pack, SIZE)) == 24  # A folder of TFRecords.
    for path in pack.glob("*.tfrecord"):
        path.unlink()
    version_2 = '{"format": "keras_arcface pack, version 2"}'
    (pack / "index.json").write_text(version_2)
    with pytest.raises(ValueError, match="no index .*or of another version"):
        open_data(pack)


def test_an_index_of_something_else_does_not_hide_identities(kinds, tmp_path):
    folder = shutil.copytree(kinds["folder"], tmp_path / "folder")
    (folder / "index.json").write_text('{"format": "something else"}')
    assert len(open_data(folder, SIZE)) == 24


def test_pack_from_the_command_line(kinds, tmp_path, capsys):
    out = tmp_path / "out"
    size = ["--image-size", "32", "--processes", "1"]
    source = str(kinds["csv"])
    assert main(["pack", source, str(out), *size]) == 0
    assert "24 pictures of 8 identities" in capsys.readouterr().out
    assert main(["pack", source, str(out), *size]) == 2
    assert "holds a pack already" in capsys.readouterr().err
    assert len(open_data(out)) == 24  # The index knows the size.
