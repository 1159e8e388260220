"""One training of a comparison: its seed, its judge, and what is checked."""

import time
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_arcface.studies.compare.contract import Candidate
from keras_arcface.studies.compare.contract import Embed
from keras_arcface.studies.compare.contract import Examples
from keras_arcface.studies.compare.contract import Fit
from keras_arcface.studies.compare.judging import ValidationJudge
from keras_arcface.studies.compare.protocol import Protocol
from keras_arcface.studies.compare.splits import Fold

_PER_REPRODUCTION = 1000


class Trained(NamedTuple):
    """What came of a training.

    `embed` is None where it failed; `facts` go into the ledger.
    """

    embed: Embed | None
    facts: dict[str, Any]


def training_seed(protocol: Protocol, reproduction: int, fold: int) -> int:
    """Returns the seed of a training, the same for every loss.

    Args:
        protocol: Has the seed of the comparison.
        reproduction: From 1 at the end; 0 for all trials.
        fold: From 0.
    """
    return protocol.seed + _PER_REPRODUCTION * reproduction + fold


def train(
    fit: Fit,
    candidate: Candidate,
    settings: Mapping[str, Any],
    protocol: Protocol,
    examples: Examples,
    fold: Fold,
    seed: int,
) -> Trained:
    """Trains on a fold; what is measured there is validation.

    A training that diverges has failed. It counts as one, for every loss.

    Raises:
        ValueError: when the training was not the protocol's: other steps,
            batches, augmentation or looks at validation, a longer embedding,
            or a checkpoint that is not the best by validation.
    """
    judge = ValidationJudge(
        examples.x[fold.validation], fold.validation_labels, protocol.metric
    )
    start = time.perf_counter()
    try:
        embed, history = fit(
            candidate,
            settings,
            protocol,
            examples.x[fold.train],
            fold.train_labels.astype(np.int64),
            judge,
            seed,
        )
    except FloatingPointError as error:
        return Trained(None, _facts(seed, start, judge, failed=str(error)))
    validation, dim = judge.of_best(embed)
    trains = candidate.kind != "baseline" or bool(history)
    if trains:
        refuse_others(protocol, candidate.name, history, len(judge.looks))
    if trains and dim != protocol.embedding_dim:
        raise ValueError(
            f"Every loss gets embeddings of length {protocol.embedding_dim}. "
            f"Received {dim} from {candidate.name}."
        )
    facts = _facts(seed, start, judge, validation, dim, history)
    return Trained(embed, facts)


def refuse_others(
    protocol: Protocol, loss: str, history: Mapping, looks: int
) -> None:
    """Refuses a training that was not the protocol's, or does not say so.

    Args:
        protocol: What all losses share.
        loss: Name, for the error.
        history: What the training says of itself.
        looks: How often it was judged: who looks more often has more
            checkpoints to choose from.

    Raises:
        ValueError: naming what differs.
    """
    for name in ("steps", "batch_size", "augmentation", "looks"):
        done = looks if name == "looks" else history.get(name)
        asked = getattr(protocol, name)
        if done != asked:
            raise ValueError(
                f"The training of {loss} had {name}={done!r}, and the "
                f"protocol says {asked!r}. All losses are trained alike."
            )


def _facts(
    seed, start, judge, validation=None, dim=None, history=None, failed=None
):
    history = dict(history or {})
    return {
        "seed": seed,
        "validation": validation,
        "looks": judge.looks,
        "embedding_dim": dim,
        "steps": history.get("steps"),
        "best_step": history.get("best_step"),
        "batch_size": history.get("batch_size"),
        "augmentation": history.get("augmentation"),
        "seconds": round(time.perf_counter() - start, 3),
        "failed": failed,
    }
