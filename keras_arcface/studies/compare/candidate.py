"""What is compared: a loss, its ranges, and how to make it for a fold."""

import contextlib
import dataclasses
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_arcface.ranges import LogUniform
from keras_arcface.ranges import Range
from keras_arcface.ranges import Uniform

CENTERS_RATE = "centers_rate"
KINDS = ("class", "pair", "baseline")


@dataclasses.dataclass(frozen=True, eq=False)
class Objective:
    """A loss made for a number of classes, with the weights it owns.

    Attributes:
        per_sample: `(embeddings, labels) -> (batch,)`, the loss.
        layer: The Keras layer that owns weights or state, or None.
        parts: Objects whose attributes the settings are, by the prefix that
            the settings' names have for them.
    """

    per_sample: Callable
    layer: keras.layers.Layer | None = None
    parts: tuple[tuple[str, Any], ...] = ()

    @property
    def trainable_variables(self) -> list:
        """Weights of the loss itself: class centres, proxies, boundaries."""
        return [] if self.layer is None else self.layer.trainable_variables

    @property
    def variables(self) -> list:
        """Weights and state, that of random generators included."""
        return [] if self.layer is None else self.layer.variables

    def loss(self, embeddings, labels):
        """Returns the mean loss of a batch, a scalar."""
        return ops.mean(self.per_sample(embeddings, labels))

    @contextlib.contextmanager
    def using(self, settings: Mapping[str, Any]) -> Iterator[None]:
        """Puts tensors in the place of settings while a graph is traced.

        Losses take their numbers as attributes and only ever reckon with
        them, so that one graph serves all settings of a search.
        """
        places = {name: self._place(name) for name in settings}
        before = {n: getattr(*place) for n, place in places.items()}
        try:
            for name, value in settings.items():
                setattr(*places[name], value)
            yield
        finally:
            for name, value in before.items():
                setattr(*places[name], value)

    def _place(self, name):
        for prefix, part in self.parts:
            attribute = name.removeprefix(prefix)
            value = getattr(part, attribute, None)
            if name.startswith(prefix) and isinstance(value, (int, float)):
                return part, attribute
        kinds = ", ".join(type(part).__name__ for _, part in self.parts)
        raise ValueError(
            f"No part of this loss ({kinds}) has a number called {name!r}."
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Candidate:
    """A loss to compare.

    Attributes:
        name: In tables and on the command line.
        kind: `"class"` for losses with weights for each class, `"pair"` for
            those that compare the pictures of a batch, `"baseline"` for what
            is always printed beside them. Decides the batch rule.
        search_space: Names of settings to ranges; every trial has all.
        make: `(settings, num_classes, counts) -> Objective`; None for a
            baseline that does not train.
        classes: The classes of the family that are in it.
        in_weights: Settings that only say where weights begin.
    """

    name: str
    kind: str
    search_space: Mapping[str, Range] = dataclasses.field(default_factory=dict)
    make: Callable[..., Objective] | None = None
    classes: tuple[type, ...] = ()
    in_weights: tuple[str, ...] = ()

    @property
    def trains(self) -> bool:
        """Whether there is anything to train."""
        return self.make is not None

    @property
    def continuous(self) -> list[str]:
        """Settings that one graph can take as tensors, sorted."""
        return sorted(
            name
            for name, space in self.search_space.items()
            if isinstance(space, (Uniform, LogUniform))
            and name != CENTERS_RATE
            and name not in self.in_weights
        )

    def structure(self, settings: Mapping[str, Any]) -> tuple:
        """Returns the settings that need a graph of their own, hashable."""
        shared = {CENTERS_RATE, *self.continuous, *self.in_weights}
        return tuple(
            (name, settings[name])
            for name in sorted(self.search_space)
            if name not in shared
        )

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuses settings that are not those of the search space.

        Raises:
            ValueError: naming what is missing, unknown or out of its range.
        """
        if set(settings) != set(self.search_space):
            raise ValueError(
                f"settings of {self.name} must be "
                f"{sorted(self.search_space)}. Received: {sorted(settings)}."
            )
        for name, value in settings.items():
            if not self.search_space[name].contains(value):
                raise ValueError(
                    f"{name} of {self.name} must lie in "
                    f"{self.search_space[name]}. Received: {name}={value!r}."
                )

    def build(
        self,
        settings: Mapping[str, Any],
        num_classes: int,
        embedding_dim: int,
        counts: np.ndarray | None = None,
    ) -> Objective:
        """Makes the loss, with weights drawn anew.

        Args:
            settings: A value for each name of the search space.
            num_classes: Of the training part.
            embedding_dim: Length of an embedding.
            counts: Pictures of each class, `(num_classes,)`, which margins
                for each class are taken from. Defaults to as many for all.

        Raises:
            ValueError: for settings that are not of the search space, or a
                baseline that does not train.
        """
        self.check(settings)
        if not self.trains:
            raise ValueError(f"{self.name} is a baseline and has no loss.")
        if counts is None:
            counts = np.ones(num_classes, "int64")
        own = {k: v for k, v in settings.items() if k != CENTERS_RATE}
        objective = self.make(own, num_classes, counts)
        if objective.layer is not None and not objective.layer.built:
            objective.layer.build((None, embedding_dim))
            objective.layer.built = True
        return objective
