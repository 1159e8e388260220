"""Following the angles that a margin is about."""

import json
from pathlib import Path

import keras
import numpy as np
from keras import ops

from keras_arcface import evaluation
from keras_arcface.layers.angle_histogram import BINS
from keras_arcface.plots import plot_angles
from keras_arcface.training.averaging import averaged_weights
from keras_arcface.training.verification import embed_data
from keras_arcface.utils.files import write_json

FILE = "angles.json"
FIGURE = "angles.png"
QUANTILES = {
    f"angle_p{percent:02d}": percent / 100 for percent in (5, 25, 50, 75, 95)
}
# What of an epoch's row goes to the logs, where it could be measured.
LOGGED = (
    *QUANTILES,
    "w_inter",
    "intra",
    "inter",
    "train_intra",
    "train_inter",
    "w_ec",
)
_EDGES = np.arange(BINS + 1.0)


class AngleMonitor(keras.callbacks.Callback):
    """Follows the angles of the ArcFace paper's Figure 4a and Table 3.

    After every epoch it adds to the logs, in degrees:

    - `angle_p05`, `angle_p25`, `angle_p50`, `angle_p75`, `angle_p95`:
      quantiles of the target angle of the epoch's samples, right to a degree.
      The train step counts them in bins of one degree; no step waits for it.
    - `w_inter`: mean angle of a class centre to the nearest of another class.
    - `intra`, `inter`: of the held-out identities, where a judge embedded
      them in this epoch.
    - `train_intra`, `train_inter`, `w_ec`: of some classes of the training
      data, where it is given; `train_inter` is then among those classes.

    Centres and embeddings are those of the weights' moving average, where the
    optimizer keeps one; the target angles are those that were trained on.

    Put it after the judge and before logs and checkpoints. With a folder it
    also keeps the distribution of every epoch in `angles.json`, and draws
    `angles.png` when training ends. What a model cannot tell (no class
    centres, no target angle) is left out; `skipped` says why.

    Args:
        folder: The run's folder; None to write nothing.
        judge: `VerificationEvaluator` that comes before.
        training: `ImageData` with the class ids of the head; None to leave
            out what needs embeddings of the training pictures.
        most_centers: The most class centres whose neighbour is looked for
            (among all), a fixed sample where there are more.
        most_pictures: About how many training pictures are embedded: all of
            a fixed sample of classes.
        seed: Of both samples.

    Reference:
    - [Deng et al., 2019, Figure 4 and Table 3](
      https://arxiv.org/abs/1801.07698)
    """

    def __init__(
        self,
        folder=None,
        judge=None,
        training=None,
        most_centers=2048,
        most_pictures=2000,
        seed=0,
    ):
        super().__init__()
        self.folder = None if folder is None else Path(folder)
        self.judge = judge
        self.most_centers = most_centers
        self.seed = seed
        self.training = None
        if training is not None:
            self.training = some_classes(training, most_pictures, seed)
        self.rows = None
        self.skipped = {}
        self._counts = None

    def on_train_begin(self, logs=None):
        head = getattr(self.model, "head", None)
        name = "this model" if head is None else type(head).__name__
        if getattr(self.model, "angle_histogram", None) is None:
            self.skipped["angle"] = f"{name} has no target angle."
        if not hasattr(head, "class_centers"):
            self.skipped["w_inter"] = f"{name} has no class centres."

    def on_epoch_begin(self, epoch, logs=None):
        if self.rows is None:
            # What a run wrote after the place that it goes on from, is undone.
            self.rows = [r for r in self._read() if r["epoch"] <= epoch]
        self._counts = None

    def on_test_begin(self, logs=None):
        # `fit` judges validation data before the epoch's end, and resets.
        if self._counts is None:
            self._counts = self._histogram()

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1}
        if "angle" not in self.skipped:
            row |= self._target_angles()
        with averaged_weights(self.model):
            if "w_inter" not in self.skipped:
                row |= self._center_angles()
            row |= self._embedding_angles()
        self.rows.append(row)
        if logs is not None:
            logs |= {n: row[n] for n in LOGGED if row.get(n) is not None}
        self._write()

    def on_train_end(self, logs=None):
        if self.rows is None:  # A run that had but its end to do.
            self.rows = self._read()
        if self.folder is not None and self.rows and len(self.skipped) < 2:
            plot_angles(self.rows, self.folder / FIGURE)

    def _histogram(self):
        histogram = getattr(self.model, "angle_histogram", None)
        if histogram is None:
            return None
        # A resumed run divides the counts over its replicas: three thirds
        # may add up to less than one.
        counts = np.rint(ops.convert_to_numpy(histogram.counts))
        return counts.astype("int64")

    def _target_angles(self):
        counts = self._histogram() if self._counts is None else self._counts
        values = evaluation.histogram_quantiles(
            counts, _EDGES, list(QUANTILES.values())
        )
        quantiles = dict(zip(QUANTILES, values.tolist(), strict=True))
        if not counts.any():
            quantiles = dict.fromkeys(QUANTILES)
        return {**quantiles, "target_angle_counts": counts.tolist()}

    def _center_angles(self):
        head = self.model.head
        angles = evaluation.nearest_angles(
            ops.convert_to_numpy(head.class_centers),
            head.sub_centers,
            self.most_centers,
            self.seed,
        )
        expected = evaluation.expected_nearest_angle(*head.class_centers.shape)
        return {
            "w_inter": float(angles.mean()),
            "w_inter_of": len(angles),
            "w_inter_random": expected,
        }

    def _embedding_angles(self):
        if self.judge is None:
            return self._training_angles()
        if self.judge.embeddings is None:
            return {}
        row = self._training_angles()
        if self.judge.labels is not None:
            held_out = evaluation.angle_statistics(
                self.judge.embeddings, self.judge.labels
            )
            row |= {"intra": held_out.intra, "inter": held_out.inter}
        return row

    def _training_angles(self):
        if self.training is None:
            return {}
        backbone = getattr(self.model, "backbone", self.model)
        embeddings = embed_data(backbone, self.training)
        labels, centers, each = self.training.labels, None, 1
        if "w_inter" not in self.skipped:
            each = self.model.head.sub_centers
            classes, labels = np.unique(labels, return_inverse=True)
            rows = (classes[:, None] * each + np.arange(each)).ravel()
            centers = ops.convert_to_numpy(self.model.head.class_centers)[rows]
        found = evaluation.angle_statistics(embeddings, labels, centers, each)
        return {
            "train_intra": found.intra,
            "train_inter": found.inter,
            "w_ec": found.w_ec,
            "train_classes": found.classes,
        }

    def _read(self):
        if self.folder is None or not (self.folder / FILE).exists():
            return []
        path = self.folder / FILE
        try:
            rows = json.loads(path.read_text("utf-8"))["epochs"]
            for row in rows:
                int(row["epoch"])
            return rows
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} is damaged: {error}. It holds the angles of the "
                "epochs so far and nothing else; remove it to go on without."
            ) from error

    def _write(self):
        if self.folder is not None:
            about = {"unit": "degrees", "bin_width": 1, "skipped": self.skipped}
            write_json(self.folder / FILE, {**about, "epochs": self.rows})


def some_classes(data, pictures, seed=0):
    """Returns whole classes at random until they have so many pictures.

    Class ids stay as they are.
    """
    order = np.random.default_rng(seed).permutation(data.num_classes)
    enough = np.searchsorted(np.cumsum(data.counts[order]), pictures) + 1
    return data.subset(np.flatnonzero(np.isin(data.labels, order[:enough])))
