"""How a folder is aligned, and the file beside its crops that says so."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from keras_arcface.faces.align import INTERPOLATIONS
from keras_arcface.faces.detect import check_choice
from keras_arcface.faces.geometry import template_for
from keras_arcface.utils.files import write_json

OPTIONS = "options.json"
FORMATS = {"png": {}, "jpg": {"quality": 95, "subsampling": 0}}


@dataclasses.dataclass(frozen=True)
class AlignOptions:
    """How a folder is aligned; see `crop_face`.

    Args:
        size: Side of the crops in pixels.
        face: Of several, the `"largest"` or the most `"central"`.
        interpolation: See `align`.
        pad: See `detect`.
        min_score: See `detect`.
        format: `"png"` (exact) or `"jpg"` (a third of the size).
    """

    size: int = 112
    face: str = "largest"
    interpolation: str = "bilinear"
    pad: float = 0.25
    min_score: float = 0.8
    format: str = "png"

    def __post_init__(self):
        template_for(self.size)
        check_choice(self.face)
        for name, value, known in (
            ("interpolation", self.interpolation, INTERPOLATIONS),
            ("format", self.format, tuple(FORMATS)),
        ):
            if value not in known:
                raise ValueError(
                    f"{name} must be one of {', '.join(known)}. "
                    f"Received: {name}={value!r}."
                )
        if not (0 <= self.pad <= 2 and 0 <= self.min_score < 1):
            raise ValueError(
                "pad must be in [0, 2] and min_score in [0, 1). Received: "
                f"pad={self.pad}, min_score={self.min_score}."
            )


def write_options(folder: str | os.PathLike, options: AlignOptions) -> None:
    """Writes down in a folder of crops how they are made."""
    write_json(Path(folder) / OPTIONS, dataclasses.asdict(options))


def read_options(folder: str | os.PathLike) -> dict[str, Any] | None:
    """Returns the options of a folder's crops; `None` where nothing says."""
    try:
        text = (Path(folder) / OPTIONS).read_text("utf-8")
    except FileNotFoundError:
        return None
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None  # A file of somebody else's, or a damaged one.
    return values if isinstance(values, dict) else None
