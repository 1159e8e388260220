"""What happened while training, epoch by epoch."""

import os
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from keras_arcface.plots import style

PANELS = (
    ("loss", "loss", ("loss",)),
    ("angle to own class centre", "degrees", ("angle",)),
    ("margin strength", "share of the full margin", ("strength",)),
    (
        "accuracy and verification",
        "score",
        ("accuracy", "verification", "auc", "tar"),
    ),
)


def plot_training(
    history: Mapping[str, Sequence[float | None]], path: str | os.PathLike
) -> None:
    """Draws loss, target angle, margin strength and verification by epoch.

    A series goes to the first panel whose word is in its name: "loss";
    "angle" (degrees); "strength"; "accuracy", "verification", "auc" or "tar".
    Series without a panel are left out, and so are panels without a series.

    Args:
        history: Values by name, one an epoch, as `fit(...).history` gives
            them. None or NaN where nothing was measured that epoch. The
            series "epoch" holds the epoch numbers; they default to 1, 2, ...
        path: Where to write; .png, .svg or .pdf.

    Raises:
        ValueError: when no series belongs to a panel, or "epoch" has another
            length than a series.
    """
    panels = _assign(history)
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    with style.figure(path, columns=columns, rows=rows) as axes:
        for axis, (title, unit, names) in zip(axes.flat, panels, strict=False):
            for index, name in enumerate(names):
                _draw(axis, history, name, style.line_style(index))
            _finish(axis, title, unit, names)
        for axis in axes.flat[len(panels) :]:
            axis.set_visible(False)


def _assign(history):
    panels = []
    left = [name for name in history if name != "epoch"]
    for title, unit, words in PANELS:
        names = [name for name in left if any(word in name for word in words)]
        left = [name for name in left if name not in names]
        if names:
            panels.append((title, unit, names))
    if not panels:
        raise ValueError(
            "`history` has no series to draw: names must hold one of "
            f"{[word for _, _, words in PANELS for word in words]}. Received: "
            f"{list(history)}."
        )
    return panels


def _draw(axis, history, name, look):
    values = np.array(
        [np.nan if value is None else value for value in history[name]],
        dtype=np.float64,
    )
    epochs = np.asarray(history.get("epoch", np.arange(values.size) + 1))
    if epochs.shape != values.shape:
        raise ValueError(
            f"`history['epoch']` has {epochs.size} entries but "
            f"`history[{name!r}]` has {values.size}; write None for an epoch "
            "without a measurement."
        )
    known = np.isfinite(values)
    axis.plot(
        epochs[known],
        values[known],
        label=name,
        marker="o",
        markersize=3 if known.sum() <= 12 else 0,
        **look,
    )


def _finish(axis, title, unit, names):
    from matplotlib.ticker import MaxNLocator

    axis.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axis.set_xlabel("epoch")
    axis.set_ylabel(unit)
    axis.set_title(title)
    if title == "margin strength":
        axis.set_ylim(-0.03, 1.05)
    if [name.replace("_", " ") for name in names] != [title]:
        axis.legend(loc="best")
