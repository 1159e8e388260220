"""The toy of the ArcFace paper's Figure 3, trained, measured and drawn."""

import dataclasses
import itertools
import os
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_arcface.plots.toy import Features
from keras_arcface.plots.toy import plot_features_plane
from keras_arcface.plots.toy import plot_features_sphere
from keras_arcface.studies.toy.judging import judge
from keras_arcface.studies.toy.judging import mean_and_interval
from keras_arcface.studies.toy.judging import over_seeds
from keras_arcface.studies.toy.pictures import SETS
from keras_arcface.studies.toy.pictures import ToyPictures
from keras_arcface.studies.toy.training import LOSSES
from keras_arcface.studies.toy.training import ToySettings
from keras_arcface.studies.toy.training import TrainedToy
from keras_arcface.studies.toy.training import start_toy
from keras_arcface.studies.toy.training import train_toy
from keras_arcface.utils.console import progress

DRAW = {2: ("plane", plot_features_plane), 3: ("sphere", plot_features_sphere)}


def toy(
    folder: str | os.PathLike | None = None,
    *,
    sets: Sequence[str] = tuple(SETS),
    dims: Sequence[int] = tuple(DRAW),
    seeds: int = 3,
    most: int | None = None,
    settings: ToySettings | None = None,
    suffix: str = ".png",
) -> dict[str, Any]:
    """Trains the toys of Figure 3 and measures the angular gaps.

    Softmax, norm-softmax and ArcFace, each from the same start on the same
    batches, on eight classes, with features that can be drawn; two classes
    more are embedded and never trained on. Nothing is chosen by a gap.

    Args:
        folder: Where to write a figure for each data set and dimension, of
            the first seed. None for no figures.
        sets: Of `"digits"` and `"glyphs"`.
        dims: Of 2 (in the plane) and 3 (on the sphere).
        seeds: How often each is trained: other starting weights, other order,
            other pictures held out.
        most: At most so many pictures a class, for a small toy.
        settings: Defaults to `ToySettings()`.
        suffix: Of the figures.

    Returns:
        `settings`, `toys` (one for each data set and dimension: `losses`,
        each with its numbers over the seeds, and `arcface_minus`, the paired
        differences of the mean gap), `seconds` and `figures`, paths.

    Raises:
        ValueError: for a data set, dimension or number of seeds that is none.
        ImportError: without scikit-learn.
    """
    check_options(sets=sets, dims=dims, seeds=seeds)
    settings = ToySettings() if settings is None else settings
    start = time.monotonic()
    rows = defaultdict(lambda: defaultdict(list))
    panels, names = defaultdict(dict), {}
    plan = list(itertools.product(sets, range(seeds), dims, LOSSES))
    for name, seed, dim, loss in progress(plan, "Training toys of Figure 3"):
        if (dim, loss) == (dims[0], LOSSES[0]):
            pictures = _pictures(name, seed, most)
            names[name] = pictures.names
        if loss == LOSSES[0]:
            begun = start_toy(pictures, dim, seed, settings)
        trained = train_toy(pictures, loss, begun, seed, settings)
        found = judge(trained, pictures)
        rows[name, dim][loss].append(found)
        if seed == 0:
            panels[name, dim][loss] = _panel(trained, pictures, found)
    figures = []
    if folder is not None:
        figures = _draw(Path(folder), panels, names, suffix)
    return {
        "settings": dataclasses.asdict(settings),
        "seeds": seeds,
        "toys": [_toy(*key, by_loss) for key, by_loss in rows.items()],
        "seconds": round(time.monotonic() - start, 1),
        "figures": [str(path) for path in figures],
    }


def check_options(sets=tuple(SETS), dims=tuple(DRAW), seeds=3, **others):
    """Refuses what `toy` would, before any work; looks at no others."""
    for what, given, known in (("sets", sets, SETS), ("dims", dims, DRAW)):
        if not given or not set(given) <= set(known):
            raise ValueError(
                f"{what} must be of {list(known)}. Received: {list(given)}."
            )
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1. Received: {seeds}.")


def _pictures(name, seed, most) -> ToyPictures:
    return SETS[name](seed) if most is None else SETS[name](seed, most)


def _toy(name, dim, by_loss):
    return {
        "data": name,
        "dim": dim,
        "losses": {loss: over_seeds(rows) for loss, rows in by_loss.items()},
        "arcface_minus": {
            other: {
                part: _difference(by_loss["ArcFace"], by_loss[other], part)
                for part in ("training", "held_out")
            }
            for other in LOSSES
            if other != "ArcFace"
        },
    }


def _difference(arcface, other, part):
    """Returns the mean gap's difference, seed by seed, with its interval."""
    gaps = [
        np.array([row[part]["gap_mean"] for row in rows])
        for rows in (arcface, other)
    ]
    return mean_and_interval(gaps[0] - gaps[1])


def _panel(trained: TrainedToy, pictures: ToyPictures, found) -> Features:
    gaps = found["training"]
    return Features(
        features=trained.features(pictures.training.images()),
        labels=pictures.training.labels,
        centers=trained.centers,
        unseen=trained.features(pictures.unseen.images()),
        unseen_labels=pictures.unseen.labels,
        caption=(
            f"gap {gaps['gap_mean']:.1f}° (mean), "
            f"{gaps['gap_smallest']:.1f}° (smallest)"
        ),
    )


def _draw(folder, panels, names, suffix):
    paths = []
    for (name, dim), by_loss in panels.items():
        where, draw = DRAW[dim]
        paths.append(folder / f"toy_{name}_{where}{suffix}")
        draw(by_loss, names[name], paths[-1])
    return paths
