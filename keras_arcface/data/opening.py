"""One door for every kind of data on disk."""

import os
from pathlib import Path

from keras_arcface.data.csv_reader import from_csv
from keras_arcface.data.description import ImageData
from keras_arcface.data.directory import from_directory
from keras_arcface.data.pack_index import INDEX
from keras_arcface.data.pack_index import is_tfrecord_folder
from keras_arcface.data.recordio_reader import from_recordio
from keras_arcface.data.tfrecord_reader import from_tfrecord

KINDS = """a folder with one sub-folder of pictures per identity, a .csv file
with the columns path and identity, a folder that keras-arcface pack wrote, a
.tfrecord file or a folder of them, or a .rec file or a folder that holds one"""


def open_data(
    path: str | os.PathLike,
    image_size: tuple[int, int] | None = None,
    *,
    resize: bool = False,
    images: str | os.PathLike | None = None,
) -> ImageData:
    """Reads a path with the reader that fits it.

    - `NAME.csv`: `from_csv`
    - `NAME.rec`, or a folder that holds `*.rec`: `from_recordio`
    - `NAME.tfrecord`, a folder that holds `*.tfrecord`, or one that
      `keras-arcface pack` wrote (whole or not), or its `index.json`:
      `from_tfrecord`
    - any other folder: `from_directory`

    Args:
        path: The file or folder.
        image_size: (height, width) in pixels that the pictures have. Defaults
            to what a pack's index says, else 112x112.
        resize: Whether pictures of another size are resized.
        images: Folder that the paths of a CSV file start from.

    Raises:
        FileNotFoundError: when there is nothing at `path`.
        ValueError: for a file of none of these kinds; or as the reader raises.
    """
    path = Path(path)
    reader = _reader(path)
    if reader is from_tfrecord:
        return from_tfrecord(path, image_size, resize=resize)
    size = (112, 112) if image_size is None else image_size
    if reader is from_csv:
        return from_csv(path, images, size, resize=resize)
    if images is not None:
        raise ValueError(
            f"images is for the paths of a .csv file. Received: {path}"
        )
    return reader(path, size, resize=resize)


def _reader(path: Path):
    if path.is_dir():
        if is_tfrecord_folder(path):
            return from_tfrecord
        holds_records = any(path.glob("*.rec"))
        return from_recordio if holds_records else from_directory
    ending = path.suffix.lower()
    if ending in (".csv", ".rec") and path.exists():
        return from_csv if ending == ".csv" else from_recordio
    if path.is_file() and (path.name == INDEX or ".tfrecord" in path.name):
        return from_tfrecord
    kinds = " ".join(KINDS.split())
    if path.exists():
        raise ValueError(f"{path} is no data. Expected {kinds}.")
    raise FileNotFoundError(f"No such folder or file: {path}. Expected {kinds}")
