"""A look at pictures' headers, before hours of work with them."""

from collections.abc import Sequence

import numpy as np

from keras_arcface.data.images import decode_size
from keras_arcface.data.images import in_threads
from keras_arcface.data.images import read_size
from keras_arcface.data.images import wrong_size
from keras_arcface.data.samples import Samples
from keras_arcface.utils.console import progress

_MOST = 64


def check_some_sizes(
    samples: Samples, expected: tuple[int, int] | None
) -> None:
    """Reads the headers of up to 64 pictures, evenly spread.

    Args:
        expected: (height, width) that they must have, or `None` for any.

    Raises:
        ValueError: naming one that is no picture or has another size.
    """
    count = len(samples)
    chosen = np.unique(np.linspace(0, count - 1, min(count, _MOST), dtype=int))
    names = [samples.name(index) for index in chosen]

    def size_of(index: int) -> tuple[int, int]:
        return decode_size(samples.read(index), samples.name(index))

    for name, size in zip(names, in_threads(size_of, chosen), strict=True):
        if expected is not None and size != expected:
            raise wrong_size(name, size, expected)


def check_all_sizes(
    paths: Sequence[str], expected: tuple[int, int] | None
) -> None:
    """Reads the header of every picture file, with a progress bar.

    Args:
        expected: As in `check_some_sizes`.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    sizes = zip(paths, in_threads(read_size, paths), strict=True)
    for path, size in progress(sizes, "Checking pictures", len(paths)):
        if expected is not None and size != expected:
            raise wrong_size(path, size, expected)
