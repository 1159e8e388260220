"""What an earlier run left in a folder of crops, and what of it holds."""

import dataclasses
import functools
import os
import stat
from pathlib import Path

from keras_arcface.faces.options import FORMATS
from keras_arcface.faces.options import OPTIONS
from keras_arcface.faces.options import AlignOptions
from keras_arcface.faces.options import read_options
from keras_arcface.faces.report import REPORT
from keras_arcface.faces.report import WITH_CROP
from keras_arcface.faces.report import Outcome
from keras_arcface.faces.report import printable_path
from keras_arcface.faces.report import read_report
from keras_arcface.utils.text import printable
from keras_arcface.utils.walk import walk


@dataclasses.dataclass(frozen=True)
class Before:
    """The crops of an earlier run with the same options.

    Args:
        source: Folder of photographs.
        target: Folder of the crops.
        outcomes: Of the earlier report, by the photograph's path.
        since: When the options were written, in nanoseconds. Older crops are
            of options before, which a run that was stopped did not get to.
    """

    source: Path
    target: Path
    outcomes: dict[str, Outcome]
    since: int

    @functools.cached_property
    def _owned(self) -> set[str]:
        return {o.crop for o in self.outcomes.values() if o.crop}

    def outcome(self, path: str, crop: str) -> Outcome | None:
        """Returns what is known of a crop, or `None`: it is to be made."""
        try:
            made = os.stat(self.target / crop)
            photograph = os.stat(self.source / path)
        except OSError:
            return None
        if not stat.S_ISREG(made.st_mode):
            return None
        state, name = state_of(photograph), printable_path(crop)
        known = self.outcomes.get(printable_path(path))
        if known is not None:
            same = known.status in WITH_CROP and known.crop == name
            same &= known.bytes == state["bytes"]
            return known if same and known.time == state["time"] else None
        # The report was not written any more. What it gives to another
        # photograph is not this one's.
        newest = max(self.since, photograph.st_mtime_ns)
        if name in self._owned or made.st_mtime_ns < newest:
            return None
        return Outcome(printable_path(path), "kept", name, **state)


def state_of(photograph: os.stat_result) -> dict[str, str]:
    """Returns what an outcome keeps of a file, to see that it changed."""
    return {
        "bytes": str(photograph.st_size),
        "time": str(photograph.st_mtime_ns),
    }


def read_before(
    source: Path, target: Path, options: AlignOptions
) -> Before | None:
    """Returns the earlier run that is to go on, or `None`: there are no crops.

    Raises:
        ValueError: when the crops were made with other options, or nothing
            says with which.
    """
    if not (target.is_dir() and _holds_pictures(target)):
        return None
    options, earlier = dataclasses.asdict(options), read_options(target)
    if earlier is None:
        raise ValueError(
            f"{printable(target)} holds pictures, but no {OPTIONS} that says "
            "how they were made. Give a new folder, or --overwrite "
            "(overwrite=True) to make all crops anew."
        )
    if earlier != options:
        raise ValueError(
            f"The crops in {printable(target)} were made with other options: "
            f"{_differences(earlier, options)}. Give the same options, a new "
            "folder, or --overwrite (overwrite=True) to make all crops anew."
        )
    report = target / REPORT
    outcomes = read_report(report) if report.exists() else {}
    since = os.stat(target / OPTIONS).st_mtime_ns
    return Before(source, target, outcomes, since)


def _holds_pictures(target):
    endings = tuple(f".{ending}" for ending in FORMATS)
    return any(
        kind == "file" and path.endswith(endings) for path, kind in walk(target)
    )


def _differences(earlier, options):
    names = sorted({*earlier, *options})
    return ", ".join(
        f"{printable(name)}={earlier.get(name)!r} there and "
        f"{options.get(name)!r} now"
        for name in names
        if earlier.get(name) != options.get(name)
    )
