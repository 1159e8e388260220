"""Training on several machines, with TensorFlow."""

import contextlib
import os
import sys
import tempfile
import zlib
from pathlib import Path

from keras_arcface.training import loop
from keras_arcface.training.distribution import checks
from keras_arcface.training.distribution import tf_devices
from keras_arcface.training.distribution.base import Placement
from keras_arcface.training.distribution.cluster import Cluster


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
            nowhere = stack.enter_context(open(os.devnull, "w"))
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
