"""Figure 3: what is drawn, and where."""

import dataclasses

import numpy as np
import pytest

from keras_arcface.plots import Features
from keras_arcface.plots import plot_features_plane
from keras_arcface.plots import plot_features_sphere

NAMES = ["zero", "$one", "eight", "nine"]


def panel(dim, caption=""):
    rng = np.random.default_rng(dim)
    labels = np.arange(40) % 2
    centers = np.eye(2, dim)
    return Features(
        features=5 * centers[labels] + rng.normal(size=(40, dim)),
        labels=labels,
        centers=centers,
        unseen=rng.normal(size=(10, dim)),
        unseen_labels=np.arange(10) % 2,
        caption=caption,
    )


@pytest.mark.parametrize(
    "draw, dim", [(plot_features_plane, 2), (plot_features_sphere, 3)]
)
def test_losses_names_and_captions_are_in_the_figure(draw, dim, tmp_path):
    panels = {"softmax": panel(dim, "gap 3.0°"), "ArcFace": panel(dim)}
    path = tmp_path / "figure.svg"
    draw(panels, NAMES, path)
    text = path.read_text("utf-8")
    for words in (*panels, "gap 3.0°", "zero", "$one", "nine (never seen)"):
        assert words in text
    draw(panels, NAMES, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "panels, names",
    [
        ({}, NAMES),
        ({"softmax": panel(3)}, NAMES),
        ({"softmax": panel(2)}, NAMES[:3]),
        (
            {"softmax": dataclasses.replace(panel(2), centers=np.eye(2, 3))},
            NAMES,
        ),
    ],
)
def test_what_does_not_fit_is_refused(panels, names, tmp_path):
    with pytest.raises(ValueError, match="panels"):
        plot_features_plane(panels, names, tmp_path / "figure.svg")
    assert list(tmp_path.iterdir()) == []
