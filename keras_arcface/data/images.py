"""Reading one picture, with errors that name the file."""

import io
import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO
from typing import TypeVar

import numpy as np
from PIL import Image
from PIL import ImageOps
from PIL import UnidentifiedImageError

T = TypeVar("T")
R = TypeVar("R")

# What may be in a picture file, whatever its name. Pillow knows more, among it
# EPS, for which it starts Ghostscript: a picture must not run a program.
# MPO, what some cameras write, is opened as a JPEG.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF")
_ORIENTATION = 0x0112  # EXIF tag; 5 to 8 swap width and height.


def open_picture(source: str | os.PathLike | BinaryIO) -> Image.Image:
    """Opens a picture of one of `FORMATS`; Pillow's errors are as they are."""
    return Image.open(source, formats=FORMATS)


def read_image(
    path: str | os.PathLike,
    image_size: tuple[int, int] | None = None,
    resize: bool = False,
) -> np.ndarray:
    """Decodes one picture file.

    The EXIF orientation is applied, grayscale becomes three equal channels,
    transparency is dropped, of an animation the first frame is taken. Training
    and embedding see the same pixels, whoever decodes (`decode_batch` is
    faster).

    Args:
        path: A picture file of one of `FORMATS`, whatever its name.
        image_size: (height, width) in pixels that the picture must have, or
            `None` for any.
        resize: Whether a picture of another size is resized to `image_size`
            (bilinear, antialiased, aspect ratio not kept). By default such a
            picture is an error: resizing is never hidden.

    Returns:
        uint8 array (height, width, 3), RGB.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when it is no picture, is damaged or cut short, is larger
            than Pillow's `Image.MAX_IMAGE_PIXELS`, or has another size.
    """
    return _read(path, path, image_size, resize)


def decode_image(
    content: bytes,
    name: str,
    image_size: tuple[int, int] | None = None,
    resize: bool = False,
) -> np.ndarray:
    """Decodes the bytes of a picture file, as `read_image` does.

    Args:
        name: What messages call the picture.
    """
    return _read(io.BytesIO(content), name, image_size, resize)


def _read(source, name, image_size, resize):
    if resize and image_size is None:
        raise ValueError(
            "resize=True needs an image_size=(height, width) to resize to. "
            "Received: image_size=None."
        )
    with _named_errors(name, source), open_picture(source) as picture:
        _refuse_bomb(picture)
        size = picture.size
        if image_size is None or resize or set(size) == set(image_size):
            # Else it is refused, before room is made for its pixels.
            rgb = _to_rgb(ImageOps.exif_transpose(picture))
            size = rgb.size
    if image_size is not None and size != tuple(image_size)[::-1]:
        if not resize:
            raise wrong_size(name, size[::-1], image_size)
        rgb = rgb.resize(tuple(image_size)[::-1], Image.Resampling.BILINEAR)
    return np.array(rgb)


def read_size(path: str | os.PathLike) -> tuple[int, int]:
    """Returns (height, width) from the file's header, without decoding it.

    Raises the errors of `read_image`, as far as a header shows them.
    """
    return _size(path, path)


def decode_size(content: bytes, name: str) -> tuple[int, int]:
    """Returns (height, width) from the bytes of a picture, as `read_size`."""
    return _size(io.BytesIO(content), name)


def _size(source, name):
    with _named_errors(name, source), open_picture(source) as picture:
        _refuse_bomb(picture)
        width, height = picture.size
        if width != height and picture.getexif().get(_ORIENTATION, 1) >= 5:
            return width, height
        return height, width


def wrong_size(
    path: str | os.PathLike,
    received: tuple[int, int],
    expected: tuple[int, int],
) -> ValueError:
    """Returns the error for a picture of another size than expected."""
    return ValueError(
        f"{path} is {received[0]}x{received[1]} (height x width), expected "
        f"{expected[0]}x{expected[1]}. Pass resize=True (--resize on the "
        "command line) to resize it, or give the pictures' own size. Faces "
        "should be aligned rather than resized."
    )


def in_threads(
    function: Callable[[T], R], items: Sequence[T], block: int = 4096
) -> Iterator[R]:
    """Yields `function(item)` in order, worked out by a pool of threads.

    Pillow decodes without holding Python's lock. Work is handed out in blocks,
    so millions of items cost no memory and an error ends the rest soon.
    """
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(items), block):
            yield from pool.map(function, items[start : start + block])


class _named_errors:
    """Turns whatever Pillow raises into an error that names the picture."""

    def __init__(self, name: str | os.PathLike, source):
        self.name, self.source = name, source

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind, error, traceback) -> None:
        if error is None or not isinstance(error, Exception):
            return
        if isinstance(error, FileNotFoundError):
            raise FileNotFoundError(f"No such picture: {self.name}") from error
        if isinstance(error, UnidentifiedImageError):
            raise ValueError(
                f"{self.name} is not a picture that Pillow can read "
                f"({_bytes_of(self.source)} bytes); expected one of "
                f"{', '.join(FORMATS)}. Remove or replace it."
            ) from error
        raise ValueError(
            f"Cannot decode the picture {self.name}: {error}. "
            "Remove or replace it."
        ) from error


def _bytes_of(source: str | os.PathLike | io.BytesIO) -> int:
    if isinstance(source, io.BytesIO):
        return source.getbuffer().nbytes
    return os.stat(source).st_size


def _refuse_bomb(picture: Image.Image) -> None:
    # Pillow only warns up to twice this number, and a warning filter is not
    # safe to change while other threads read.
    limit = Image.MAX_IMAGE_PIXELS
    width, height = picture.size
    if limit is not None and width * height > limit:
        raise ValueError(
            f"its header claims {width}x{height} pixels, more than "
            f"PIL.Image.MAX_IMAGE_PIXELS={limit} (a decompression bomb?)"
        )


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16"):  # Pillow would clip at 255.
        pixels = (np.asarray(picture) >> 8).astype(np.uint8)
        return Image.fromarray(pixels).convert("RGB")
    if picture.mode in ("I", "F"):
        raise ValueError(
            f"its pixels are of Pillow's mode {picture.mode!r} (32 bits, no "
            "fixed range); save it with 8 bits a channel"
        )
    if picture.mode == "P" and "transparency" in picture.info:
        picture = picture.convert("RGBA")
    return picture.convert("RGB")
