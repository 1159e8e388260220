"""Reads insightface's and im2rec's .rec files. No MXNet."""

import os
import warnings
from pathlib import Path

import numpy as np

from keras_arcface.data.checks import image_size_pair
from keras_arcface.data.description import ImageData
from keras_arcface.data.open_file import OpenFile
from keras_arcface.data.recordio import RecordIO
from keras_arcface.data.recordio import read_record
from keras_arcface.data.recordio_index import EXACT
from keras_arcface.data.recordio_index import identity_ranges
from keras_arcface.data.recordio_index import meta_of
from keras_arcface.data.recordio_index import offsets_of
from keras_arcface.data.recordio_index import read_index
from keras_arcface.data.recordio_index import read_labels
from keras_arcface.data.recordio_index import scan_index
from keras_arcface.data.size_checks import check_some_sizes


def from_recordio(
    path: str | os.PathLike,
    image_size: tuple[int, int] = (112, 112),
    *,
    resize: bool = False,
    check: bool = True,
) -> ImageData:
    """Describes the pictures of a RecordIO file; they stay in the file.

    insightface's files (a meta record, pictures, one record an identity) and
    im2rec's (pictures only) are told apart by record 0. A picture's class is
    its label, or the first of several. Classes are numbered from 0 by
    ascending label, and named by it.

    Args:
        path: The .rec file, or a folder that holds one. `NAME.idx` beside
            `NAME.rec` says where records start; without it the file is
            scanned. A file `property` is compared with what is found.
        image_size: (height, width) in pixels that the pictures have.
        resize: As in `from_directory`.
        check: Whether to look at the header of every record now. With `False`,
            insightface's labels come from the records of its identities, which
            takes seconds for millions. Each record's own label is compared
            when it is read, in either case.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming file and byte of what is damaged, cut short or
            contradicts its index; or the line of the index.
    """
    size = image_size_pair(image_size)
    path = _rec_file(Path(path))
    file = OpenFile(path)
    if file.size == 0:
        raise ValueError(f"{path} is empty: it holds no record.")
    beside = path.with_suffix(".idx")
    if beside.is_file():
        index = read_index(beside, file.size)
    else:
        index = scan_index(file)
    meta = meta_of(file, index)
    if meta is None:
        offsets, identities = index["offsets"], None
        labels = read_labels(file, offsets)
    else:
        offsets = offsets_of(index, np.arange(1, meta[0]), file)
        identities = meta[1] - meta[0]
        labels = _labels(file, index, meta, offsets, check)
    samples = RecordIO(file, offsets, labels)
    check_some_sizes(samples, None if resize else size)
    classes, ids = np.unique(labels, return_inverse=True)
    _compare_count(path, len(classes), identities)
    return ImageData(
        samples=samples,
        labels=ids,
        class_names=[str(label) for label in classes.astype(np.int64)],
        image_size=size,
        root=str(path),
        resize=resize,
    )


def _rec_file(path: Path) -> Path:
    if path.is_dir():
        found = sorted(path.glob("*.rec"))
        if len(found) != 1:
            names = ", ".join(file.name for file in found) or "none"
            raise FileNotFoundError(
                f"Expected one .rec file in {path}. Found: {names}. Give the "
                "path of the file."
            )
        return found[0]
    if not path.is_file():
        raise FileNotFoundError(f"There is no .rec file {path}.")
    return path


def _labels(file, index, meta, offsets, check) -> np.ndarray:
    """Returns the labels of insightface's pictures, float32 (n,)."""
    keys = np.arange(*meta)
    keys = keys[np.isin(keys, index["keys"])]
    ranges = identity_ranges(file, offsets_of(index, keys, file))
    rounded = len(offsets) >= EXACT
    labels = np.full(len(offsets), np.nan, np.float32)
    for first, last in ranges:
        if last > meta[0] and not rounded:
            raise ValueError(
                f"{file.path}: an identity has the records {first} to "
                f"{last - 1}, and pictures end at {meta[0] - 1}. The file is "
                "damaged."
            )
        if first < last and not (check or rounded):
            record = read_record(file, int(offsets[first - 1]))
            labels[first - 1 : last - 1] = record.label
    unknown = np.flatnonzero(~np.isfinite(labels))
    labels[unknown] = read_labels(file, offsets[unknown])
    return labels


def _compare_count(path: Path, found: int, identities: int | None) -> None:
    """Says where files promise other classes than there are pictures of."""
    beside = path.with_name("property")
    promised = {}
    if identities is not None:
        promised["its meta record"] = identities
    if beside.is_file():
        text = beside.read_text("utf-8", "replace").split(",")[0].strip()
        # `int` refuses numbers of 4,300 digits.
        is_count = text.isdecimal() and len(text) <= 20
        promised[str(beside)] = int(text) if is_count else text[:20]
    broken = [f"{what} {n}" for what, n in promised.items() if n != found]
    if broken:
        warnings.warn(
            f"{path}: of another number of identities than the {found} that "
            f"its pictures show: {', '.join(broken)}. Identities without a "
            "picture are left out.",
            stacklevel=3,
        )
