"""Examples of a comparison: pictures and features, known by their content."""

import numpy as np
import pytest
from PIL import Image

from keras_arcface.backbones import MobileFaceNet
from keras_arcface.pretrained import save_pretrained
from keras_arcface.studies.compare import data as room

COUNTS = {"ada": 3, "bob": 6, "cid": 4, "dan": 5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("faces")
    for name, count in COUNTS.items():
        (root / name).mkdir()
        for index in range(count):
            pixels = rng.integers(0, 255, (32, 32, 3), np.uint8)
            Image.fromarray(pixels).save(root / name / f"{index}.png")
    return root


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    network = MobileFaceNet(
        8, "slim", blocks=(1, 1, 1, 1), input_shape=(32, 32, 3)
    )
    return save_pretrained(network, tmp_path_factory.mktemp("presets") / "tiny")


def load(folder, **options):
    return room.load_pictures(folder, image_size=(32, 32), **options)


def test_identities_have_enough_pictures_and_not_too_many(folder):
    data = load(folder, at_least=4, at_most=5)
    assert data.class_names == ["bob", "cid", "dan"]
    assert data.counts.tolist() == [5, 4, 5]
    names = [data.samples.name(index) for index in range(5)]
    assert [name[-5:] for name in names] == [f"{i}.png" for i in range(5)]
    few = load(folder, at_least=4, identities=2)
    assert few.class_names == ["bob", "cid"]


def test_the_hash_is_that_of_the_content(folder, tmp_path):
    def sha256(root, **options):
        return room.content_sha256(load(root, **options))

    copy = tmp_path / "copy"
    for path in sorted(folder.rglob("*.png")):
        target = copy / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    assert sha256(copy) == sha256(folder)
    assert sha256(folder, at_most=5) != sha256(folder)
    changed = copy / "bob" / "0.png"
    Image.new("RGB", (32, 32)).save(changed)
    assert sha256(copy) != sha256(folder)


def test_pictures_in_memory(folder):
    data = load(folder)
    examples = room.images(data, "faces")
    assert examples.x.dtype == np.uint8
    assert examples.x.shape == (15, 32, 32, 3)
    assert examples.labels.tolist() == data.labels.tolist()
    assert examples.sha256 == room.content_sha256(data)


def test_features_are_those_before_the_last_layer(folder, preset):
    examples = room.features(load(folder), "faces", preset)
    assert examples.x.shape == (15, 256)
    length = np.linalg.norm(examples.x, axis=1)
    assert np.allclose(length, 16.0, atol=1e-4)
    assert examples.sha256 != room.content_sha256(load(folder))


def test_features_are_computed_once(folder, preset, tmp_path, monkeypatch):
    first = room.features(load(folder), "faces", preset, tmp_path)

    def refuse(name):
        raise AssertionError("the network is not needed")

    monkeypatch.setattr(room, "load_pretrained", refuse)
    again = room.features(load(folder), "faces", preset, tmp_path)
    assert np.array_equal(first.x, again.x)
    with pytest.raises(AssertionError):
        room.features(load(folder, at_most=5), "faces", preset, tmp_path)
    (path,) = tmp_path.glob("*.npy")
    np.save(path, first.x[:3])
    with pytest.raises(ValueError, match="does not hold the features of these"):
        room.features(load(folder), "faces", preset, tmp_path)


def test_glyphs_in_any_size():
    data = room.load_pictures("glyphs", identities=3, at_most=4)
    assert data.image_size == (32, 32)
    assert data.counts.tolist() == [4, 4, 4]
    large = room.load_pictures(
        "glyphs", identities=2, at_most=2, image_size=(48, 48)
    )
    assert large.image_size == (48, 48)
    with pytest.raises(ValueError, match="Glyphs are square"):
        room.load_pictures("glyphs", image_size=(32, 48))


def test_real_faces_are_known_before_any_training(shared):
    """Features of the shipped preset, on unseen faces, without a head."""
    from keras_arcface.evaluation import retrieval_report

    data = room.load_pictures(
        shared / "data" / "lfw112" / "val", identities=20, at_most=4
    )
    examples = room.features(data, "lfw112")
    assert examples.x.shape == (80, 512)
    assert retrieval_report(examples.x, examples.labels).map_at_r > 0.6
