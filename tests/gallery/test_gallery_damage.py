"""Files that are no whole gallery are refused, and do no harm."""

import json
import struct
import zipfile

import numpy as np
import pytest
from saved_gallery import PARTS
from saved_gallery import make
from saved_gallery import state

from keras_arcface import Gallery
from keras_arcface.gallery import archive


def refused(path, message="is no whole gallery"):
    before = path.read_bytes()
    with pytest.raises(ValueError, match=message) as caught:
        Gallery.load(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


def test_any_cut_is_refused(file):
    whole = file.read_bytes()
    for length in range(0, len(whole), 7):
        file.write_bytes(whole[:length])
        refused(file)


def test_no_flipped_bit_goes_unseen(file):
    """It is refused, or lies where it changes nothing (dates, say)."""
    whole, expected = file.read_bytes(), state(Gallery.load(file))
    rng = np.random.default_rng(0)
    seen = 0
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << rng.integers(8)
        file.write_bytes(changed)
        try:
            loaded = Gallery.load(file)
        except ValueError as error:
            assert "is no whole gallery" in str(error)
            seen += 1
        else:
            assert state(loaded) == expected
    assert seen > 0.8 * len(whole)


def parts_of(file):
    with np.load(file) as data:
        arrays = {f"{name}.npy": data[name] for name in PARTS}
    with zipfile.ZipFile(file) as members:
        facts = json.loads(members.read("gallery.json"))
        names = json.loads(members.read("names.json"))
    del facts["sha256"]
    return arrays, names, facts


def rewrite(file, change):
    """Writes a file whose digests are right and whose values are not."""
    arrays, names, facts = parts_of(file)
    changed = {"arrays": arrays, "names": names, "facts": facts}
    change(changed)
    file.unlink()
    lists = {"names.json": changed["names"]}
    archive.write_archive(file, changed["arrays"], lists, changed["facts"])


def put(part, name, value):
    def change(parts):
        parts[part][name] = value

    return change


def scale(parts):
    parts["arrays"]["templates.npy"] = parts["arrays"]["templates.npy"] * 2


def spoil(parts):
    parts["arrays"]["templates.npy"][1, 1] = np.nan


HOSTILE = {
    "templates are no units": scale,
    "templates are NaN": spoil,
    "too few rows": put("arrays", "templates.npy", np.eye(4, dtype="f4")),
    "another dtype": put("arrays", "templates.npy", np.eye(5)[:, :4].copy()),
    "lengths too large": put("arrays", "lengths.npy", np.full(5, 1e9)),
    "lengths negative": put("arrays", "lengths.npy", np.full(5, -1.0)),
    "weights NaN": put("arrays", "weights.npy", np.full(5, np.nan)),
    "weights infinite": put("arrays", "weights.npy", np.full(5, np.inf)),
    "no pictures": put("arrays", "pictures.npy", np.zeros(5, np.int64)),
    "another array": put("arrays", "more.npy", np.eye(2)),
    "huge count": put("facts", "identities", 10**12),
    "negative count": put("facts", "identities", -5),
    "count is a float": put("facts", "identities", 5.0),
    "count is true": put("facts", "identities", True),
    "huge dim": put("facts", "dim", 10**9),
    "no dim": put("facts", "dim", 0),
    "model is a text": put("facts", "model", "os.system"),
    "model has more": put(
        "facts", "model", {"digest": "", "flip": 1, "name": "", "x": 1}
    ),
    "calibrations": put("facts", "calibrations", [{"threshold": 0}]),
    "calibrations is a dict": put("facts", "calibrations", {}),
    "another format": put("facts", "format", "something"),
    "a later version": put("facts", "format_version", 2),
    "a name twice": put("names", 0, "n1"),
    "a name is a number": put("names", 0, 3),
    "a name is empty": put("names", 0, ""),
    "a name is a list": put("names", 0, ["n0"]),
    "one name too few": lambda parts: parts["names"].pop(),
    "names are a dict": lambda parts: parts.update(names={"n0": 1}),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_made_up_values_are_refused(file, change):
    rewrite(file, change)
    refused(file)


def test_a_plain_rewrite_is_the_same_file(file):
    whole = file.read_bytes()
    rewrite(file, lambda parts: None)
    assert file.read_bytes() == whole


def members_of(file):
    with zipfile.ZipFile(file) as members:
        return {name: members.read(name) for name in members.namelist()}


def write_zip(file, members, **options):
    with zipfile.ZipFile(file, "w", **options) as target:
        for name, value in members:
            target.writestr(name, value)


def test_a_compressed_one_is_refused_before_anything_is_unpacked(file):
    members = members_of(file)
    bomb = dict(members, **{"names.json": b"[" + b" " * 50_000_000 + b"]"})
    write_zip(file, bomb.items(), compression=zipfile.ZIP_DEFLATED)
    assert file.stat().st_size < 100_000
    refused(file, "compressed")


def test_pickles_stay_closed(file):
    members = members_of(file)
    trap = np.array([{}], dtype=object)
    with zipfile.ZipFile(file, "w") as target:
        for name, value in members.items():
            if name != "templates.npy":
                target.writestr(name, value)
        with target.open("templates.npy", "w") as member:
            np.lib.format.write_array(member, trap, allow_pickle=True)
    refused(file)


def test_members_missing_doubled_or_strange_are_refused(file):
    members = members_of(file)
    for name in members:
        write_zip(file, [m for m in members.items() if m[0] != name])
        refused(file)
    write_zip(file, [*members.items(), ("../evil.txt", b"x")])
    refused(file)
    assert not (file.parent.parent / "evil.txt").exists()
    with pytest.warns(UserWarning, match="Duplicate name"):
        write_zip(file, [*members.items(), ("names.json", b"[]")])
    refused(file, "two members")


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"null", b"\xff", b"[" * 200_000, b'{"format": NaN}'],
)
def test_json_that_is_none_is_refused(file, text):
    members = members_of(file) | {"gallery.json": text}
    write_zip(file, members.items())
    refused(file)


def test_a_digest_that_is_null_checks_nothing_away(file):
    members = members_of(file)
    facts = json.loads(members["gallery.json"])
    facts["sha256"]["names.json"] = None
    members["gallery.json"] = json.dumps(facts).encode()
    write_zip(file, members.items())
    refused(file, "SHA-256 of names.json")


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_refused(file, seed):
    rng = np.random.default_rng(seed)
    whole = bytearray(file.read_bytes())
    for _ in range(300):
        changed = bytearray(whole)
        for _ in range(rng.integers(1, 6)):
            start = int(rng.integers(len(whole)))
            stop = start + int(rng.integers(1, 40))
            changed[start:stop] = rng.bytes(int(rng.integers(0, 40)))
        file.write_bytes(changed)
        try:
            loaded = Gallery.load(file)
        except ValueError as error:
            assert "is no whole gallery" in str(error)
        else:
            assert state(loaded) == state(make())


def test_a_claim_of_size_takes_no_memory(file):
    """A header of the zip that claims terabytes."""
    whole = file.read_bytes()
    size = len(members_of(file)["templates.npy"])
    claimed = whole.replace(struct.pack("<Q", size), struct.pack("<Q", 2**42))
    claimed = claimed.replace(struct.pack("<I", size), b"\xff\xff\xff\x7f")
    assert claimed != whole
    file.write_bytes(claimed)
    refused(file)


def test_what_is_no_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone is not there"):
        Gallery.load(tmp_path / "gone")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        Gallery.load(tmp_path)
    with pytest.raises(IsADirectoryError, match="is a folder"):
        Gallery().save(tmp_path)
