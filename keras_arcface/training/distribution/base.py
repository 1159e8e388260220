"""Training on one device: what every placement can do."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from typing import TypeVar

import keras

if TYPE_CHECKING:
    import tensorflow as tf

T = TypeVar("T")


class Placement:
    """One device; see `placement`.

    Attributes:
        shard: (index, count): which of how many processes this is, each of
            which reads its own part of every batch.
    """

    shard = (0, 1)

    @property
    def is_chief(self) -> bool:
        """Whether this process prints and writes."""
        return self.shard[0] == 0

    def describe(self) -> str:
        """Returns a few words for a person."""
        return "one device"

    def scope(self) -> contextlib.AbstractContextManager:
        """Returns the context to build, compile and load models in."""
        return contextlib.nullcontext()

    @contextlib.contextmanager
    def output(self, folder: str | Path):
        """Yields the folder to write to: of the chief the one given.

        All workers must do the same (judging, checkpoints, exports): to read
        a metric's variable takes all of them. What the others print and write
        is thrown away.
        """
        yield Path(folder)

    def chief_first(self, read: Callable[[], T]) -> T:
        """Returns `read()`; the chief has read before any other does.

        For files that reading may set right. When it returns, all have read.
        """
        return read()

    def batches(
        self,
        data,
        recipe,
        epoch: int = 0,
        start_step: int = 0,
        epochs: int = 1,
    ) -> "tf.data.Dataset":
        """Returns this process's part of the batches.

        Args:
            data: `ImageData` to train on.
            recipe: `Recipe`, its defaults filled in.
            epoch: Number of the first epoch, from 0.
            start_step: Batches of it that are done already.
            epochs: How many epochs, the first included.
        """
        return data.batches(
            recipe.schedule.batch_size // self.shard[1],
            seed=recipe.seed,
            epoch=epoch,
            epochs=epochs,
            start_step=start_step,
            shard=self.shard,
            augment=recipe.data.augment,
            drop_remainder=True,
        )

    def fit(
        self,
        model: keras.Model,
        batches: "tf.data.Dataset",
        callbacks,
        first_epoch: int,
        first_step: int,
        epochs: int,
        steps_per_epoch: int,
    ) -> keras.callbacks.History:
        """Trains from a step of the first epoch on, as `keras.Model.fit`.

        An epoch that was begun before is trained to its end by itself, then
        the epochs after it: with a `first_step`, `epochs` is the next one's
        number. As in `fit`, callbacks count batches from where this begins;
        `course.Course` gives them the true numbers.

        Args:
            model: Compiled, built in `scope()`.
            batches: From `batches()`, from the same step on.
            callbacks: Keras callbacks, or a list of Keras's own for them.
            first_epoch: Number of the first epoch, from 0.
            first_step: Steps of it that are done already.
            epochs: Number of the last epoch, plus one.
            steps_per_epoch: Of a whole epoch.
        """
        return model.fit(
            batches,
            initial_epoch=first_epoch,
            epochs=epochs,
            steps_per_epoch=steps_per_epoch - first_step,
            callbacks=callbacks,
            shuffle=False,  # The batches come shuffled.
            verbose=0,
        )
