"""Packs: the same samples back, whatever came between."""

import json
import os
import shutil

import drawing
import numpy as np
import pytest
import records
import tensorflow as tf
from PIL import Image

from keras_arcface.data import ImageData
from keras_arcface.data import from_directory
from keras_arcface.data import from_recordio
from keras_arcface.data import from_tfrecord
from keras_arcface.data import pack
from keras_arcface.data import shards
from keras_arcface.data.crc32c import crc32c
from keras_arcface.utils.files import sha256

SIZE = (32, 32)


def contents(data):
    return [data.samples.read(index) for index in range(len(data))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five identities of three: PNG, and JPEG in any script."""
    folder = drawing.identities_folder(tmp_path_factory.mktemp("in") / "a", 4)
    (folder / "李白").mkdir()
    for number in range(3):
        jpeg = records.jpeg(9, number)
        (folder / "李白" / f"ł {number}.jpg").write_bytes(jpeg)
    return folder


@pytest.fixture(scope="module")
def data(folder):
    return from_directory(folder, SIZE)


@pytest.fixture(scope="module")
def packed(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "pack"
    pack(data, folder, shard_pictures=5)
    return folder


@pytest.fixture
def copy(packed, tmp_path):
    return shutil.copytree(packed, tmp_path / "copy")


def assert_same(back, data):
    assert back.class_names == data.class_names
    assert back.labels.tolist() == data.labels.tolist()
    assert back.image_size == data.image_size
    np.testing.assert_array_equal(back.images(), data.images())


def test_the_same_samples_come_back(packed, data):
    back = from_tfrecord(packed)
    assert_same(back, data)
    assert contents(back) == contents(data)
    assert_same(from_tfrecord(packed / "index.json"), data)
    assert sorted(path.name for path in packed.iterdir()) == [
        "index.json",
        "places.npy",
        *[f"shard-{n:05d}-of-00004.tfrecord" for n in range(4)],
    ]
    for (a, x), (b, y) in zip(
        back.batches(7, seed=3, augment="flip"),
        data.batches(7, seed=3, augment="flip"),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(x, y)
    part = back.with_at_least(4)
    assert contents(part) == contents(data)[:16]


def test_the_index_says_what_there_is(packed, data):
    index = json.loads((packed / "index.json").read_text("utf-8"))
    assert index["counts"] == data.counts.tolist() == [4, 4, 4, 4, 3]
    assert index["class_names"][-1] == "李白"
    assert [shard["pictures"] for shard in index["shards"]] == [5, 5, 5, 4]


def test_tensorflow_reads_the_same_records(packed, data):
    files = sorted(str(path) for path in packed.glob("*.tfrecord"))
    examples = [
        tf.train.Example.FromString(record.numpy()).features.feature
        for record in tf.data.TFRecordDataset(files)
    ]
    found = [e["image/encoded"].bytes_list.value[0] for e in examples]
    assert found == contents(data)
    labels = [e["image/class/label"].int64_list.value[0] for e in examples]
    assert labels == data.labels.tolist()
    last = examples[-1]["image/filename"].bytes_list.value[0]
    assert last.decode() == "李白/ł 2.jpg"


def test_without_the_index_files_are_scanned(copy, data):
    (copy / "index.json").unlink()
    back = from_tfrecord(copy, SIZE)
    assert contents(back) == contents(data)
    assert back.class_names == ["0", "1", "2", "3", "4"]
    (one,) = copy.glob("shard-00003*")
    assert contents(from_tfrecord(one, SIZE)) == contents(data)[15:]
    with pytest.raises(ValueError, match="no single bytes in the feature 'x'"):
        from_tfrecord(one, SIZE, image_key="x")


def test_records_and_pictures_in_memory(tmp_path):
    path, pictures = records.insightface(tmp_path / "rec")
    source = from_recordio(path, SIZE)
    pack(source, tmp_path / "a")
    assert_same(from_tfrecord(tmp_path / "a"), source)
    assert contents(from_tfrecord(tmp_path / "a")) == pictures
    memory = source.in_memory()
    pack(memory, tmp_path / "b")
    assert_same(from_tfrecord(tmp_path / "b"), source)


def test_only_what_is_resized_is_written_anew(folder, tmp_path):
    mixed = shutil.copytree(folder, tmp_path / "in")
    Image.fromarray(drawing.picture(1, 1, 48)).save(mixed / "李白" / "z.png")
    data = from_directory(mixed, SIZE, resize=True)
    pack(data, tmp_path / "out")
    back = from_tfrecord(tmp_path / "out")
    assert_same(back, data)
    resized = list(data.samples).index(str(mixed / "李白" / "z.png"))
    for index, (new, old) in enumerate(
        zip(contents(back), contents(data), strict=True)
    ):
        assert (new == old) == (index != resized)


def test_packing_goes_on_where_it_stopped(folder, tmp_path, monkeypatch):
    source = shutil.copytree(folder, tmp_path / "in")
    broken = source / "person_03" / "person_03_0001.png"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:200])
    data = from_directory(source, SIZE)
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="Cannot decode.*person_03_0001.png"):
        pack(data, out, shard_pictures=5)
    first, second = sorted(out.glob("*.tfrecord"))
    kept = first.stat().st_mtime_ns
    second.write_bytes(second.read_bytes()[:-1] + b"x")  # Not what was noted.
    with pytest.raises(FileNotFoundError, match="neither index.json nor"):
        from_tfrecord(tmp_path / "in")
    with pytest.raises(ValueError, match="unfinished pack of other data.*sour"):
        pack(data.subset(np.arange(19)[::-1]), out, shard_pictures=5)
    with pytest.raises(ValueError, match="differs in shard_pictures"):
        pack(data, out, shard_pictures=6)
    broken.write_bytes(whole)
    written = []
    write = shards.write_shard
    monkeypatch.setattr(
        "keras_arcface.data.packing.write_shard",
        lambda shard: written.append(shard.path.name) or write(shard),
    )
    pack(data, out, shard_pictures=5)
    assert [name[:11] for name in written] == [
        f"shard-{n:05d}" for n in (1, 2, 3)
    ]
    assert first.stat().st_mtime_ns == kept
    assert_same(from_tfrecord(out), data)
    assert not (out / ".packing").exists()
    with pytest.raises(FileExistsError, match="holds a pack already"):
        pack(data, out)
    with pytest.raises(FileExistsError, match="holds other files"):
        pack(data, source)


def interrupted(data, out, monkeypatch):
    """Packs, but stops before the index is written."""

    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("keras_arcface.data.packing._finish", stop)
        with pytest.raises(KeyboardInterrupt):
            pack(data, out, shard_pictures=5)


def test_pictures_that_changed_meanwhile_are_packed_again(
    folder, tmp_path, monkeypatch
):
    source = shutil.copytree(folder, tmp_path / "in")
    data = from_directory(source, SIZE)
    interrupted(data, tmp_path / "out", monkeypatch)
    new = Image.fromarray(drawing.picture(7, 7))
    new.save(source / "person_00" / "person_00_0000.png")
    packed = sorted((tmp_path / "out").glob("*.tfrecord"))
    before = [path.stat().st_mtime_ns for path in packed]
    pack(data, tmp_path / "out", shard_pictures=5)
    after = [path.stat().st_mtime_ns for path in packed]
    assert [a == b for a, b in zip(before, after, strict=True)] == [
        False,
        True,
        True,
        True,
    ]
    back = from_tfrecord(tmp_path / "out")
    assert_same(back, data)
    np.testing.assert_array_equal(back.images([0])[0], new)
    index = json.loads((tmp_path / "out" / "index.json").read_text("utf-8"))
    assert "source" not in index["shards"][0]


def test_records_that_changed_meanwhile_are_packed_again(tmp_path, monkeypatch):
    path, _ = records.insightface(tmp_path / "rec")
    data = from_recordio(path, SIZE)
    interrupted(data, tmp_path / "out", monkeypatch)
    (first, _) = sorted((tmp_path / "out").glob("*.tfrecord"))
    before = first.stat().st_mtime_ns
    os.utime(path, ns=(0, 0))
    interrupted(data, tmp_path / "out", monkeypatch)
    after = first.stat().st_mtime_ns
    assert after != before
    pack(data, tmp_path / "out", shard_pictures=5)
    assert first.stat().st_mtime_ns == after
    assert_same(from_tfrecord(tmp_path / "out"), data)


def test_what_was_killed_before_its_plan_goes_on(data, tmp_path):
    (tmp_path / "out" / ".packing" / ".writing-x").mkdir(parents=True)
    pack(data, tmp_path / "out")
    assert_same(from_tfrecord(tmp_path / "out"), data)
    assert not (tmp_path / "out" / ".packing").exists()
    (tmp_path / "other" / ".packing").mkdir(parents=True)
    (tmp_path / "other" / "notes.txt").write_text("x")
    with pytest.raises(FileExistsError, match="holds other files"):
        pack(data, tmp_path / "other")


def test_a_large_pack_has_few_files(data, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_arcface.data.packing._SHARD_PICTURES", 2)
    monkeypatch.setattr("keras_arcface.data.packing._MOST_SHARDS", 3)
    pack(data, tmp_path / "out")
    index = json.loads((tmp_path / "out" / "index.json").read_text("utf-8"))
    assert [shard["pictures"] for shard in index["shards"]] == [7, 7, 5]
    assert_same(from_tfrecord(tmp_path / "out"), data)


@pytest.mark.slow
def test_processes_write_the_same_bytes(packed, data, tmp_path):
    pack(data, tmp_path / "out", shard_pictures=5, processes=2)
    for path in packed.iterdir():
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)


def test_damaged_packs_are_named(copy):
    shard = copy / "shard-00001-of-00004.tfrecord"
    data = from_tfrecord(copy)
    offset = int(data.samples.offsets[7])
    flip(shard, offset + 40)
    place = f"00001-.*picture at byte {offset} has another checksum"
    with pytest.raises(ValueError, match=place):
        data.images()
    record = r"00001-.*record at byte \d+ has another checksum"
    with pytest.raises(ValueError, match=record):
        from_tfrecord(shard, SIZE)  # Scanned: its record's own checksum.
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(
        ValueError, match="00001-of.*bytes, and index.json says"
    ):
        from_tfrecord(copy)
    shard.unlink()
    with pytest.raises(FileNotFoundError, match="00001-of-.*is missing"):
        from_tfrecord(copy)
    flip(copy / "places.npy", -1)
    with pytest.raises(ValueError, match="places.npy.*checksum differs"):
        from_tfrecord(copy)
    index = json.loads((copy / "index.json").read_text("utf-8"))
    shard = {**index["shards"][0], "pictures": -5}
    for change in (
        {"shards": [{}]},
        {"shards": 3},
        {"shards": [shard]},
        {"class_names": None},
        {"class_names": [1, "b"]},
    ):
        (copy / "index.json").write_text(json.dumps(index | change))
        with pytest.raises(
            ValueError, match="index.json is damaged in (sh|cl)"
        ):
            from_tfrecord(copy)
    (copy / "index.json").write_text("{}")
    with pytest.raises(ValueError, match="is no index of keras-arcface pack"):
        from_tfrecord(copy)


def rewrite_places(folder, change):
    """Changes places.npy as somebody would who knows of its checksum."""
    places = np.load(folder / "places.npy")
    change(places)
    np.save(folder / "places.npy", places)
    sign_places(folder)


def sign_places(folder):
    index = json.loads((folder / "index.json").read_text("utf-8"))
    index["places.npy"] = sha256(folder / "places.npy")
    (folder / "index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    "row, value",
    [
        (0, -1),
        (0, 2**62),
        (1, 0),
        (1, -5),
        (1, 2**63 - 1),
        (2, -1),
        (2, 2**32),
        (3, -1),
        (3, 5),
    ],
)
def test_places_out_of_range_are_named(copy, row, value):
    def change(places):
        places[row, 7] = value

    rewrite_places(copy, change)
    named = rf"places.npy is damaged: picture 7 .*{value}.* \(1 such\)"
    with pytest.raises(ValueError, match=named):
        from_tfrecord(copy)


def test_places_that_claim_to_be_many_take_no_memory(copy):
    path = copy / "places.npy"
    content = path.read_bytes()
    small, huge = b"(4, 19), }" + b" " * 11, b"(4, 1900000000000), }"
    assert len(small) == len(huge) and small in content
    path.write_bytes(content.replace(small, huge))
    sign_places(copy)
    with pytest.raises(ValueError, match="places.npy is damaged: mmap"):
        from_tfrecord(copy)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "holds no record"),
        (b"abc", "byte 0 is past the end"),
        (b"x" * 40, "byte 0 has a damaged length"),
    ],
)
def test_what_is_no_tfrecord_is_named(tmp_path, content, message):
    path = tmp_path / "x.tfrecord"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        from_tfrecord(path, SIZE)
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"no example")
    with pytest.raises(ValueError, match="byte 0 is no tf.train.Example"):
        from_tfrecord(path, SIZE)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 2047, 2048, 2049, 2051, 5000])
def test_checksum(size):
    content = np.random.default_rng(size).bytes(size)
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    assert crc32c(content) == crc ^ 0xFFFFFFFF
    assert crc32c(b"123456789") == 0xE3069283


def test_a_single_process_never_starts_another(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_arcface.data.packing.ProcessPoolExecutor", None)
    samples = np.zeros((2, 4, 4, 3), np.uint8)
    pack(ImageData(samples, [0, 1], ["a", "b"]), tmp_path / "x", processes=9)
    for wrong in ({"processes": 0}, {"shard_pictures": 0}):
        with pytest.raises(ValueError, match="an integer of at least 1"):
            pack(ImageData(samples, [0, 1], ["a", "b"]), tmp_path, **wrong)
