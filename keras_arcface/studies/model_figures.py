"""Figures of one model on data that it was not trained on."""

import dataclasses
import functools
from pathlib import Path

import keras
import numpy as np

from keras_arcface import evaluation
from keras_arcface import plots
from keras_arcface.data import ImageData
from keras_arcface.training.angle_monitor import some_classes
from keras_arcface.training.projector import write_projector
from keras_arcface.training.verification import features_of_data
from keras_arcface.training.verification import pairs_for

HARDEST = 8
"""Pairs of each kind on the figure of mistakes."""

# Pictures among which neighbours are looked for, and in the projector.
_MOST = 2000


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """A model's embeddings of a data set, computed once and when needed.

    Attributes:
        name: Of the model.
        backbone: Pictures to features.
        data: Pictures with identities.
        pictures: Whether pictures may appear in figures.
    """

    name: str
    backbone: keras.Model
    data: ImageData
    pictures: bool = True

    @functools.cached_property
    def features(self) -> np.ndarray:
        """Of every picture, not normalised, `(n, dim)`."""
        return features_of_data(self.backbone, self.data)

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        """Of the features, `(n,)`: what quality some losses learn."""
        return np.linalg.norm(self.features, axis=1)

    @functools.cached_property
    def embeddings(self) -> np.ndarray:
        """Of unit length, `(n, dim)`."""
        return self.features / np.maximum(self.lengths, 1e-12)[:, None]

    @functools.cached_property
    def pairs(self):
        """Balanced pairs over the identities."""
        return pairs_for(self.data.labels)

    @functools.cached_property
    def similarity(self) -> np.ndarray:
        """Cosine of every pair, `(pairs,)`."""
        return evaluation.cosine_similarity(
            self.embeddings, self.pairs.left, self.pairs.right
        )

    @functools.cached_property
    def threshold(self) -> float:
        """Where FMR and FNMR of the pairs are equal."""
        return evaluation.equal_error_rate(self.similarity, self.pairs.is_same)[
            1
        ]

    @functools.cached_property
    def subjects(self) -> dict[str, np.ndarray]:
        """Who is on the two sides of each pair."""
        labels = self.data.labels
        return {
            "subject_left": labels[self.pairs.left],
            "subject_right": labels[self.pairs.right],
        }

    @functools.cached_property
    def sample(self) -> np.ndarray:
        """Rows of whole identities, about 2,000 pictures at most."""
        if len(self.data) <= _MOST:
            return np.arange(len(self.data))
        chosen = np.unique(some_classes(self.data, _MOST).labels)
        return np.flatnonzero(np.isin(self.data.labels, chosen))


def draw_scores(judged: Judged, path: Path) -> None:
    plots.plot_scores(
        judged.similarity,
        judged.pairs.is_same,
        path,
        threshold=judged.threshold,
    )


def draw_det(judged: Judged, path: Path) -> None:
    plots.plot_det(*_rates(judged, path))


def draw_roc(judged: Judged, path: Path) -> None:
    plots.plot_roc(*_rates(judged, path))


def _rates(judged, path):
    """Returns curves, path and operating points with their intervals."""
    curves = {judged.name: (judged.similarity, judged.pairs.is_same)}
    points = evaluation.det_curve(*curves[judged.name], **judged.subjects)
    return curves, path, {judged.name: points}


def draw_cmc(judged: Judged, path: Path) -> None:
    """Of each identity the first picture is enrolled, the others search."""
    labels = judged.data.labels
    _, enrolled = np.unique(labels, return_index=True)
    probes = np.setdiff1d(np.arange(len(labels)), enrolled)
    report = evaluation.identification_report(
        judged.embeddings[probes],
        labels[probes],
        judged.embeddings[enrolled],
        labels[enrolled],
    )
    plots.plot_cmc({judged.name: report}, path)


def draw_geometry(judged: Judged, path: Path) -> None:
    plots.plot_geometry(
        evaluation.geometry_report(judged.embeddings, judged.data.labels), path
    )


def draw_reject(judged: Judged, path: Path) -> str | None:
    """By the length of the features, at the threshold of equal errors."""
    same = judged.pairs.is_same
    if not (judged.similarity[same] < judged.threshold).any():
        return "no genuine pair is rejected that a quality could predict"
    curve = evaluation.error_versus_reject(
        judged.similarity,
        same,
        judged.lengths[judged.pairs.left],
        judged.lengths[judged.pairs.right],
        judged.threshold,
        **judged.subjects,
    )
    plots.plot_reject_curve({"length of the features": curve}, path)
    return None


def draw_neighbours(judged: Judged, path: Path) -> None:
    rows = judged.sample
    plots.plot_neighbours(
        judged.data.images(rows),
        judged.data.labels[rows],
        judged.embeddings[rows],
        path,
    )


def draw_mistakes(judged: Judged, path: Path) -> None:
    """The genuine pairs with the lowest cosines, the impostors' highest."""
    pairs, cosine = judged.pairs, judged.similarity
    order = np.argsort(cosine)
    genuine = order[pairs.is_same[order]][:HARDEST]
    impostor = order[~pairs.is_same[order]][::-1][:HARDEST]
    rows = [
        row for both in zip(genuine, impostor, strict=False) for row in both
    ]
    accepted = cosine[rows] >= judged.threshold
    plots.plot_picture_grid(
        [judged.data.images([pairs.left[r], pairs.right[r]]) for r in rows],
        path,
        captions=[_caption(judged, row) for row in rows],
        is_right=(accepted == pairs.is_same[rows]).tolist(),
        across=2,
        title="hardest pairs: one identity left, two right",
    )


def _caption(judged, row):
    names, labels = judged.data.class_names, judged.data.labels
    left, right = (
        names[labels[side[row]]]
        for side in (judged.pairs.left, judged.pairs.right)
    )
    who = left if left == right else f"{left} / {right}"
    return f"{judged.similarity[row]:.3f} {who}"


def write_projection(judged: Judged, path: Path) -> None:
    """For TensorBoard's projector: a folder, not a figure."""
    rows, names = judged.sample, judged.data.class_names
    write_projector(
        path,
        judged.embeddings[rows],
        [names[label] for label in judged.data.labels[rows]],
        judged.data.images(rows) if judged.pictures else None,
        title=judged.name,
    )
