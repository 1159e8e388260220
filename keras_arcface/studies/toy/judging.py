"""What a trained toy is worth, in numbers: gaps, accuracy, the unseen."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_arcface import evaluation
from keras_arcface.data import ImageData
from keras_arcface.studies.toy.pictures import ToyPictures
from keras_arcface.studies.toy.training import TrainedToy

TAIL = 0.05
"""Share of a class's pictures that a robust gap leaves out on a side."""


def judge(toy: TrainedToy, pictures: ToyPictures) -> dict[str, Any]:
    """Returns the gaps and rates of one toy, on three kinds of pictures.

    Of training and held-out pictures: `gap_mean`, the mean over the classes of
    the gap to the nearest neighbour, and `gap_smallest` (robust, degrees),
    `raw_smallest` with every picture, and `accuracy`, the share nearest in
    angle to their own class's centre; centres are the mean directions of
    training embeddings, for every loss alike.

    Of the two classes never seen: `gap` between them (robust, degrees), `auc`
    of verifying their pairs of pictures, and `inside`, the share of them that
    lies where a trained class does: no farther from its centre than 95% of its
    training pictures.
    """
    trained, labels = _embed(toy, pictures.training)
    centers, _ = evaluation.class_means(trained, labels)
    result = {
        part: _gaps(*_embed(toy, data), centers)
        for part, data in (
            ("training", pictures.training),
            ("held_out", pictures.held_out),
        )
    }
    unseen = _embed(toy, pictures.unseen)
    return {**result, "unseen": _unseen(*unseen, trained, labels, centers)}


def _embed(toy, data: ImageData):
    return toy.features(data.images()), data.labels


def _gaps(embeddings, labels, centers):
    gaps = evaluation.angular_gaps(embeddings, labels, TAIL)
    nearest = _cosine(embeddings, centers).argmax(axis=1)
    return {
        "neighbours": len(gaps.pairs),
        "gap_smallest": float(gaps.robust.min()),
        "gap_mean": float(gaps.of_classes().mean()),
        "raw_smallest": float(gaps.raw.min()),
        "accuracy": float(np.mean(nearest == labels)),
    }


def _unseen(embeddings, classes, trained, labels, centers):
    own = _cosine(trained, centers)[np.arange(len(labels)), labels]
    reach = [np.quantile(own[labels == c], TAIL) for c in range(len(centers))]
    inside = (_cosine(embeddings, centers) >= reach).any(axis=1)
    gaps = evaluation.angular_gaps(embeddings, classes, TAIL)
    return {
        "gap": float(gaps.robust[0]),
        "auc": float(
            evaluation.auc(*evaluation.all_pairs(embeddings, classes))
        ),
        "inside": float(inside.mean()),
    }


def _cosine(embeddings, centers):
    embeddings, centers = (
        rows / np.linalg.norm(rows, axis=1, keepdims=True)
        for rows in (embeddings, centers)
    )
    return embeddings @ centers.T


def mean_and_interval(values: Sequence[float]) -> dict[str, Any]:
    """Returns mean, 95% t-interval (None of one value) and the values."""
    result = evaluation.t_interval(values)
    interval = None if result.interval is None else list(result.interval)
    return {
        "mean": result.mean,
        "interval": interval,
        "values": [float(value) for value in values],
    }


def over_seeds(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns each number of `judge` over the seeds, as the above."""
    return {
        part: {
            name: mean_and_interval([row[part][name] for row in rows])
            for name in rows[0][part]
        }
        for part in ("training", "held_out", "unseen")
    }
