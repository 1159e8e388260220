"""Processes that write to a gallery, some of which are killed.

    python gallery_writers.py kill FOLDER       a kill before every change
    python gallery_writers.py enroll FILE WHO N  N people, one after another

The package's front door, which needs Keras, is left closed: a process starts
in a moment, and what it runs is seen to need NumPy alone.
"""

import importlib.util
import json
import os
import signal
import sys
import types
from pathlib import Path

EVENTS = ("open", "os.mkdir", "os.rename", "os.rmdir", "os.remove", "os.chmod")

spec = importlib.util.find_spec("keras_arcface")
package = types.ModuleType("keras_arcface")
package.__path__ = list(spec.submodule_search_locations)
sys.modules["keras_arcface"] = package

import numpy as np  # noqa: E402

from keras_arcface.gallery import Gallery  # noqa: E402


def enroll(path, who, count):
    for number in range(count):
        with Gallery.writing(path) as gallery:
            gallery.enroll(f"{who} {number}", np.eye(8)[number % 8])


def kill_everywhere(folder):
    """Enrols in a process that is killed before its n-th change, n = 1, ...

    Prints, after each: whether it was killed, who is in the gallery after it
    and after one more who goes through, and what lies in the folder.
    """
    number, killed = 0, True
    while killed:
        number += 1
        path = Path(folder) / str(number) / "people.gallery"
        enroll(path, "old", 3)
        killed = _killed(number, path)
        after = len(Gallery.load(path))
        enroll(path, "next", 1)
        names = sorted(each.name for each in path.parent.iterdir())
        whole = len(Gallery.load(path))
        print(json.dumps([killed, after, whole, names]), flush=True)


def _killed(number, path):
    child = os.fork()
    if not child:
        _kill_before(number, str(path.parent))
        enroll(path, "new", 1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _kill_before(number, folder):
    seen = 0

    def watch(event, arguments):
        nonlocal seen
        if event in EVENTS and folder in str(arguments[0]):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


if __name__ == "__main__":
    if sys.argv[1] == "kill":
        kill_everywhere(sys.argv[2])
    else:
        enroll(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    if "keras" in sys.modules:
        sys.exit("The gallery imported Keras.")
