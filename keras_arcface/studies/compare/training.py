"""Training one loss with one setting on one fold."""

import functools
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_arcface.studies.compare.candidate import Candidate
from keras_arcface.studies.compare.contract import Embed
from keras_arcface.studies.compare.contract import History
from keras_arcface.studies.compare.contract import Judge
from keras_arcface.studies.compare.network import embedding_of
from keras_arcface.studies.compare.network import make_network
from keras_arcface.studies.compare.network import unit
from keras_arcface.studies.compare.order import batch_rows
from keras_arcface.studies.compare.protocol import Protocol
from keras_arcface.studies.compare.trainer import Frame
from keras_arcface.studies.compare.trainer import Trainer


def fit(
    candidate: Candidate,
    settings: Mapping[str, Any],
    protocol: Protocol,
    train_x: np.ndarray,
    train_y: np.ndarray,
    judge: Judge,
    seed: int,
) -> tuple[Embed, History]:
    """Trains a loss, and returns the checkpoint that `judge` liked best.

    All losses start from the same network for a seed, see batches of the same
    examples in the same order as others of their kind, and take
    `protocol.steps` steps. `judge` is asked every `protocol.evaluate_every`
    steps and at the end; of equally good checkpoints the first is kept. The
    start is none of them: a loss that does harm shall show it.

    Weights of the loss itself learn at `centers_rate` times the network's
    rate, where the search space has it.

    Args:
        candidate: Of `candidates()`.
        settings: A value for each name of its search space.
        protocol: What all losses share.
        train_x: Features `(n, dim)`, or pictures `(n, height, width, 3)`.
        train_y: Integer classes `(n,)`, 0..C-1 without gaps.
        judge: From an `Embed` to a score, the higher the better.
        seed: Of weights, order and augmentation. Equal arguments give equal
            results on the same machine.

    Returns:
        A function from examples to unit embeddings, and what was done:
        `steps`, `best_step`, `batch_size`, `augmentation`, and `losses` (mean
        since the look before) and `scores` of every look.

    Raises:
        ValueError: for settings that are not of the search space, or too few
            classes for the batch rule.
        FloatingPointError: when the training diverged.
    """
    if not candidate.trains:
        candidate.check(settings)
        return _untrained(candidate, protocol, train_x, seed), {}
    trainer = _trainer(candidate, settings, protocol, train_x, train_y)
    rate = protocol.learning_rate
    trainer.start(settings, np.bincount(train_y), rate, seed)
    best, history = _train(trainer, protocol, train_x, train_y, judge, seed)
    return best, {
        **history,
        "steps": protocol.steps,
        "batch_size": protocol.batch_size,
        "augmentation": protocol.augmentation,
    }


def _trainer(candidate, settings, protocol, x, y):
    candidate.check(settings)
    frame = Frame.of(protocol, x.shape[1:], int(y.max()) + 1)
    return _compiled(candidate, candidate.structure(settings), frame)


# A graph is traced for seconds and serves all folds, trials and seeds.
@functools.lru_cache(maxsize=8)
def _compiled(candidate, structure, frame):
    return Trainer(candidate, structure, frame)


def _train(trainer, protocol, x, y, judge, seed):
    rows = batch_rows(protocol, trainer.candidate.kind, y, seed)
    x, y = np.asarray(x, trainer.frame.dtype), y.astype(np.int32)
    best, best_score, best_step = None, -np.inf, 0
    losses, scores = [], []
    for start in range(0, protocol.steps, protocol.evaluate_every):
        some = rows[start : start + protocol.evaluate_every]
        losses.append(trainer.steps(x, y, some, seed + start))
        _refuse_diverged(trainer, losses[-1], start)
        embed = embedding_of(trainer.network, trainer.network.get_weights())
        scores.append(float(judge(embed)))
        if scores[-1] > best_score:
            best, best_score = embed, scores[-1]
            best_step = start + len(some)
    history = {"best_step": best_step, "losses": losses, "scores": scores}
    return best, history


def _refuse_diverged(trainer, loss, start):
    weights = trainer.network.get_weights()
    if np.isfinite(loss) and all(np.isfinite(w).all() for w in weights):
        return
    raise FloatingPointError(
        f"{trainer.candidate.name} diverged after step {start}: its mean loss "
        f"is {loss}."
    )


def _untrained(candidate, protocol, x, seed):
    if candidate.name == "raw":
        return unit
    keras.utils.set_random_seed(seed)
    network = make_network(protocol, x.shape[1:])
    return embedding_of(network, network.get_weights())
