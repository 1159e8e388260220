import functools
import http.server
import io
import shutil
import tarfile
import threading
import zipfile

import numpy as np
import pytest

from keras_arcface.backbones import SmallNet
from keras_arcface.presets import save_preset
from keras_arcface.presets.archive import fetch_preset
from keras_arcface.pretrained import load_pretrained
from keras_arcface.utils.files import sha256


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "keras_arcface"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    model = SmallNet(widths=(4,), embedding_dim=2, name="travelled")
    root = tmp_path_factory.mktemp("presets")
    save_preset(model, root / "travelled")
    return model, root


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_over_http_once(saved, tmp_path, cache, kind):
    model, root = saved
    served = tmp_path / "served"
    archive = shutil.make_archive(served / "preset", kind, root)
    handler = functools.partial(Quiet, directory=served)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        name = archive.rsplit("/", 1)[1]
        url = f"http://127.0.0.1:{server.server_port}/{name}"
        digest = sha256(archive)
        loaded = load_pretrained(url, sha256=digest)
        server.shutdown()
    images = np.zeros((1, 32, 32, 3), "uint8")
    np.testing.assert_array_equal(loaded(images), model(images))
    assert [path.name for path in cache.iterdir()] == [digest]
    # The server is gone: this one comes from the cache.
    assert load_pretrained(url, sha256=digest.upper()).name == "travelled"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def test_another_digest_is_refused(saved, tmp_path, cache):
    archive = shutil.make_archive(tmp_path / "preset", "zip", saved[1])
    with pytest.raises(ValueError, match="the archive was changed"):
        load_pretrained(f"file://{archive}", sha256="0" * 64)
    assert not list(cache.iterdir())


@pytest.mark.parametrize(
    ("digest", "message"),
    [(None, "needs the SHA-256"), ("abc", "64 hexadecimal digits.*'abc'")],
)
def test_a_url_needs_a_digest(digest, message):
    with pytest.raises(ValueError, match=message):
        load_pretrained("https://example.org/preset.zip", sha256=digest)


def test_a_digest_needs_a_url():
    with pytest.raises(ValueError, match="sha256 belongs to a URL"):
        load_pretrained("mobilefacenet_ms1m_192", sha256="0" * 64)


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil"])
def test_zip_names_may_not_leave_the_folder(tmp_path, cache, name):
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr(name, "evil")
    refused(archive, cache, "would leave its folder")


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil"])
def test_tar_names_may_not_leave_the_folder(tmp_path, cache, name):
    archive = tmp_path / "evil.tar"
    with tarfile.open(archive, "w") as members:
        member = tarfile.TarInfo(name)
        member.size = 4
        members.addfile(member, io.BytesIO(b"evil"))
    refused(archive, cache, "would leave its folder")


def test_tar_links_are_refused(tmp_path, cache):
    archive = tmp_path / "link.tar"
    with tarfile.open(archive, "w") as members:
        member = tarfile.TarInfo("model.weights.h5")
        member.type = tarfile.SYMTYPE
        member.linkname = "/etc/passwd"
        members.addfile(member)
    refused(archive, cache, "a link or a device")


def test_an_archive_without_a_preset_is_refused(tmp_path, cache):
    archive = tmp_path / "empty.zip"
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("notes.txt", "nothing here")
    refused(archive, cache, "must hold one preset.*Found 0")


def test_no_archive_at_all(tmp_path, cache):
    (tmp_path / "page.html").write_text("<p>Not found</p>")
    refused(tmp_path / "page.html", cache, "neither a zip nor a tar")


def refused(archive, cache, message):
    with pytest.raises(ValueError, match=message):
        fetch_preset(f"file://{archive}", sha256(archive))
    assert not list(cache.iterdir())
