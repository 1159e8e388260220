"""RecordIO: read completely and exactly, or stopped at a named byte."""

import re
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import records

from keras_arcface.data import from_directory
from keras_arcface.data import from_recordio
from keras_arcface.data import recordio_index
from keras_arcface.data import recordio_reader

SIZE = (32, 32)


def contents(data):
    return [data.samples.read(index) for index in range(len(data))]


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("arrays", [False, True])
@pytest.mark.parametrize("index", [True, False])
def test_insightface_style(tmp_path, index, arrays, check):
    path, pictures = records.insightface(tmp_path, arrays=arrays, index=index)
    data = from_recordio(path, SIZE, check=check)
    assert contents(data) == pictures
    assert data.labels.tolist() == [0, 0, 0, 1, 2, 2, 2, 2]
    assert data.class_names == ["0", "1", "2"]
    assert data.images().shape == (8, *SIZE, 3)


@pytest.mark.parametrize("index", [True, False])
def test_im2rec_style(tmp_path, index):
    pictures = [records.jpeg(i, 0) for i in range(5)]
    labels = [9, 2049, 85741, 9, [2.0, 30.0, 4.0]]
    payloads = map(records.payload, pictures, labels)
    path = records.write(tmp_path, list(payloads), index=index)
    data = from_recordio(tmp_path, SIZE)  # The folder does as well.
    assert data.root == str(path)
    assert contents(data) == pictures
    assert data.class_names == ["2", "9", "2049", "85741"]
    assert data.labels.tolist() == [1, 2, 3, 1, 0]


def test_several_labels_of_record_0_are_no_meta_record(tmp_path):
    pictures = [records.jpeg(i, 0) for i in range(3)]
    payloads = [records.payload(p, [n, 1]) for n, p in enumerate(pictures)]
    data = from_recordio(records.write(tmp_path, payloads), SIZE)
    assert contents(data) == pictures


def test_the_order_is_that_of_the_index(tmp_path):
    pictures = [records.jpeg(i, 0) for i in range(4)]
    payloads = [records.payload(p, n) for n, p in enumerate(pictures)]
    path = records.write(tmp_path, payloads, keys=[30, 10, 20, 40])
    lines = path.with_suffix(".idx").read_text().splitlines()
    path.with_suffix(".idx").write_text("\r\n".join(lines[::-1]))
    data = from_recordio(path, SIZE)
    assert contents(data) == pictures[::-1]
    assert data.labels.tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize("pieces", [2, 3, 6])
def test_parts_are_joined(tmp_path, pieces):
    tail = records.MAGIC.join([b"12345678"] * pieces)
    contents_ = [b"\xff\xd8" + b"x" * n + tail for n in range(4)]
    # 24 bytes of header: the magic is 4-aligned in one of four.
    payloads = [records.payload(c, n) for n, c in enumerate(contents_)]
    # Even the header may be cut: here the magic is in the record's id.
    number = struct.unpack("<I", records.MAGIC)[0]
    payloads.append(records.payload(b"picture!", 4, number))
    path = records.write(tmp_path, payloads)
    from keras_arcface.data.open_file import OpenFile
    from keras_arcface.data.recordio import read_record
    from keras_arcface.data.recordio_index import read_index
    from keras_arcface.data.recordio_index import read_labels
    from keras_arcface.data.recordio_index import scan_index

    file = OpenFile(path)
    index = read_index(path.with_suffix(".idx"), file.size)
    offsets = index["offsets"]
    assert scan_index(file)["offsets"].tolist() == offsets.tolist()
    assert read_labels(file, offsets).tolist() == [0, 1, 2, 3, 4]
    read = [read_record(file, offset) for offset in offsets.tolist()]
    assert [r.content for r in read] == [*contents_, b"picture!"]
    assert read[-1].id == number


def test_threads_read_alike(tmp_path):
    path, pictures = records.insightface(tmp_path, counts=(9, 8, 7))
    samples = from_recordio(path, SIZE).samples
    with ThreadPoolExecutor(8) as pool:
        order = list(range(len(pictures))) * 20
        read = list(pool.map(samples.read, order))
    assert read == pictures * 20


def test_parts_of_the_data_read_the_same_records(tmp_path):
    path, pictures = records.insightface(tmp_path, counts=(3, 1, 4, 2))
    data = from_recordio(path, SIZE)
    part = data.with_at_least(2)
    assert part.class_names == ["0", "2", "3"]
    kept = [i for i in range(10) if i != 3]
    assert contents(part) == [pictures[i] for i in kept]
    assert contents(data.subset([5, 0])) == [pictures[5], pictures[0]]
    images, labels = next(iter(part.batches(9, shuffle=False)))
    np.testing.assert_array_equal(images, data.images(kept))
    assert labels.numpy().tolist() == part.labels.tolist()


def test_a_record_of_endless_parts_is_named(tmp_path):
    from keras_arcface.data.recordio import MOST_PARTS

    def labels_of(pieces):
        tail = records.MAGIC * (pieces - 1)
        payloads = [records.payload(tail, 0), records.payload(b"", 1)]
        path = records.write(tmp_path / str(pieces), payloads, index=False)
        return from_recordio(path, SIZE)

    with pytest.raises(ValueError, match="byte 0 has more than 1024 parts"):
        labels_of(MOST_PARTS + 1)
    with pytest.raises(ValueError, match="not a picture"):
        labels_of(MOST_PARTS)


def break_index(path, change):
    index = path.with_suffix(".idx")
    index.write_bytes(change(index.read_bytes()))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda t: t + b"99\t99999999\n", "idx, line 13: offset 99999999 is"),
        (lambda t: t + b"3\t0\n", "line 13: key 3 a second time"),
        (lambda t: t + b"99\t0\n", "line 13: offset 0 a second time"),
        (lambda t: t + b"ab\t0\n", "line 13: expected key<tab>offset"),
        (lambda t: t.replace(b"\n", b" ", 1), "line 1: expected key<tab>off"),
        (lambda t: b"", "idx is empty"),
        (lambda t: b"\n".join(t.split(b"\n")[:6]), "meta record says 9, 12"),
        (lambda t: t.replace(b"\n5\t", b"\n55\t"), "promises record 5"),
        (lambda t: t + b"99\t" + b"9" * 30, "past the end"),
    ],
)
def test_a_wrong_index_is_named(tmp_path, change, message):
    path, _ = records.insightface(tmp_path)
    break_index(path, change)
    with pytest.raises(ValueError, match=message):
        from_recordio(path, SIZE)


def test_offsets_between_records_are_named(tmp_path):
    path, _ = records.insightface(tmp_path)
    offset = path.with_suffix(".idx").read_text().split()[5]
    break_index(
        path,
        lambda t: t.replace(offset.encode(), str(int(offset) + 4).encode()),
    )
    with pytest.raises(ValueError, match=f"byte {int(offset) + 4} does not"):
        from_recordio(path, SIZE)


@pytest.mark.parametrize("index", [True, False])
def test_a_file_cut_short_is_named(tmp_path, index):
    path, _ = records.insightface(tmp_path, index=index)
    whole = path.read_bytes()
    for size in (len(whole) - 4, len(whole) // 2, 41, 7):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=re.escape(str(path.parent))):
            from_recordio(path, SIZE)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="is empty: it holds no record"):
        from_recordio(path, SIZE)


def test_a_flipped_label_is_named_when_it_is_read(tmp_path):
    path, _ = records.insightface(tmp_path)
    data = from_recordio(path, SIZE)
    content = bytearray(path.read_bytes())
    at = int(data.samples.offsets[4]) + 8 + 4
    content[at : at + 4] = struct.pack("<f", 1.0)
    path.write_bytes(content)
    place = f"record at byte {at - 12} has the label 1, and .* says 2"
    with pytest.raises(ValueError, match=place):
        data.images()


def test_damaged_pictures_are_named(tmp_path):
    contents_ = [records.jpeg(0, 0), records.jpeg(1, 0)[:-99]]
    payloads = [records.payload(c, n) for n, c in enumerate(contents_)]
    path = records.write(tmp_path, payloads)
    data = from_recordio(path, SIZE)
    message = r"Cannot decode.*train.rec, record at byte \d+: .*truncated"
    with pytest.raises(ValueError, match=message):
        data.images()
    import tensorflow as tf

    with pytest.raises(tf.errors.OpError, match=message):
        list(data.batches(2))


@pytest.mark.parametrize("label", [0.5, -1.0, 2.0**24, np.nan, np.inf])
def test_labels_that_are_no_ids(tmp_path, label):
    payloads = [records.payload(records.jpeg(0, 0), n) for n in (0.0, label)]
    path = records.write(tmp_path, payloads)
    with pytest.raises(ValueError, match=r"expected an integer in 0\.\.1677"):
        from_recordio(path, SIZE)


@pytest.mark.parametrize("range_", [[0, 4], [np.nan, 4], [1, np.inf], [1, 99]])
@pytest.mark.parametrize("check", [True, False])
def test_identities_that_are_none(tmp_path, range_, check):
    picture = records.payload(records.jpeg(0, 0), 0.0)
    meta, identity = records.payload(b"", [2, 3]), records.payload(b"", range_)
    path = records.write(tmp_path, [meta, picture, identity])
    with pytest.raises(ValueError, match="no identity|an identity has the rec"):
        from_recordio(path, SIZE, check=check)


def test_promises_that_are_not_kept(tmp_path):
    path, _ = records.insightface(tmp_path, counts=(3, 0, 4))
    with pytest.warns(UserWarning, match="the 2 that .*meta record 3"):
        data = from_recordio(path, SIZE)
    assert data.class_names == ["0", "2"]
    (tmp_path / "property").write_text("9,112,112")
    with pytest.warns(UserWarning, match="record 3, .*property 9"):
        from_recordio(path, SIZE)
    (tmp_path / "property").write_text("9" * 5000)
    with pytest.warns(UserWarning, match="property 9{20}. Identities"):
        from_recordio(path, SIZE)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("counts", [(8, 7, 9), (8, 7, 11), (5, 5, 5)])
def test_headers_that_float32_rounds(tmp_path, monkeypatch, counts, check):
    """As above 2**24, here above 16: odd numbers go to the nearest even."""

    def rounded(content, label, number=0):
        if np.ndim(label):
            label = [n if n <= 16 else 2 * round(n / 2) for n in label]
        return payload(content, label, number)

    payload = records.payload
    monkeypatch.setattr(records, "payload", rounded)
    path, pictures = records.insightface(tmp_path, counts)
    monkeypatch.setattr(recordio_index, "EXACT", 16)
    monkeypatch.setattr(recordio_reader, "EXACT", 16)
    data = from_recordio(path, SIZE, check=check)
    assert contents(data) == pictures
    assert data.labels.tolist() == np.repeat(range(3), counts).tolist()


def test_what_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="Found: none"):
        from_recordio(tmp_path)
    with pytest.raises(FileNotFoundError, match="no .rec file"):
        from_recordio(tmp_path / "gone.rec")
    path, _ = records.insightface(tmp_path)
    with pytest.raises(ValueError, match="is 32x32.*expected 112x112"):
        from_recordio(path)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("with_index", [True, False])
def test_mxnets_insightface_file(shared, tmp_path, check, with_index):
    source = shared / "data" / "recordio" / "insightface_style" / "train.rec"
    if not with_index:
        (tmp_path / "train.rec").symlink_to(source)
        source = tmp_path / "train.rec"
    data = from_recordio(source, check=check)
    original = from_directory(shared / "data/lfw112/train", check=False)
    assert (len(data), data.num_classes) == (212, 60)
    assert data.class_names == [str(number) for number in range(60)]
    # They are the first 60 identities with two to six pictures, in order.
    known = {p: i for i, p in enumerate(contents(original))}
    found = [known[content] for content in contents(data)]
    assert found == sorted(found) and len(set(found)) == 212
    of_label = dict(zip(data.labels, original.labels[found], strict=True))
    assert len(set(of_label.values())) == 60
    assert [of_label[i] for i in data.labels] == list(original.labels[found])


@pytest.mark.parametrize("with_index", [True, False])
def test_mxnets_im2rec_file(shared, tmp_path, with_index):
    source = shared / "data" / "recordio" / "im2rec_style" / "train.rec"
    if not with_index:
        (tmp_path / "train.rec").symlink_to(source)
        source = tmp_path / "train.rec"
    data = from_recordio(source)
    original = from_directory(shared / "data/lfw112/train", check=False)
    known = set(contents(original))
    assert (len(data), data.num_classes) == (129, 40)
    assert (np.diff(data.labels) >= 0).all()
    several = 0
    for content in contents(data):
        if content not in known:  # Padded to 4 bytes, then magic and "tail".
            several += 1
            padded = content.removesuffix(records.MAGIC + b"tail")
            assert len(padded) % 4 == 0
            assert {padded, padded[:-1], padded[:-2], padded[:-3]} & known
    assert several == 18
    assert data.images().shape == (129, 112, 112, 3)
