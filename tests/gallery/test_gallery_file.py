"""The file of a gallery: whole, safe, and one writer's at a time."""

import json
import os
import shutil
import stat
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from keras_arcface import Gallery
from keras_arcface.gallery import ModelFingerprint
from keras_arcface.gallery import archive
from keras_arcface.gallery.lock import sole_writer

WRITERS = Path(__file__).with_name("gallery_writers.py")
MODEL = ModelFingerprint("ab" * 32, flip=True, name="some_model")
PARTS = ("templates", "lengths", "weights", "pictures")


def make():
    rng = np.random.default_rng(0)
    gallery = Gallery(model=MODEL)
    names = [f"n{i}" for i in range(4)] + ["名前 \udce9\n\x1b[31m"]
    gallery.enroll_many(names, rng.normal(size=(5, 4)))
    gallery.add("n0", rng.normal(size=(2, 4)), quality=[0.5, 2])
    gallery.calibrate(rng.normal(size=(100, 4)), fpir=0.5)
    whose = ["n1"] * 9 + [None] * 91
    gallery.calibrate(rng.normal(size=(100, 4)), whose, fpir=0.1)
    return gallery


@pytest.fixture
def file(tmp_path):
    make().save(tmp_path / "people.gallery")
    return tmp_path / "people.gallery"


def state(gallery):
    """All that a gallery knows, to the last bit."""
    store = gallery._people.store
    arrays = [getattr(store, name).tobytes() for name in PARTS]
    return (
        gallery.names,
        gallery.dim,
        arrays,
        gallery.calibrations,
        gallery.model,
        gallery.model and gallery.model.name,
    )


def test_what_was_saved_is_loaded_bit_for_bit(file):
    loaded, gallery = Gallery.load(file), make()
    assert state(loaded) == state(gallery)
    probes = np.random.default_rng(5).normal(size=(9, 4))
    assert loaded.identify(probes, 3) == gallery.identify(probes, 3)
    again = file.with_name("again")
    loaded.save(again)
    assert again.read_bytes() == file.read_bytes()
    assert sorted(p.name for p in file.parent.iterdir()) == [
        "again",
        "people.gallery",
    ]


def test_numpy_reads_it_without_pickles(file):
    with np.load(file, allow_pickle=False) as data:
        templates = data["templates"]
        assert templates.dtype == np.float32 and templates.shape == (5, 4)
        np.testing.assert_array_equal(data["pictures"], [3, 1, 1, 1, 1])


@pytest.mark.parametrize(
    "gallery", [Gallery(), Gallery(7), Gallery(7, model="x")]
)
def test_an_empty_gallery_is_one(gallery, tmp_path):
    gallery.save(tmp_path / "g")
    loaded = Gallery.load(tmp_path / "g")
    assert (len(loaded), loaded.dim, loaded.model) == (
        0,
        gallery.dim,
        gallery.model,
    )
    loaded.enroll("a", np.ones(gallery.dim or 3))
    loaded.save(tmp_path / "g")
    assert list(Gallery.load(tmp_path / "g")) == ["a"]


def test_a_loaded_gallery_grows_and_shrinks(file):
    gallery = Gallery.load(file, engine="exact")
    gallery.enroll("new", np.ones(4))
    gallery.remove("n0")
    gallery.save(file)
    loaded = Gallery.load(file)
    assert state(loaded) == state(gallery) and "n0" not in loaded


# === Damage ===


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


# === Writers ===


def test_a_file_that_is_no_gallery_is_not_written_over(tmp_path):
    other = tmp_path / "thesis.txt"
    other.write_text("years of work")
    np.savez(tmp_path / "other.npz", a=np.eye(2))
    for path in (other, tmp_path / "other.npz"):
        before = path.read_bytes()
        with pytest.raises(ValueError, match="exists and is no gallery"):
            make().save(path)
        assert path.read_bytes() == before


def test_a_link_stays_a_link_and_permissions_stay(file):
    os.chmod(file, 0o640)
    link = file.with_name("link")
    link.symlink_to(file.name)
    with Gallery.writing(link) as gallery:
        gallery.enroll("new", np.ones(4))
    assert link.is_symlink() and "new" in Gallery.load(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_saving_does_not_undo_what_others_saved(file):
    mine, other = Gallery.load(file), Gallery.load(file)
    other.enroll("theirs", np.ones(4))
    other.save(file)
    mine.enroll("mine", np.ones(4))
    with pytest.raises(ValueError, match="changed since it was loaded"):
        mine.save(file)
    assert "theirs" in Gallery.load(file)
    other.save(file)  # Its own save is no change of others.
    mine.save(file.with_name("elsewhere"))
    file.unlink()
    with pytest.raises(ValueError, match="changed since it was loaded"):
        mine.save(file)


def test_an_error_while_writing_saves_nothing(file):
    before = file.read_bytes()
    with pytest.raises(ValueError, match="enrolled already"):
        with Gallery.writing(file) as gallery:
            gallery.enroll("new", np.ones(4))
            gallery.enroll("n0", np.ones(4))
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_who_waits_in_vain_is_told(file):
    with (
        sole_writer(file),
        pytest.raises(TimeoutError, match="Another process"),
    ):
        with Gallery.writing(file, timeout=0):
            raise AssertionError("It came in.")
    with Gallery.writing(file, timeout=0) as gallery:
        gallery.enroll("new", np.ones(4))


def test_a_lock_that_a_killed_writer_left_is_none(file):
    file.with_name(f".{file.name}.lock").touch()
    make().save(file)
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_a_file_system_without_locks_is_said(file, monkeypatch):
    def flock(*arguments):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.warns(UserWarning, match="has no locks"):
        make().save(file)
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_only_what_this_file_left_is_removed(file):
    left, other = (file.with_name(f".writing-{n}") for n in "ab")
    for room, name in ((left, file.name), (other, "model.keras")):
        room.mkdir()
        (room / name).write_text("half")
    make().save(file)
    assert not left.exists() and (other / "model.keras").exists()


def run(*arguments):
    return subprocess.Popen(
        [sys.executable, WRITERS, *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_kill_anywhere_leaves_the_old_or_the_new_gallery(tmp_path):
    process = run("kill", tmp_path)
    printed, _ = process.communicate()
    assert process.returncode == 0
    outcomes = [json.loads(line) for line in printed.splitlines()]
    assert len(outcomes) > 8 and {after for _, after, _, _ in outcomes} == {
        3,
        4,
    }
    for _, after, whole, names in outcomes:
        assert after in (3, 4) and whole == after + 1
        left = [name for name in names if name != "people.gallery"]
        # A room that was empty when its maker was killed says not whose it is.
        assert len(left) <= 1 and all(".writing-" in name for name in left)
    assert not outcomes[-1][0] and outcomes[-1][1] == 4


def test_writers_at_the_same_time_lose_nobody(tmp_path):
    path = tmp_path / "people.gallery"
    writers = [run("enroll", path, who, 25) for who in "abc"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    for writer in writers:
        writer.stdout.close()
    expected = {f"{who} {number}" for who in "abc" for number in range(25)}
    assert set(Gallery.load(path)) == expected
    assert [p.name for p in tmp_path.iterdir()] == ["people.gallery"]


def test_a_full_disk_leaves_the_old_gallery(file, monkeypatch):
    before = file.read_bytes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        make().save(file)
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == [file.name]


# === Models ===


def test_another_model_is_refused(file):
    assert Gallery.load(file, model=MODEL).model == MODEL
    renamed = ModelFingerprint(MODEL.digest, True, "another name")
    assert Gallery.load(file, model=renamed).model.name == "some_model"
    other = ModelFingerprint("cd" * 32, True, "other_model")
    with pytest.raises(ValueError, match="some_model.*other_model.*two models"):
        Gallery.load(file, model=other)
    with pytest.raises(ValueError, match="with flip"):
        Gallery.load(file, model=ModelFingerprint(MODEL.digest, False))
    before = shutil.copy(file, file.with_name("copy"))
    with pytest.raises(ValueError, match="two models"):
        with Gallery.writing(file, model="foreign"):
            raise AssertionError("It was opened.")
    assert file.read_bytes() == Path(before).read_bytes()
