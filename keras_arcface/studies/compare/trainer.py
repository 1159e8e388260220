"""One graph that trains a loss under many settings and seeds."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_arcface.data.augment import get_augmentation
from keras_arcface.studies.compare.candidate import CENTERS_RATE
from keras_arcface.studies.compare.candidate import Candidate
from keras_arcface.studies.compare.network import make_network
from keras_arcface.studies.compare.protocol import Protocol

# XLA halves a step on features and takes seconds before the first: from so
# many steps of a loss on, in all its trainings, that is the shorter way.
WORTH_COMPILING = 5_000


@dataclasses.dataclass(frozen=True)
class Frame:
    """What of a fold and its protocol decides a graph."""

    shape: tuple[int, ...]
    num_classes: int
    batch_size: int
    backbone: str
    embedding_dim: int
    batch_norm: str
    augmentation: str
    optimizer: str
    weight_decay: float
    compiled: bool

    @classmethod
    def of(
        cls, protocol: Protocol, shape: tuple[int, ...], num_classes: int
    ) -> "Frame":
        """Returns the frame for examples of a shape and their classes."""
        trainings = protocol.folds * (protocol.trials + protocol.seeds)
        many = trainings * protocol.steps >= WORTH_COMPILING
        own = [field.name for field in dataclasses.fields(cls)][2:-1]
        facts = {name: getattr(protocol, name) for name in own}
        compiled = many and len(shape) == 1
        return cls(tuple(shape), num_classes, **facts, compiled=compiled)

    @property
    def dtype(self) -> str:
        """Of examples: features are floats, pictures are bytes."""
        return "float32" if len(self.shape) == 1 else "uint8"


class Trainer:
    """A network, a loss and their optimizers, compiled once.

    Tracing a graph takes longer than a training on features. So settings that
    are plain numbers are variables of the graph, and `start` gives it another
    training's settings and first weights.

    Args:
        candidate: What is trained.
        structure: The settings that the graph is for, the others are free:
            see `Candidate.structure`.
        frame: Everything else.
    """

    def __init__(
        self,
        candidate: Candidate,
        structure: tuple[tuple[str, Any], ...],
        frame: Frame,
    ):
        import tensorflow as tf

        self.candidate = candidate
        self.frame = frame
        self.network = make_network(frame, frame.shape)
        middle = {n: r.sample(0.5) for n, r in candidate.search_space.items()}
        self.objective = self._objective({**middle, **dict(structure)})
        self._settings = {
            name: tf.Variable(0.0, name=name) for name in candidate.continuous
        }
        self._augment = get_augmentation(frame.augmentation)
        self._groups = [self._group(self.network, frame.weight_decay)]
        if self.objective.trainable_variables:
            self._groups.append(self._group(self.objective, 0.0))
        self._run = tf.function(
            self._steps,
            input_signature=[
                tf.TensorSpec((None, *frame.shape), frame.dtype),
                tf.TensorSpec((None,), "int32"),
                tf.TensorSpec((None, frame.batch_size), "int32"),
                tf.TensorSpec((), "int32"),
            ],
            autograph=False,
            jit_compile=frame.compiled,
        )

    def start(
        self,
        settings: Mapping[str, Any],
        counts: np.ndarray,
        learning_rate: float,
        seed: int,
    ) -> None:
        """Draws new weights, and forgets the training before.

        Args:
            settings: Of this training.
            counts: Pictures of each class, `(num_classes,)`.
            learning_rate: Of the network.
            seed: Of all weights; the network's do not depend on the loss.
        """
        keras.utils.set_random_seed(seed)
        fresh = make_network(self.frame, self.frame.shape)
        _copy(fresh.variables, self.network.variables)
        fresh = self._objective(settings, counts)
        _copy(fresh.variables, self.objective.variables)
        for name, variable in self._settings.items():
            variable.assign(settings[name])
        rates = [learning_rate, learning_rate * settings.get(CENTERS_RATE, 1.0)]
        for (optimizer, _, first), rate in zip(self._groups, rates):
            _copy(first, optimizer.variables)
            optimizer.learning_rate.assign(rate)

    def steps(
        self, x: np.ndarray, labels: np.ndarray, rows: np.ndarray, seed: int
    ) -> float:
        """Takes a step for each row, and returns their mean loss.

        Args:
            x: All examples to train on.
            labels: Their classes, int32 `(n,)`.
            rows: Examples of each step, int32 `(steps, batch_size)`.
            seed: Of the augmentation, another one for every call.
        """
        if self.frame.compiled:
            # As many for all folds, so that XLA compiles but once.
            x, labels = x[rows.ravel()], labels[rows.ravel()]
            rows = np.arange(rows.size, dtype=np.int32).reshape(rows.shape)
        return float(self._run(x, labels, rows, seed))

    def _objective(self, settings, counts=None):
        frame = self.frame
        return self.candidate.build(
            settings, frame.num_classes, frame.embedding_dim, counts
        )

    def _group(self, owner, weight_decay):
        """Returns an optimizer, its variables, and how the former begins."""
        optimizer = keras.optimizers.get(self.frame.optimizer)
        optimizer.weight_decay = weight_decay or None
        variables = owner.trainable_variables
        optimizer.build(variables)
        first = [keras.ops.convert_to_numpy(v) for v in optimizer.variables]
        return optimizer, variables, first

    def _steps(self, x, labels, rows, seed):
        import tensorflow as tf

        count = tf.shape(rows)[0]

        def step(number, total):
            row = rows[number]
            batch = self._examples(tf.gather(x, row), seed, number)
            return number + 1, total + self._step(batch, tf.gather(labels, row))

        _, total = tf.while_loop(
            lambda number, _: number < count,
            step,
            (tf.constant(0), tf.constant(0.0)),
        )
        return total / tf.cast(count, total.dtype)

    def _examples(self, batch, seed, number):
        import tensorflow as tf

        batch = tf.cast(batch, tf.float32)
        if self._augment is None:
            return batch
        return self._augment(batch, tf.stack([seed, number]))

    def _step(self, batch, labels):
        import tensorflow as tf

        settings = {n: v.read_value() for n, v in self._settings.items()}
        with tf.GradientTape() as tape, self.objective.using(settings):
            embeddings = self.network(batch, training=True)
            loss = self.objective.loss(embeddings, labels)
        variables = [variables for _, variables, _ in self._groups]
        gradients = tape.gradient(loss, variables)
        for (optimizer, own, _), gradient in zip(self._groups, gradients):
            optimizer.apply(gradient, own)
        return loss


def _copy(values, variables):
    for value, variable in zip(values, variables, strict=True):
        variable.assign(value)
