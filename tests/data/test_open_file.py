"""More files than a process may open; threads; nothing left open."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from keras_arcface.data import open_file
from keras_arcface.data.open_file import OpenFile

READ_ALL = """
import resource, sys
from pathlib import Path
from keras_arcface.data.open_file import OpenFile
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (160, hard))
files = [OpenFile(path) for path in sorted(Path(sys.argv[1]).iterdir())]
for _ in range(2):
    for number, file in enumerate(files):
        if file.pread(9, 0) != b"%03d" % number:
            sys.exit(f"{file.path} is another file")
print(len(files))
"""


@pytest.fixture
def files(tmp_path):
    for number in range(200):
        (tmp_path / f"{number:03d}").write_bytes(b"%03d" % number)
    return [OpenFile(path) for path in sorted(tmp_path.iterdir())]


def opened(folder):
    """How many descriptors of this process lie in a folder."""
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("descriptors are counted in /proc")
    found = 0
    for number in os.listdir("/proc/self/fd"):
        path = f"/proc/self/fd/{number}"
        if os.path.lexists(path):
            found += os.readlink(path).startswith(f"{folder}/")
    return found


def test_more_files_than_descriptors(files, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "200\n", done.stderr


def test_threads_read_while_others_are_closed(files, tmp_path, monkeypatch):
    monkeypatch.setattr(open_file, "MOST_OPEN", 3)
    numbers = [n * 7 % 200 for n in range(4000)]
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda n: files[n].pread(9, 0), numbers))
    assert read == [b"%03d" % number for number in numbers]
    assert opened(tmp_path) <= 3


def test_what_was_read_last_stays_open(files, tmp_path, monkeypatch):
    monkeypatch.setattr(open_file, "MOST_OPEN", 2)
    for number in (0, 1, 0, 2):
        files[number].pread(1, 0)
    (tmp_path / "000").unlink()
    (tmp_path / "001").unlink()
    assert files[0].pread(9, 0) == b"000"
    with pytest.raises(FileNotFoundError, match="001"):
        files[1].pread(9, 0)


def test_files_close_with_their_reader_and_travel_closed(files, tmp_path):
    copies = pickle.loads(pickle.dumps(files[:5]))
    assert opened(tmp_path) == 0
    assert [file.pread(9, 0) for file in copies][4] == b"004"
    assert opened(tmp_path) == 5
    del copies
    assert opened(tmp_path) == 0
