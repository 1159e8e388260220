"""Where a run trains: one device, several, or several machines.

Engines differ in what works (docs/devices.md): one device and the replicas of
one machine train through Keras's own fit, several machines through our loop,
JAX through `keras.distribution`. What trains a run sees the same methods.
"""

import contextlib
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from typing import TypeVar

import keras

from keras_arcface.training import loop
from keras_arcface.training.distribution import checks
from keras_arcface.training.distribution import jax_devices
from keras_arcface.training.distribution import tf_devices
from keras_arcface.training.distribution.cluster import Cluster

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


class Mirrored(Placement):
    """Replicas on one machine, with TensorFlow."""

    def __init__(self, count: int):
        self.strategy = tf_devices.mirrored_strategy(count)

    def describe(self):
        devices = self.strategy.extended.worker_devices
        names = [device.rpartition("device:")[2] for device in devices]
        return f"{len(names)} replicas ({', '.join(names)})"

    def scope(self):
        return self.strategy.scope()


class Workers(Placement):
    """Several machines, with TensorFlow."""

    def __init__(self, recipe, cluster: Cluster):
        self.cluster = cluster
        self.shard = (cluster.index, len(cluster.workers))
        with lost_workers(cluster):
            self.strategy = tf_devices.workers_strategy(cluster)
        checks.check_shares(recipe, self.strategy.num_replicas_in_sync)
        self._fingerprint = 0

    def describe(self):
        replicas = self.strategy.num_replicas_in_sync
        return f"{len(self.cluster.workers)} machines, {replicas} replicas"

    def scope(self):
        return self.strategy.scope()

    @contextlib.contextmanager
    def output(self, folder):
        if self.is_chief:
            yield Path(folder)
            return
        index, count = self.shard
        print(
            f"Worker {index} of {count}: worker 0, at "
            f"{self.cluster.workers[0]}, prints and writes.",
            file=sys.stderr,
            flush=True,
        )
        with contextlib.ExitStack() as stack:
            temporary = stack.enter_context(tempfile.TemporaryDirectory())
            nowhere = stack.enter_context(open("/dev/null", "w"))
            stack.enter_context(contextlib.redirect_stdout(nowhere))
            stack.enter_context(contextlib.redirect_stderr(nowhere))
            yield Path(temporary) / Path(folder).name

    def chief_first(self, read):
        with lost_workers(self.cluster):
            if not self.is_chief:
                self._wait()
            value = read()
            if self.is_chief:
                self._wait()
            self._wait()
        return value

    def _wait(self):
        """Returns when all workers have come here."""
        loop.sum_over_replicas(self.strategy, [0.0])

    def batches(self, data, recipe, epoch=0, start_step=0, epochs=1):
        names = "\n".join(data.class_names).encode()
        self._fingerprint = zlib.crc32(data.labels.tobytes(), zlib.crc32(names))
        return super().batches(data, recipe, epoch, start_step, epochs)

    def fit(
        self,
        model,
        batches,
        callbacks,
        first_epoch,
        first_step,
        epochs,
        steps_per_epoch,
    ):
        start = (first_epoch, first_step, epochs, steps_per_epoch)
        with lost_workers(self.cluster):
            self._check_same_start(start)
            history = loop.fit(
                model,
                self._distributed(batches),
                callbacks,
                initial_epoch=first_epoch,
                epochs=epochs,
                steps_per_epoch=steps_per_epoch - first_step,
            )
            # Whoever leaves early looks dead to those who still write.
            self._wait()
        return history

    def _distributed(self, batches):
        """Returns the data of this worker's replicas.

        Repeated, so that no step asks all workers whether there is another.
        """
        extended = self.strategy.extended
        local = len(extended.worker_devices)
        dataset = batches.repeat()
        if local > 1:
            size = dataset.element_spec[1].shape[0]
            dataset = dataset.rebatch(size // local)
        return self.strategy.distribute_datasets_from_function(
            lambda context: dataset
        )

    def _check_same_start(self, start):
        mine = [*start, self._fingerprint]
        replicas = self.strategy.num_replicas_in_sync
        total = loop.sum_over_replicas(self.strategy, mine)
        names = ("epoch", "step", "epochs", "steps an epoch", "data")
        differ = [
            name
            for name, value, summed in zip(names, mine, total, strict=True)
            if value * replicas != summed
        ]
        if differ:
            raise ValueError(
                "The workers do not start alike; they differ in "
                f"{', '.join(differ)}. Received, here: {start}. All need the "
                "same recipe, the same data, and the same output folder on a "
                "file system that they share."
            )


class Parallel(Placement):
    """All devices of one machine, with JAX."""

    def __init__(self, count: int, sharded: bool):
        self._distribution = jax_devices.distribution(count, sharded)
        self._count, self._sharded = count, sharded

    def describe(self):
        centers = ", class centres divided" if self._sharded else ""
        return f"{self._count} devices{centers}"

    def scope(self):
        return self._distribution.scope()

    def batches(self, data, recipe, epoch=0, start_step=0, epochs=1):
        if self._sharded and data.num_classes % self._count:
            raise ValueError(
                "head.sharded needs a number of identities that the devices "
                f"divide. Received: {data.num_classes} identities, "
                f"devices={self._count}. Choose devices that divide it, or "
                "leave out head.sharded."
            )
        return super().batches(data, recipe, epoch, start_step, epochs)

    def fit(self, model, *args, **kwargs):
        with self.scope():
            return super().fit(model, *args, **kwargs)


def placement(recipe, cluster: Cluster | None = None) -> Placement:
    """Returns where a recipe trains.

    On TensorFlow it must be called before anything else uses TensorFlow in the
    process: devices are divided, and clusters joined, when it starts.

    Args:
        recipe: `Recipe`: its `devices`, and what must fit them.
        cluster: Which machines train together. Defaults to that of
            `TF_CONFIG`, where it is set.

    Raises:
        ValueError: naming the key, for what the backend cannot do and for
            devices that are not there.
        ConnectionError: when the other machines of a cluster are not found.
    """
    if cluster is None:
        cluster = Cluster.from_environment()
    checks.check_devices(recipe, cluster)
    if cluster is not None:
        return Workers(recipe, cluster)
    if recipe.devices == 1:
        return Placement()
    if keras.backend.backend() == "jax":
        return Parallel(recipe.devices, recipe.head.sharded)
    return Mirrored(recipe.devices)


@contextlib.contextmanager
def lost_workers(cluster: Cluster):
    """Says what to do when another worker is gone.

    TensorFlow notices a closed connection at once, and a silent one within
    seconds; a step that waits for it then ends with an error.
    """
    import tensorflow as tf

    try:
        yield
    except (
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
        tf.errors.UnavailableError,
    ) as error:
        lines = error.message.splitlines()
        why = next((line for line in lines if "abort" in line), lines[0])
        raise ConnectionError(
            f"Worker {cluster.index} of {len(cluster.workers)} lost another "
            f"worker of {','.join(cluster.workers)}: it has ended, or cannot "
            "be reached. Start all of them again with --resume; training goes "
            f"on from the last checkpoint. ({why})"
        ) from error
