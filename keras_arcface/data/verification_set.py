"""One description of every kind of verification set."""

import dataclasses
import os
from pathlib import Path

import numpy as np

from keras_arcface.data.bin_sets import read_bin
from keras_arcface.data.description import ImageData
from keras_arcface.data.lfw_pairs import read_lfw_pairs
from keras_arcface.data.pair_files import read_pairs_csv
from keras_arcface.data.pairs import Pairs


@dataclasses.dataclass(frozen=True, eq=False)
class VerificationSet:
    """Pairs of pictures with the answers, and the pictures themselves.

    Attributes:
        data: Each distinct picture once; read in batches by `data.batches(n,
            shuffle=False)`. All are of one class: who they show is in `pairs`.
        pairs: Who is compared with whom, by index into `data`.
        name: The file's name.
    """

    data: ImageData
    pairs: Pairs
    name: str

    def __len__(self) -> int:
        return len(self.pairs)

    def describe(self) -> str:
        """Returns a few words: how many pairs of what."""
        return f"{len(self.pairs)} pairs of {self.name}"


def open_pairs(
    path: str | os.PathLike,
    images: str | os.PathLike | None = None,
    image_size: tuple[int, int] = (112, 112),
    *,
    resize: bool = False,
) -> VerificationSet:
    """Opens a verification set of any kind; decodes no picture yet.

    - insightface's .bin, which holds its pictures: `read_bin`
    - a CSV file with the columns fold, left, right, is_same: `read_pairs_csv`
    - LFW's pairs.txt or pairsDevTest.txt: `read_lfw_pairs`

    The suffix decides (.bin, .csv, .txt), and for any other the content.

    Args:
        path: The file.
        images: The folder of the pictures that the file names; none for .bin.
        image_size: (height, width) in pixels that the pictures have.
        resize: Whether pictures of another size are resized. By default they
            are an error.

    Raises:
        FileNotFoundError: when the file, the folder or a picture is missing.
        ValueError: when `images` is missing or not wanted, or as the reader
            says.
    """
    path = Path(path)
    kind = _kind(path)
    if kind == ".bin":
        if images is not None:
            raise ValueError(
                f"{path} holds its pictures. Leave out images (--images). "
                f"Received: images={str(images)!r}"
            )
        samples, pairs = read_bin(path)
    else:
        if images is None:
            raise ValueError(
                f"{path} only names its pictures. Say in which folder they "
                "are: images=FOLDER (--pairs CSV --images FOLDER on the "
                "command line)."
            )
        read = read_pairs_csv if kind == ".csv" else read_lfw_pairs
        pairs = read(path, images)
        samples = pairs.paths
    data = ImageData(
        samples=samples,
        labels=np.zeros(len(samples), np.int64),
        class_names=["pictures"],
        image_size=image_size,
        root=str(path),
        resize=resize,
    )
    return VerificationSet(data, pairs, path.name)


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in (".bin", ".csv", ".txt"):
        return suffix
    if path.is_dir():
        raise IsADirectoryError(
            f"{path} is a folder. Give a file of pairs: .bin, .csv or LFW's "
            "pairs.txt; for a folder of identities there is from_directory."
        )
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    with open(path, "rb") as file:
        start = file.read(256)
    if start[:1] == b"\x80":  # Every pickle since protocol 2.
        return ".bin"
    return ".csv" if b"," in start.split(b"\n")[0] else ".txt"
