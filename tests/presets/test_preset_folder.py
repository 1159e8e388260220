import json
import shutil

import keras
import numpy as np
import pytest

from keras_arcface.backbones import MobileFaceNet
from keras_arcface.backbones import SmallNet
from keras_arcface.presets import find_preset
from keras_arcface.presets import list_presets
from keras_arcface.presets import load_preset
from keras_arcface.presets import save_preset
from keras_arcface.presets import verify_preset


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    model = SmallNet(widths=(4, 8), embedding_dim=6, name="tiny")
    folder = tmp_path_factory.mktemp("presets") / "tiny_glyphs"
    save_preset(model, folder, {"license": "Apache-2.0"}, card="# Tiny\n")
    return model, folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(saved[1], tmp_path / "tiny_glyphs")


def images():
    random = np.random.default_rng(0)
    return random.integers(0, 256, (2, 32, 32, 3), "uint8")


def test_round_trip(saved):
    model, folder = saved
    loaded = load_preset(folder)
    assert type(loaded) is SmallNet
    assert loaded.name == "tiny"
    np.testing.assert_array_equal(model(images()), loaded(images()))


def test_contents(saved):
    _, folder = saved
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "config.json",
        "metadata.json",
        "model.weights.h5",
    ]
    metadata = verify_preset(folder)
    assert metadata["name"] == "tiny_glyphs"
    assert metadata["license"] == "Apache-2.0"
    assert metadata["keras_version"] == keras.version()
    assert set(metadata["files"]) == {
        "README.md",
        "config.json",
        "model.weights.h5",
    }


def test_written_card_tells_what_metadata_knows(tmp_path):
    result = {"what": "accuracy", "value": "99%", "command": "measure it"}
    metadata = {"training_data": "Glyphs.", "results": [result]}
    model = SmallNet(widths=(4,), embedding_dim=2)
    folder = save_preset(model, tmp_path / "carded", metadata)
    card = (folder / "README.md").read_text()
    assert "# carded" in card
    assert "Glyphs." in card
    assert "accuracy: 99%" in card and "`measure it`" in card
    assert "Not stated." in card


@pytest.mark.parametrize(
    "name", ["config.json", "model.weights.h5", "README.md"]
)
def test_a_changed_byte_is_refused(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ValueError, match=f"{name} was changed"):
        load_preset(folder)


def test_a_missing_file_is_refused(folder):
    (folder / "model.weights.h5").unlink()
    with pytest.raises(ValueError, match="model.weights.h5 is missing"):
        load_preset(folder)


def test_an_unlisted_file_is_refused(folder):
    (folder / "code.py").write_text("print('hello')")
    with pytest.raises(ValueError, match="does not list: code.py"):
        load_preset(folder)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd"])
def test_a_listed_name_may_not_leave_the_folder(folder, name):
    path = folder / "metadata.json"
    metadata = json.loads(path.read_text())
    metadata["files"][name] = "0" * 64
    path.write_text(json.dumps(metadata))
    with pytest.raises(ValueError, match="must list the SHA-256 of"):
        load_preset(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{not json", "not valid JSON"),
        ('{"format_version": 99}', "format_version must be 1.*99"),
    ],
)
def test_a_broken_metadata_file_is_refused(folder, text, message):
    (folder / "metadata.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        verify_preset(folder)


def test_unknown_name_lists_names():
    with pytest.raises(ValueError, match="no preset 'iresnet'.*mobilefacenet"):
        find_preset("iresnet")


def test_folder_without_metadata_says_so(tmp_path):
    with pytest.raises(ValueError, match="exists but has no metadata.json"):
        find_preset(tmp_path)


def test_shipped_presets_are_found_and_whole():
    assert "mobilefacenet_ms1m_192" in list_presets()
    for name in list_presets():
        metadata = verify_preset(find_preset(name))
        assert metadata["name"] == name
        assert metadata["license"] and metadata["provenance"]
        assert all(result["command"] for result in metadata["results"])


def test_nothing_is_left_after_an_error(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    model = SmallNet(widths=(4,), embedding_dim=2)
    monkeypatch.setattr(model, "save_weights", fail)
    with pytest.raises(OSError, match="disk full"):
        save_preset(model, tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_an_older_preset_is_replaced(folder):
    model = SmallNet(widths=(4,), embedding_dim=2, name="newer")
    save_preset(model, folder)
    assert load_preset(folder).name == "newer"


def test_a_folder_that_is_no_preset_is_kept(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"...")
    with pytest.raises(ValueError, match="exists and is no preset"):
        save_preset(SmallNet(widths=(4,)), tmp_path)
    assert (tmp_path / "holiday.jpg").exists()


def test_weights_argument_of_a_backbone(saved, tmp_path):
    model, folder = saved
    arguments = {"widths": (4, 8), "embedding_dim": 6}
    from_preset = SmallNet(**arguments, weights=folder)
    model.save_weights(tmp_path / "plain.weights.h5")
    from_file = SmallNet(**arguments, weights=tmp_path / "plain.weights.h5")
    expected = model(images())
    for other in (from_preset, from_file):
        np.testing.assert_array_equal(other(images()), expected)


def test_weights_of_another_network_are_refused(saved):
    _, folder = saved
    with pytest.raises(ValueError, match="embedding_dim is 7 here and 6 there"):
        SmallNet(widths=(4, 8), embedding_dim=7, weights=folder)
    with pytest.raises(ValueError, match="MobileFaceNet here and.*SmallNet"):
        MobileFaceNet(32, blocks=(1, 1, 1, 1), weights=folder)
