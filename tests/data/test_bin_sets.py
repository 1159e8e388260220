"""insightface's .bin: every spelling of it is read, everything else refused."""

import codecs
import os
import pickle
import struct

import numpy as np
import pytest

from keras_arcface.data import read_bin
from keras_arcface.data import write_bin
from keras_arcface.data.open_file import OpenFile

PICTURES = [bytes([255, 216, n, 10, 39, 128, 92]) * 3 for n in range(4)]
ANSWERS = [True, False]


def array(content):
    return np.frombuffer(content, np.uint8).copy()


def dump(path, value, protocol=4):
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "set.bin"


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", [bytes, array])
@pytest.mark.parametrize("answers", [list, tuple, np.array])
def test_every_protocol_is_read(path, protocol, kind, answers):
    content = ([kind(p) for p in PICTURES], answers(ANSWERS))
    pictures, pairs = read_bin(dump(path, content, protocol))
    assert [pictures.read(i) for i in pairs.left] == PICTURES[::2]
    assert [pictures.read(i) for i in pairs.right] == PICTURES[1::2]
    assert pairs.is_same.tolist() == ANSWERS and pairs.subject is None


def test_numpy_bools_one_by_one(path):
    dump(path, (PICTURES, [np.True_, np.False_]), 2)
    assert read_bin(path)[1].is_same.tolist() == ANSWERS


@pytest.mark.parametrize("quote", [b"U\x03", b"T\x03\0\0\0"])
def test_strings_of_python_2(path, quote):
    path.write_bytes(
        b"\x80\x02](" + quote + b"abc" + quote + b"xyze]\x88a\x86."
    )
    pictures, pairs = read_bin(path)
    assert [pictures.read(i) for i in range(2)] == [b"abc", b"xyz"]
    path.write_bytes(b"((lS'a\\xff'\naS'b'\na(lI01\nat.")  # Protocol 0.
    assert read_bin(path)[0].read(0) == b"a\xff"


def test_equal_pictures_are_one(path):
    a, b = PICTURES[:2]
    pictures, pairs = read_bin(
        dump(path, ([a, b, bytes(bytearray(a)), a], ANSWERS))
    )
    assert len(pictures) == 2
    assert (pairs.left.tolist(), pairs.right.tolist()) == ([0, 0], [1, 0])


def test_written_sets_are_read_by_pickle_and_here(path, tmp_path):
    file = tmp_path / "picture"
    file.write_bytes(PICTURES[0])
    write_bin(path, [file, *PICTURES[1:]], ANSWERS)
    with open(path, "rb") as written:
        assert pickle.load(written, encoding="bytes") == (PICTURES, ANSWERS)
    assert len(read_bin(path)[0]) == 4
    with pytest.raises(ValueError, match="two for each"):
        write_bin(path, PICTURES, [True])
    with pytest.raises(ValueError, match=r"pictures\[1\] has no bytes"):
        write_bin(path, [b"a", b""], [True])
    assert len(read_bin(path)[0]) == 4  # The old file is whole.


def test_folds_are_ten_consecutive_blocks(path):
    truth = ([True] * 3 + [False] * 3) * 10
    write_bin(path, [bytes([n + 1]) for n in range(120)], truth)
    assert read_bin(path)[1].fold.tolist() == np.repeat(range(10), 6).tolist()
    write_bin(path, [bytes([n + 1]) for n in range(120)], sorted(truth))
    fold, is_same = (getattr(read_bin(path)[1], n) for n in ("fold", "is_same"))
    assert np.bincount(fold[is_same]).tolist() == [3] * 10


class Reduces:
    """Pickles as a call of whatever it is given."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


MALICIOUS = {
    "os.system": (Reduces(os.system, ("touch executed",)), "system'"),
    "eval": (Reduces(eval, ("open('executed', 'w')",)), "builtin.*eval'"),
    "exec": (Reduces(exec, ("open('executed', 'w')",)), "builtin.*exec'"),
    "open": (Reduces(open, ("executed", "w")), "asks for '.*open'"),
    "codec": (Reduces(codecs.encode, ("x", "zip")), "codec 'zip'"),
    "encode": (Reduces(codecs.encode, ("x", "rot13")), "codec 'rot13'"),
    "object array": (np.array([None, {}], object), "dtype 'O8'"),
    "class": (type("X", (), {}).__mro__[1](), "asks for|something else"),
    "dict": ({1: 2}, "opcode (EMPTY_)?DICT"),
    "float": (1.5, "FLOAT"),
    "numbers": (np.arange(3.0), "dtype 'f8'"),
    "pixels": (np.zeros((2, 2), np.uint8), "not one-dimensional"),
    "text": ("picture", "text as picture 0"),
    "integer": (7, "a int as picture 0"),
    "none": (None, "a NoneType as picture 0"),
    "list": ([b"x"], "a list as picture 0"),
}


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("name", MALICIOUS)
def test_anything_else_is_refused_by_name(
    name, protocol, path, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    value, message = MALICIOUS[name]
    dump(path, ([value, b"y"], [True]), protocol)
    with pytest.raises(ValueError, match=message):
        read_bin(path)
    assert sorted(os.listdir()) == ["set.bin"]  # Nothing was executed.


RAW = {
    "persistent id": (b"Pos.system\n.", "persistent id"),
    "binary persistent id": (b"\x80\x03NQ.", "persistent id"),
    "reconstructor": (b"ccopyreg\n_reconstructor\n(.", "copyreg._recon"),
    "instance": (b"(ios\nsystem\n.", "opcode INST"),
    "new object": (b"\x80\x04)\x81.", "opcode NEWOBJ"),
    "extension": (b"\x80\x04\x82\x01.", "opcode EXT1"),
    "buffer": (b"\x80\x05\x97.", "opcode NEXT_BUFFER"),
    "no opcode": (b"\xfe", "it is no pickle"),
    "empty": (b"", "cut short"),
    "cut": (pickle.dumps((PICTURES, ANSWERS))[:-9], "cut short"),
    "claims much": (b"\x80\x04\x8e" + b"\xff" * 8, "claims a string"),
    "claims less": (b"T\xff\xff\xff\xff", "claims a string of -1"),
    "long number": (b"\x80\x02\x8a\xff" + b"1" * 255, "number of 255 bytes"),
    "digits": (b"I" + b"9" * 400 + b"\n.", "number that is none"),
    "endless line": (b"I" + b"9" * 4000, "line without an end"),
    "memo far away": (b"Nr\xff\xff\xff\xffh\x01.", "never stored"),
    "nothing": (b"0.", "not there"),
    "no mark": (b"t.", "mark that is not there"),
    "no list": (b"NNa.", "no list"),
    "calls bytes": (b"\x80\x03C\x01a)R.", "calls bytes"),
    "state": (b"\x80\x03](b.", "state|not there"),
    "long name": (b"\x80\x04X\0\1\0\0" + b"a" * 256 + b"N\x93.", "for a name"),
    "itself": (b"\x80\x04]\x94h\0a.", "a list in place|two lists"),
    "no pair": (b"\x80\x03]]\x86.", "0 pictures for 0 pairs"),
}


@pytest.mark.parametrize("name", RAW)
def test_crafted_pickles_are_refused(name, path):
    content, message = RAW[name]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_bin(path)


def test_bombs_end_early(path, monkeypatch):
    path.write_bytes(b"\x80\x03" + b")\x85" * 10 + b"\x85" * 200_000 + b".")
    with pytest.raises(ValueError, match="in place of the two lists"):
        read_bin(path)  # Deeply nested, and freed without a recursion.
    monkeypatch.setattr("keras_arcface.data.bin_pickle.MAX_OPCODES", 9999)
    path.write_bytes(b"\x80\x03]" + b"N0" * 5000 + b".")
    with pytest.raises(ValueError, match="opcodes"):
        read_bin(path)
    twice = b"".join(
        b"h" + bytes([n]) + b"h" + bytes([n]) + b"\x86\x94" for n in range(200)
    )
    path.write_bytes(b"\x80\x04]\x94" + twice + b".")
    with pytest.raises(
        ValueError, match="a tuple as picture 0|a tuple in place"
    ):
        read_bin(path)  # 2 ** 200 values, of which none is walked.


def test_pictures_that_cannot_be_are_named(path):
    dump(path, ([b"a", b""], [True]))
    with pytest.raises(ValueError, match=r"pair 0 \(from 0\), right picture"):
        read_bin(path)
    dump(path, (PICTURES, [True]))
    with pytest.raises(ValueError, match="4 pictures for 1 pairs"):
        read_bin(path)
    dump(path, (PICTURES, [1, 0]))
    with pytest.raises(ValueError, match="a int as the answer 0"):
        read_bin(path)
    content = pickle.dumps(([array(PICTURES[0])] * 2, [True]), protocol=3)
    at = content.index(b"K" + bytes([21]))
    path.write_bytes(content[:at] + b"K\x09" + content[at + 2 :])
    with pytest.raises(ValueError, match="array of 9 bytes that holds 21"):
        read_bin(path)
    huge = b"\x80\x03](B" + struct.pack("<I", 2**26 + 1)
    with open(path, "wb") as file:
        file.write(huge)
        file.truncate(len(huge) + 2**26 + 1)
        file.seek(0, 2)
        file.write(b"C\x01ae]\x88a\x86.")
    with pytest.raises(ValueError, match="67,108,865 bytes"):
        read_bin(path)


@pytest.mark.parametrize("call", ["h\0h\1h\2\x86R", "h\1"])
def test_a_string_that_is_named_often_is_read_once(path, call, monkeypatch):
    pairs, text = 500, b"a" * 2**12
    kind = b"X" if "R" in call else b"B"
    head = b"c_codecs\nencode\nq\0" + kind + struct.pack("<I", len(text))
    head += text + b"q\1X\6\0\0\0latin1q\x02000"
    pictures = b"(" + call.encode("latin-1") * 2 * pairs + b"l"
    answers = b"(" + b"\x88\x89" * (pairs // 2) + b"l"
    path.write_bytes(b"\x80\4" + head + pictures + answers + b"\x86.")
    read, pread = [], OpenFile.pread
    monkeypatch.setattr(
        OpenFile, "pread", lambda *a: read.append(a) or pread(*a)
    )
    pictures, found = read_bin(path)
    assert (len(found), len(pictures), len(read)) == (pairs, 1, 1)
    assert pictures.read(0) == text


def test_the_real_files(shared):
    folder = shared / "data" / "lfw112"
    pictures, pairs = read_bin(folder / "val.bin")
    assert (len(pictures), len(pairs), pairs.is_same.sum()) == (
        1876,
        2000,
        1000,
    )
    old, fewer = read_bin(folder / "val_numpy_protocol2_100pairs.bin")
    assert len(fewer) == 100
    for side in ("left", "right"):
        for new, then in zip(
            getattr(pairs, side)[:100], getattr(fewer, side), strict=True
        ):
            assert pictures.read(new) == old.read(then)
