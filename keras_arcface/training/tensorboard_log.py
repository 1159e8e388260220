"""The course of a run in TensorBoard, with a projector of its embeddings."""

from pathlib import Path

import keras
import numpy as np

from keras_arcface.training.projector import write_projector
from keras_arcface.training.step_facts import StepFacts
from keras_arcface.utils.optional import require

FOLDER = "tensorboard"


class TensorBoardLog(keras.callbacks.Callback):
    """Writes TensorBoard's files to the folder `tensorboard` of a run.

    - `step/...`: every few steps, what `StepLog` writes.
    - `epoch/...`: every epoch, the values of the logs.
    - `target_angle`: the histogram of every epoch.
    - the projector: embeddings, names and pictures of held-out identities,
      where a judge has them; written anew whenever it judges.

    The x axis is the step in all. A run that goes on begins another file;
    steps that are done again are drawn over those before.

    Args:
        folder: The run's folder.
        every: Int, steps between two looks.
        batch_size: Int, pictures a step.
        judge: `VerificationEvaluator` that comes before.
        angles: `AngleMonitor` that comes before.
        most: The most embeddings in the projector, a fixed sample.
        seed: Of the sample.

    Raises:
        ImportError: when TensorBoard is missing, with the pip command.
    """

    def __init__(
        self,
        folder,
        every=50,
        batch_size=None,
        judge=None,
        angles=None,
        most=2000,
        seed=0,
    ):
        super().__init__()
        require("tensorboard", "tensorboard")
        if every < 1:
            raise ValueError(f"every must be at least 1. Received: {every}.")
        self.folder = Path(folder) / FOLDER
        self.every = every
        self.judge = judge
        self.angles = angles
        self.most = most
        self.seed = seed
        self._facts = StepFacts(batch_size)
        self._writer = None
        self._step = 0

    def state(self):
        """Returns what it has to remember over a kill, JSON-able."""
        return self._facts.state()

    def restore(self, state):
        """Goes on from what another one had seen."""
        self._facts.restore(state)

    def on_train_begin(self, logs=None):
        if self._writer is None:
            import tensorflow as tf

            self._writer = tf.summary.create_file_writer(str(self.folder))

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch, self._first = epoch, True
        if self.params.get("steps"):
            self._step = epoch * self.params["steps"]

    def on_train_batch_begin(self, batch, logs=None):
        if self._first:
            if batch == 0:
                self._facts.begin_epoch()
            self._facts.begin_step(self.model, batch)
            self._start, self._first = self._step - batch, False
            if self.params.get("steps"):
                self._start = self._epoch * self.params["steps"]

    def on_train_batch_end(self, batch, logs=None):
        self._step = self._start + batch + 1
        steps = self.params.get("steps")
        if (batch + 1) % self.every == 0 or batch + 1 == steps:
            facts = self._facts.look(self.model, batch, logs)
            self._scalars("step", facts, self._step)

    def on_epoch_end(self, epoch, logs=None):
        if self.params.get("steps"):
            self._step = (epoch + 1) * self.params["steps"]
        self._scalars("epoch", logs or {}, self._step)
        if self.angles is not None and self.angles.rows:
            self._histogram(self.angles.rows[-1].get("target_angle_counts"))
        if self.judge is not None and self.judge.embeddings is not None:
            self._projector()
        self._writer.flush()

    def on_train_end(self, logs=None):
        self._writer.flush()

    def _scalars(self, group, values, step):
        import tensorflow as tf

        # Eagerly, and on the CPU also where a device computes.
        with self._writer.as_default(), tf.device("cpu"):
            for name, value in values.items():
                tf.summary.scalar(f"{group}/{name}", float(value), step)

    def _histogram(self, counts):
        """Writes the bins as they are; `tf.summary` would want the samples."""
        if counts is None or not np.any(counts):
            return
        import tensorflow as tf
        from tensorboard.plugins.histogram import metadata

        edges = np.linspace(0.0, 180.0, len(counts) + 1)
        used = np.flatnonzero(counts)
        some = slice(used[0], used[-1] + 1)
        bins = np.stack([edges[:-1], edges[1:], counts], axis=1)[some]
        about = metadata.create_summary_metadata(
            "target angle", "degrees, of the samples of an epoch"
        )
        with self._writer.as_default(), tf.device("cpu"):
            tf.summary.write("target_angle", bins, self._step, about)

    def _projector(self):
        data = self.judge.data
        chosen = np.arange(len(data))
        if self.most < len(data):
            draw = np.random.default_rng(self.seed)
            chosen = np.sort(draw.choice(len(data), self.most, replace=False))
        who = self.judge.labels
        if who is None:
            names = [f"picture {index}" for index in chosen]
        elif len(data.class_names) > who.max():
            names = [data.class_names[label] for label in who[chosen]]
        else:
            names = [f"identity {label}" for label in who[chosen]]
        write_projector(
            self.folder,
            self.judge.embeddings[chosen],
            names,
            data.images(chosen),
            title="held_out",
        )
