"""A small comparison with a trainer that takes no time."""

import dataclasses
import hashlib
from typing import Any

import numpy as np

from keras_arcface.ranges import Uniform
from keras_arcface.studies.compare.agreement import loss_facts
from keras_arcface.studies.compare.contract import Examples
from keras_arcface.studies.compare.protocol import Protocol
from keras_arcface.studies.compare.running import compare

DIM = 8


@dataclasses.dataclass(frozen=True)
class Loss:
    """A candidate; `quality` is what it reaches with its best setting."""

    name: str
    kind: str = "class"
    search_space: dict[str, Any] = dataclasses.field(default_factory=dict)
    quality: float = 0.5


SPACE = {"margin": Uniform(0.0, 1.0), "scale": Uniform(1.0, 2.0)}
LOSSES = {
    loss.name: loss
    for loss in (
        Loss("untrained", "baseline", {}, 0.1),
        Loss("softmax", "baseline", {"scale": Uniform(1.0, 2.0)}, 0.4),
        Loss("good", "class", SPACE, 0.9),
        Loss("twin", "pair", SPACE, 0.9),
    )
}


def make_examples(classes=24, each=5, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((classes, DIM))
    labels = np.repeat(np.arange(classes), each)
    x = centres[labels] + 0.5 * rng.standard_normal((len(labels), DIM))
    x = x.astype(np.float32)
    return Examples("points", hashlib.sha256(x).hexdigest(), x, labels)


def make_protocol(examples, losses=LOSSES, **changes):
    values = {
        "budget": "smoke",
        "data": examples.name,
        "data_hash": examples.sha256,
        "classes": int(examples.labels.max()) + 1,
        "samples": len(examples.labels),
        "input_shape": examples.x.shape[1:],
        "backbone": "none",
        "embedding_dim": DIM,
        "batch_norm": "none",
        "augmentation": "none",
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
        "batch_size": 8,
        "pair_samples": 4,
        "class_samples": 0,
        "steps": 4,
        "evaluate_every": 2,
        "folds": 2,
        "trials": 3,
        "searcher": "sobol",
        "seeds": 3,
        "seed": 0,
        "metric": "map_at_r",
        "losses": loss_facts(losses),
    }
    return Protocol(**{**values, **changes})


class Trainer:
    """A `Fit`: noise on the examples, the less the better the loss.

    Args:
        stop_after: Trainings before Ctrl-C is pressed.
    """

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.calls = []

    def __call__(
        self, candidate, settings, protocol, train_x, train_y, judge, seed
    ):
        if len(self.calls) == self.stop_after:
            raise KeyboardInterrupt
        self.calls.append((candidate.name, dict(settings), seed))
        if not candidate.search_space:
            return self.embed(candidate, settings, seed, 0), {}
        looks = range(2, protocol.steps + 1, protocol.evaluate_every)
        embeds = [self.embed(candidate, settings, seed, at) for at in looks]
        values = [judge(embed) for embed in embeds]
        best = int(np.argmax(values))
        return embeds[best], self.history(protocol, looks[best])

    def embed(self, candidate, settings, seed, step):
        miss = abs(settings.get("margin", 0.4) - 0.4)
        noise = 2 * (1 - candidate.quality + 0.5 * miss)
        key = [seed, step, int(1000 * noise), *candidate.name.encode()]

        def embed(x):
            rng = np.random.default_rng(key)
            noisy = x + noise * rng.standard_normal(x.shape)
            lengths = np.linalg.norm(noisy, axis=1, keepdims=True)
            return (noisy / lengths).astype(np.float32)

        return embed

    def history(self, protocol, best_step):
        return {
            "steps": protocol.steps,
            "best_step": best_step,
            "batch_size": protocol.batch_size,
            "augmentation": protocol.augmentation,
        }


def run(folder, fit=None, losses=LOSSES, reopen=None, **changes):
    """Compares; returns the report's values."""
    examples = make_examples()
    protocol = make_protocol(examples, losses, **changes)
    fit = Trainer() if fit is None else fit
    return compare(protocol, examples, losses, fit, folder, reopen=reopen)
