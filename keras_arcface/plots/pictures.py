"""Grids of pictures: worst mistakes in pairs, neighbours in rows."""

import os
from collections.abc import Sequence

import numpy as np

from keras_arcface.plots import style

MOST_PICTURES = 400
# Inches of a picture with its frame, and of a line of a caption.
SIDE, LINE = 0.95, 0.15
# Of a picture's width, between groups beside each other.
GAP = 0.25
# Characters of a caption in the width of a picture.
CHARACTERS = 14
FRAMES = {True: (style.BLUE, "-"), False: (style.ORANGE, (0, (2, 1.2)))}
NO_FRAME = ("#000000", "-")


def plot_picture_grid(
    groups: Sequence[Sequence[np.ndarray]],
    path: str | os.PathLike,
    captions: Sequence[str | Sequence[str]] | None = None,
    is_right: Sequence[bool | None | Sequence[bool | None]] | None = None,
    across: int = 1,
    title: str | None = None,
) -> None:
    """Draws groups of pictures: pairs, or queries with their neighbours.

    A frame in blue says right, a dashed one in orange wrong, a black one
    neither.

    Args:
        groups: Each a row of pictures, RGB `(height, width, 3)` or grey
            `(height, width)`, in [0, 255]; they may differ in size and
            number.
        path: Where to write; .png, .svg or .pdf.
        captions: Above the pictures; one a group, or a list of one a picture.
            Long ones are cut after two lines.
        is_right: True, False or None; one a group, or a list of one a
            picture.
        across: Groups beside each other in a line.
        title: Defaults to none.

    Raises:
        ValueError: when there is no picture, more than 400, something that is
            none, or captions or truths of another number.
    """
    checked = _check_groups(groups)
    captions = _each("captions", captions, checked, "")
    truths = _each("is_right", is_right, checked, None)
    across = min(max(1, across), len(checked))
    wide = max(map(len, checked))
    lines = -(-len(checked) // across)
    ratios = ([1.0] * wide + [GAP]) * across
    ratios.pop()
    tall = max((len(_wrapped(c, wide)) for c in captions), default=0)
    with style.figure(
        path,
        len(ratios),
        lines,
        height=SIDE + LINE * tall + (0.3 / lines if title else 0),
        width=SIDE * sum(ratios),
        width_ratios=ratios,
    ) as axes:
        for axis in axes.flat:
            axis.set_axis_off()
        for number, group in enumerate(checked):
            line, place = divmod(number, across)
            start = place * (wide + 1)
            row = axes[line, start : start + len(group)]
            _draw_group(row, group, captions[number], truths[number], wide)
        if title:
            row_of = style.text(title, max(20, round(11 * sum(ratios))))
            axes[0, 0].figure.suptitle(row_of, fontsize=10)


def draw_picture(axis, image, is_right=None, title="") -> None:
    """Draws one picture in the frame of its truth on matplotlib axes."""
    colour, dashes = FRAMES.get(is_right, NO_FRAME)
    axis.set_axis_on()
    axis.imshow(_rgb(image))
    axis.set_title(title, fontsize=8, pad=3)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set(visible=True, color=colour, linewidth=2, linestyle=dashes)


def _draw_group(row, group, caption, truth, wide):
    truths = truth if _is_many(truth) else [truth] * len(group)
    for axis, image, right in zip(row, group, truths, strict=True):
        draw_picture(axis, image, None if right is None else bool(right))
    if _is_many(caption):
        for axis, words in zip(row, caption, strict=True):
            shown = "\n".join(_wrapped(words, 1))
            axis.set_title(shown, fontsize=8, pad=3)
    else:
        # A title is not counted into the width of its axes: it may reach over
        # the other pictures of its group.
        shown = "\n".join(_wrapped(caption, wide))
        row[0].set_title(shown, fontsize=8, pad=3, loc="left")


def _is_many(entry):
    return isinstance(entry, list | tuple | np.ndarray)


def _wrapped(caption, wide):
    """Returns the lines of a caption; none of one that is empty."""
    if _is_many(caption):
        return max((_wrapped(words, 1) for words in caption), key=len)
    if caption is None or not str(caption).strip():
        return []
    return style.text(caption, CHARACTERS * wide, 2).split("\n")


def _check_groups(groups):
    groups = [list(group) for group in groups]
    count = sum(map(len, groups))
    if not groups or not all(groups) or count > MOST_PICTURES:
        raise ValueError(
            "`groups` must hold at least one picture each, and "
            f"{MOST_PICTURES} at most. Received: {len(groups)} groups with "
            f"{count} pictures."
        )
    for number, group in enumerate(groups):
        for image in group:
            shape = np.shape(image)
            if len(shape) not in (2, 3) or shape[2:] not in ((), (3,)):
                raise ValueError(
                    "Pictures must be of shape (height, width, 3) or (height, "
                    f"width). Received: {shape} in group {number}."
                )
    return groups


def _each(name, given, groups, nothing):
    """Returns one entry a group; checks lists of one a picture."""
    if given is None:
        return [nothing] * len(groups)
    entries = list(given)
    if len(entries) != len(groups):
        raise ValueError(
            f"`{name}` must have one entry a group. Received: {len(entries)} "
            f"for {len(groups)} groups."
        )
    for number, (entry, group) in enumerate(zip(entries, groups, strict=True)):
        if _is_many(entry) and len(entry) != len(group):
            raise ValueError(
                f"`{name}[{number}]` must have one entry a picture. Received: "
                f"{len(entry)} for {len(group)} pictures."
            )
    return entries


def _rgb(image):
    image = np.asarray(image)
    if image.dtype != np.uint8:
        image = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return np.repeat(image[..., None], 3, 2) if image.ndim == 2 else image
