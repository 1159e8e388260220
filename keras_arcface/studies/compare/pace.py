"""How long a comparison will take, measured before it is begun."""

import dataclasses
import time
from collections.abc import Mapping
from typing import NamedTuple

from keras_arcface.studies.compare.contract import Candidate
from keras_arcface.studies.compare.contract import Examples
from keras_arcface.studies.compare.contract import Fit
from keras_arcface.studies.compare.judging import ValidationJudge
from keras_arcface.studies.compare.protocol import Protocol
from keras_arcface.studies.compare.searching import settings_at
from keras_arcface.studies.compare.splits import class_disjoint_split

_PROBE = "softmax"
_STEPS = (10, 30)


class Pace(NamedTuple):
    """Seconds of one training and of all."""

    training: float
    total: float

    def in_words(self, protocol: Protocol) -> str:
        """Returns one line for the reader."""
        return (
            f"{protocol.trainings:,} trainings of {protocol.steps:,} steps; "
            f"at {self.training:.2f} s each, as {_PROBE} takes here, about "
            f"{self.total / 3600:.1f} hours. Losses that sort or mine take "
            "longer."
        )


def measure_pace(
    protocol: Protocol,
    examples: Examples,
    candidates: Mapping[str, Candidate],
    fit: Fit,
) -> Pace:
    """Trains a few steps of the softmax baseline, and reckons from them.

    The first call traces the graph, which a comparison does once a loss; it is
    left out. Between two lengths lies what a step costs, under them what a
    training costs beside.
    """
    fold = class_disjoint_split(examples.labels, protocol.folds).folds[0]
    candidate = candidates[_PROBE]
    middle = [0.5] * len(candidate.search_space)
    settings = settings_at(middle, candidate.search_space)
    judge = ValidationJudge(
        examples.x[fold.validation], fold.validation_labels, protocol.metric
    )

    def seconds(steps):
        short = dataclasses.replace(protocol, steps=steps, evaluate_every=steps)
        start = time.perf_counter()
        x, y = examples.x[fold.train], fold.train_labels
        embed, _ = fit(candidate, settings, short, x, y, judge, protocol.seed)
        looked = time.perf_counter()
        judge(embed)
        return looked - start, time.perf_counter() - looked

    seconds(_STEPS[0])
    (few, look), (more, _) = map(seconds, _STEPS)
    step = max(0.0, more - few) / (_STEPS[1] - _STEPS[0])
    beside = max(0.0, few - step * _STEPS[0] - look)
    training = beside + step * protocol.steps + look * (protocol.looks + 1)
    return Pace(training, training * protocol.trainings)
