"""One look for every figure: modest, readable in print, colour-blind safe."""

import contextlib
import os
import textwrap
import warnings
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_arcface.utils.files import atomic_path

# Okabe and Ito, 2008: told apart with every common colour blindness.
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
PALETTE = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":")
GREY = "#666666"
SUFFIXES = (".png", ".svg", ".pdf")

RC = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "lines.linewidth": 1.5,
    "axes.linewidth": 0.7,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "svg.fonttype": "none",
    "svg.hashsalt": "keras_arcface",
}


@contextlib.contextmanager
def figure(
    path: str | os.PathLike,
    columns: int = 1,
    rows: int = 1,
    height: float = 2.8,
    width: float | None = None,
    width_ratios: Sequence[float] | None = None,
) -> Iterator[Any]:
    """Yields axes to draw on; writes the figure to `path` when all went well.

    No pyplot: nothing is shown, kept open, or left in global settings. The
    same arrays give the same bytes.

    Args:
        path: Ends in .png (220 dots an inch), .svg or .pdf. Written under a
            temporary name and renamed.
        columns: Axes beside each other, 3.4 inches each (one alone: 4.6).
        rows: Axes above each other.
        height: Inches for each row, labels and legends included.
        width: Inches of the whole figure, where the above does not fit.
        width_ratios: Of the columns to each other; None for equal ones.

    Yields:
        An array of matplotlib axes, `(rows, columns)`.

    Raises:
        ValueError: when the suffix is none of the three.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"A figure is written as one of {', '.join(SUFFIXES)}. "
            f"Received: {path.name}."
        )
    import matplotlib
    from matplotlib.figure import Figure

    if width is None:
        width = 4.6 if columns == 1 else 3.4 * columns
    with matplotlib.rc_context(RC):
        drawing = Figure(figsize=(width, height * rows), layout="constrained")
        yield drawing.subplots(
            rows, columns, squeeze=False, width_ratios=width_ratios
        )
        _save(drawing, path)


def _save(drawing, path):
    dated = {".png": "Software", ".svg": "Date", ".pdf": "CreationDate"}
    metadata = {dated[path.suffix.lower()]: None}
    with atomic_path(path) as temporary, warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; an SVG
        # keeps its letters.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        drawing.savefig(temporary, dpi=220, metadata=metadata)


def line_style(index: int) -> dict[str, Any]:
    """Returns colour and dashes of the n-th system, apart in grey print too."""
    return {
        "color": PALETTE[index % len(PALETTE)],
        "linestyle": DASHES[index % len(DASHES)],
    }


def percent(share: float) -> str:
    """Returns a share as a short percentage: 0.00767 as "0.77%"."""
    return f"{100 * share:.{3 if share >= 0.1 else 2}g}%"


def text(name: Any, most: int = 48, lines: int = 1) -> str:
    """Returns any name or caption as text that a figure can show.

    What cannot be printed becomes a space, long text is cut ("…"), a dollar
    is no formula, and a leading underscore does not hide a name from legends.

    Args:
        name: Anything that has a `str`.
        most: Characters a line.
        lines: Lines at most.
    """
    printable = (c if c.isprintable() else " " for c in str(name))
    words = " ".join("".join(printable).split()) or "(no name)"
    wrapped = textwrap.wrap(words, most, max_lines=lines, placeholder=" …")
    # One word without a place to break leaves nothing but the placeholder.
    if wrapped[0].strip() == "…":
        wrapped = [words[: most - 1] + "…"]
    shown = "\n".join(wrapped).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown
