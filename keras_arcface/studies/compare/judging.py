"""How embeddings are judged: to choose by, and at the end."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_arcface.evaluation.ranking import retrieval_report
from keras_arcface.studies.compare.contract import Embed
from keras_arcface.studies.compare.protocol_checks import METRICS

SEPARATED = "separated"
CONCATENATED = "concatenated"
READINGS = (SEPARATED, CONCATENATED)
# Of MAP@R: more than the order of a float sum may move it.
_SAME = 1e-3


class ValidationJudge:
    """Judges on the validation classes of a fold, and remembers every look.

    Args:
        x: Examples of the validation classes.
        labels: Their classes `(n,)`.
        metric: By which to judge, one of `METRICS`.
    """

    def __init__(self, x: np.ndarray, labels: np.ndarray, metric: str):
        self._x, self._labels, self._metric = x, labels, metric
        self.looks: list[float] = []

    def __call__(self, embed: Embed) -> float:
        self.looks.append(self._score(embed)[0])
        return self.looks[-1]

    def of_best(self, embed: Embed) -> tuple[float, int]:
        """Judges what came back from a training.

        Returns:
            The metric, and the length of the embeddings.

        Raises:
            ValueError: when it is not the checkpoint that was best in the
                looks: it was chosen by something else.
        """
        value, dim = self._score(embed)
        if self.looks and abs(value - max(self.looks)) > _SAME:
            raise ValueError(
                "The training must return the checkpoint that `judge` liked "
                f"best. Received one of {self._metric}={value:.4f}, where the "
                f"best look was {max(self.looks):.4f}. A checkpoint chosen by "
                "anything else makes a comparison unfair."
            )
        return value, dim

    def _score(self, embed):
        embeddings = checked(embed(self._x), len(self._x))
        value = scores(embeddings, self._labels)[self._metric]
        return value, embeddings.shape[1]


def checked(embeddings: np.ndarray, rows: int) -> np.ndarray:
    """Returns embeddings after a look at their shape.

    Raises:
        ValueError: when they are not `(rows, dim)`.
    """
    embeddings = np.asarray(embeddings, np.float32)
    if embeddings.ndim != 2 or len(embeddings) != rows:
        raise ValueError(
            f"`embed` must return an embedding an example, ({rows}, dim). "
            f"Received: shape {embeddings.shape}."
        )
    return embeddings


def scores(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Returns MAP@R, R-Precision and Precision@1, each query without itself.

    Embeddings that are not finite, or without a direction, find nothing: a
    training that collapsed is worth 0, and the comparison goes on.
    """
    if not usable(embeddings):
        return dict.fromkeys(METRICS, 0.0)
    report = retrieval_report(embeddings, labels, cmc_ranks=())
    return {name: getattr(report, name) for name in METRICS}


def usable(embeddings: np.ndarray) -> bool:
    """Whether every embedding is finite and has a direction."""
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(embeddings, axis=1)
    return bool(np.isfinite(lengths).all() and (lengths > 0).all())


def readings_of(
    parts: Sequence[np.ndarray], labels: np.ndarray
) -> dict[str, Any]:
    """Judges the models of all folds on the test half, in both readings.

    Args:
        parts: Embeddings of the test half by each fold's model, `(n, dim)`.
        labels: Their classes `(n,)`.

    Returns:
        `separated`, the mean over the models judged one by one; `concatenated`,
        the models' unit embeddings put behind each other and judged as one;
        `folds`, the models one by one. Each has all of `METRICS`.
    """
    singles = [scores(part, labels) for part in parts]
    mean = {
        name: float(np.mean([single[name] for single in singles]))
        for name in METRICS
    }
    return {
        SEPARATED: mean,
        CONCATENATED: scores(concatenated(parts), labels),
        "folds": singles,
    }


def concatenated(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Returns unit embeddings of all models behind each other, of unit length.

    A model without usable embeddings has zeros there: it says nothing.
    """
    units = []
    for part in parts:
        lengths = np.linalg.norm(part, axis=1, keepdims=True)
        units.append(part / lengths if usable(part) else np.zeros_like(part))
    whole = np.concatenate(units, axis=1)
    lengths = np.linalg.norm(whole, axis=1, keepdims=True)
    return whole / np.where(lengths > 0, lengths, 1)
