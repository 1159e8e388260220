"""A folder of photographs to a folder of aligned crops."""

import dataclasses
import errno
import functools
import os
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from keras_arcface.data.directory import PICTURE_ENDINGS
from keras_arcface.faces.detect import check_detector
from keras_arcface.faces.geometry import LandmarkError
from keras_arcface.faces.options import FORMATS
from keras_arcface.faces.options import OPTIONS
from keras_arcface.faces.options import AlignOptions
from keras_arcface.faces.options import write_options
from keras_arcface.faces.photographs import NoFaceError
from keras_arcface.faces.photographs import crop_face
from keras_arcface.faces.report import REPORT
from keras_arcface.faces.report import FolderReport
from keras_arcface.faces.report import Outcome
from keras_arcface.faces.report import printable_path
from keras_arcface.faces.report import write_report
from keras_arcface.faces.resume import read_before
from keras_arcface.faces.resume import state_of
from keras_arcface.faces.workers import unordered
from keras_arcface.utils.console import progress
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.files import check_output_folder
from keras_arcface.utils.files import remove_unfinished
from keras_arcface.utils.text import printable
from keras_arcface.utils.walk import walk

_SECONDS_BETWEEN_REPORTS = 60.0
# No later photograph would fare better: full, read-only or over quota.
_STOPS_ALL = (errno.ENOSPC, errno.EROFS, errno.EDQUOT)
_OF_WALK = {"again": "folder_again", "denied": "denied", "special": "special"}


def align_folder(
    source: str | os.PathLike,
    target: str | os.PathLike,
    options: AlignOptions = AlignOptions(),
    *,
    workers: int = 1,
    overwrite: bool = False,
) -> FolderReport:
    """Cuts the face out of every photograph of a folder; keeps sub-folders.

    No picture stops the others: what cannot be read, has no face, had several
    to choose from, or whose crop cannot be written, is named in `report.csv`
    in the target. Crops that are there are kept, so that a run that was
    stopped goes on, unless their photograph changed since. The options stand
    in `options.json` beside them: crops of other options are never mixed.

    Every crop is written under another name and renamed. What a killed run
    left of that is removed by the next: one run at a time writes to a target.
    The source is never written to.

    Args:
        source: Folder of photographs, sub-folders included.
        target: Folder of the crops; neither inside the source nor around it.
        options: How to align.
        workers: Processes. Each holds a TensorFlow of its own, with one
            thread, about 0.7 GiB. With 1, it is done in this process.
        overwrite: Whether to make crops anew that are there. One whose
            photograph gives no crop any more is removed; what no photograph of
            the source accounts for is named in the report, and left.

    Raises:
        FileNotFoundError: when `source` is not a folder.
        ValueError: when one folder lies in the other, the target cannot be
            written to, or it holds crops of other options (or of unknown ones)
            and `overwrite` is false.
        OSError: when the disk is full or read-only.
        ImportError: when `mtcnn` is missing.
    """
    source, target = _folders(source, target)
    check_detector()
    before = None if overwrite else read_before(source, target, options)
    outcomes, names = {}, []
    for path, kind in walk(source, skip=(target,)):
        if kind in _OF_WALK:
            outcomes[path] = _outcome(path, _OF_WALK[kind])
        elif not path.lower().endswith(PICTURE_ENDINGS):
            outcomes[path] = _outcome(path, "not_a_picture")
        else:
            outcomes[path] = None
            names.append(path)
    crops = crop_names(names, options.format)
    todo = []
    for path in names:
        kept = before and before.outcome(path, crops[path])
        outcomes[path] = kept
        if kept is None:
            todo.append((path, crops[path]))
    work = functools.partial(_align_one, source, target, options)
    done = unordered(work, todo, workers)
    _remove_unfinished(target)
    report = target / REPORT
    saver = _Saver(report, outcomes)
    if before is None:
        # In this order: crops of before are never taken for the new ones.
        saver.save()
        write_options(target, options)
    try:
        for path, outcome in progress(done, "Aligning", len(todo)):
            outcomes[path] = outcome
            saver.save_now_and_then()
        outcomes.update(_unclaimed(target, crops.values()))
    finally:
        saver.save()
    return FolderReport(tuple(outcomes.values()), report)


def crop_names(paths: list[str], format: str) -> dict[str, str]:
    """Returns the name of each picture's crop: its own with another ending.

    Pictures of one folder that differ in the ending (or in capitals) only keep
    theirs before the new one, so that no crop replaces another.
    """
    stems: dict[str, list[str]] = {}
    for path in paths:
        stems.setdefault(os.path.splitext(path)[0].lower(), []).append(path)
    # A crop cannot have the name of a folder beside it.
    taken = {
        str(folder).lower() for path in paths for folder in Path(path).parents
    }
    names = {}
    for stem in stems.values():
        for path in stem:
            kept = path if len(stem) > 1 else os.path.splitext(path)[0]
            name, number = f"{kept}.{format}", 1
            while name.lower() in taken:
                number += 1
                name = f"{kept}-{number}.{format}"
            taken.add(name.lower())
            names[path] = name
    return names


def _align_one(
    source: Path, target: Path, options: AlignOptions, item: tuple[str, str]
) -> tuple[str, Outcome]:
    path, name = item
    values = dataclasses.asdict(options)
    format, image = values.pop("format"), None
    try:
        status = os.stat(source / path)
        crop = crop_face(source / path, **values)
    except NoFaceError:
        outcome = _outcome(path, "no_face")
    except LandmarkError as error:
        outcome = _outcome(path, "bad_landmarks", message=str(error))
    except (ValueError, OSError, MemoryError) as error:
        outcome = _outcome(path, "unreadable", message=_said(error))
    else:
        outcome, image = _cropped(path, name, crop, status), crop.image
    try:
        _write(target / name, image, format)
    except (ValueError, OSError, MemoryError) as error:
        if getattr(error, "errno", None) in _STOPS_ALL:
            raise
        outcome = _outcome(path, "unwritable", message=_said(error))
    return path, outcome


def _write(path, image, format):
    """Writes a crop; without one, removes what was cut out before."""
    if image is None:
        if os.path.isfile(path):
            os.unlink(path)
        return
    with atomic_path(path) as temporary:
        Image.fromarray(image).save(temporary, **FORMATS[format])


def _said(error):
    return printable(str(error) or type(error).__name__)


def _cropped(path, name, crop, status):
    sides = (f"{side:.1f}" for side in crop.face.box)
    return Outcome(
        printable_path(path),
        "aligned" if crop.found == 1 else "several",
        printable_path(name),
        str(crop.found),
        f"{crop.face.score:.4f}",
        *sides,
        **state_of(status),
    )


def _remove_unfinished(target):
    """Removes what killed processes left in the crops' sub-folders."""
    for folder, _, _ in os.walk(target):
        remove_unfinished(folder)


def _unclaimed(target, crops):
    """Returns outcomes of what lies among the crops and is none of them."""
    ours = {*crops, REPORT, OPTIONS}
    return {
        # No photograph's path holds a NUL: the keys do not collide.
        f"\0{path}": Outcome("", "unclaimed", printable_path(path))
        for path, kind in walk(target)
        if kind in ("file", "special") and path not in ours
    }


def _outcome(path, status, **more):
    return Outcome(printable_path(path), status, **more)


def _folders(source, target):
    source, target = Path(source), Path(target)
    if not source.is_dir():
        raise FileNotFoundError(f"There is no folder {source}.")
    inner, outer = target.resolve(), source.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise ValueError(
            f"The crops' folder {target} and the photographs' folder {source} "
            "must not lie in each other. Give another folder: photographs are "
            "never written over."
        )
    return source, check_output_folder(target)


class _Saver:
    """Writes the report so far, at the end and now and then before."""

    def __init__(self, path: Path, outcomes: dict[str, Outcome | None]):
        self.path = path
        self.outcomes = outcomes
        self.last = time.monotonic()

    def save_now_and_then(self) -> None:
        if time.monotonic() - self.last >= _SECONDS_BETWEEN_REPORTS:
            self.save()
            self.last = time.monotonic()

    def save(self) -> None:
        write_report(self.path, self._known())

    def _known(self) -> Iterator[Outcome]:
        return (o for o in self.outcomes.values() if o is not None)
