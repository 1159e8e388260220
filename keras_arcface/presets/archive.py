"""A preset from the web: download, check, unpack, keep."""

import os
import tarfile
import urllib.request
import zipfile
from pathlib import Path
from pathlib import PurePosixPath

from keras_arcface.presets.folder import METADATA
from keras_arcface.utils.console import progress
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.files import sha256 as file_sha256

CHUNK = 1 << 20


def fetch_preset(url, sha256):
    """Returns the folder of a preset archive, downloaded once.

    It is kept in the Keras cache (`KERAS_HOME`, by default `~/.keras`) under
    its digest.

    Args:
        url: Address of a zip or tar archive that holds a preset folder.
        sha256: Hexadecimal SHA-256 of the archive.

    Raises:
        ValueError: when the digest is missing or differs, or a name in the
            archive would leave its folder.
    """
    if sha256 is None:
        raise ValueError(
            f"A preset from a URL needs the SHA-256 of the archive: "
            f"load_pretrained({url!r}, sha256='...')."
        )
    digest = sha256.lower()
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise ValueError(
            f"sha256 must be 64 hexadecimal digits. Received: {sha256!r}"
        )
    folder = _cache() / digest
    if not folder.is_dir():
        with atomic_path(folder) as room:
            room.mkdir()
            archive = room.parent / "archive"
            _download(url, archive)
            received = file_sha256(archive)
            if received != digest:
                raise ValueError(
                    f"{url} has the SHA-256 {received}, not {digest}: the "
                    "archive was changed or the digest is of another file."
                )
            _unpack(archive, room, url)
            _preset_in(room, url)
    return _preset_in(folder, url)


def _cache():
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home) / "keras_arcface"


def _download(url, path):
    with urllib.request.urlopen(url) as reply, open(path, "wb") as file:
        size = int(reply.headers.get("Content-Length") or 0)
        chunks = iter(lambda: reply.read(CHUNK), b"")
        total = -(-size // CHUNK) or None
        for chunk in progress(chunks, "Downloading (MiB)", total=total):
            file.write(chunk)


def _unpack(archive, folder, url):
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as members:
            for name in members.namelist():
                _check_name(name, url)
            members.extractall(folder)
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as members:
            for member in members:
                _check_name(member.name, url)
                if not (member.isfile() or member.isdir()):
                    raise ValueError(
                        f"{url} holds {member.name!r}, a link or a device. "
                        "A preset holds plain files only."
                    )
            members.extractall(folder, filter="data")
    else:
        raise ValueError(f"{url} is neither a zip nor a tar archive.")


def _check_name(name, url):
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name:
        raise ValueError(
            f"{url} holds the name {name!r}, which would leave its folder. "
            "Nothing was unpacked."
        )


def _preset_in(folder, url):
    found = [path.parent for path in sorted(folder.rglob(METADATA))]
    if len(found) != 1:
        raise ValueError(
            f"{url} must hold one preset (one {METADATA}). Found {len(found)}."
        )
    return found[0]
