"""Scores on identities that training never sees."""

import re
from pathlib import Path

import keras
import numpy as np

from keras_arcface import evaluation
from keras_arcface.data import ImageData
from keras_arcface.data import Pairs
from keras_arcface.data import VerificationSet
from keras_arcface.data import open_pairs
from keras_arcface.data import pairs_from_labels
from keras_arcface.data import plain_errors
from keras_arcface.embedding import embed
from keras_arcface.embedding import embed_features
from keras_arcface.evaluation import VerificationReport
from keras_arcface.training.averaging import averaged_weights
from keras_arcface.utils.console import progress

BATCH = 128
FAR = 1e-2
TAR = f"tar_at_far_{FAR:g}"
_VALUES = ("verification_accuracy", "eer", TAR)


def verify(
    backbone: keras.Model,
    data: ImageData,
    pairs: Pairs,
    flip: bool = False,
    bootstrap: int = 1000,
    verbose: bool = False,
) -> tuple[VerificationReport, np.ndarray]:
    """Embeds pictures, scores pairs of them and judges the scores.

    Args:
        backbone: Images to features.
        data: The pictures that the pairs point to.
        pairs: Who is compared with whom.
        flip: Whether to add the mirrored picture's features.
        bootstrap: Resamples for the intervals.
        verbose: Whether to show progress.

    Returns:
        The report, and the cosine of every pair, `(pairs,)`.
    """
    embeddings = embed_data(backbone, data, flip, verbose)
    similarity = evaluation.cosine_similarity(
        embeddings, pairs.left, pairs.right
    )
    return report(similarity, pairs, bootstrap), similarity


def report(similarity, pairs: Pairs, bootstrap=1000) -> VerificationReport:
    """Judges the scores of pairs, with intervals over their subjects.

    Where no subjects are known (a .bin set), pairs are resampled.
    """
    left = right = None
    if pairs.subject is not None:
        left, right = pairs.subject[pairs.left], pairs.subject[pairs.right]
    return evaluation.verification_report(
        similarity,
        pairs.is_same,
        pairs.fold,
        subject_left=left,
        subject_right=right,
        bootstrap=bootstrap,
    )


def embed_data(
    backbone: keras.Model,
    data: ImageData,
    flip: bool = False,
    verbose: bool = False,
) -> np.ndarray:
    """Returns the unit embeddings of all pictures, in their order."""
    with plain_errors():
        return embed(backbone, _batches(backbone, data, verbose), flip=flip)


def features_of_data(
    backbone: keras.Model, data: ImageData, flip: bool = False
) -> np.ndarray:
    """Returns the features of all pictures, whose lengths say something too.

    Unlike `embed_data` they are not normalised; progress goes to stderr.
    """
    with plain_errors():
        return embed_features(
            backbone, _batches(backbone, data, verbose=True), flip=flip
        )


def _batches(backbone, data, verbose):
    size = backbone.input_shape[1:3]
    if None not in size and tuple(data.image_size) != tuple(size):
        raise ValueError(
            f"The model takes pictures of {size[0]}x{size[1]}. Received: "
            f"pictures of {data.image_size[0]}x{data.image_size[1]}. Read "
            f"them with image_size={tuple(size)}, resize=True."
        )
    batch_size = min(BATCH, len(data))
    batches = data.batches(batch_size, shuffle=False, labels=False)
    arrays = (np.asarray(batch) for batch in batches)
    if verbose:
        arrays = progress(arrays, "Embedding", total=data.steps(batch_size))
    return arrays


def pairs_for(labels: np.ndarray, most: int = 6000, seed: int = 0) -> Pairs:
    """Returns as many balanced pairs as the identities allow, up to `most`.

    Halves the number of pairs, then the folds, until the identities suffice.
    """
    folds = 10
    while folds >= 2:
        count = most // (2 * folds) * 2 * folds
        while count >= 2 * folds:
            try:
                return pairs_from_labels(labels, count, folds, seed)
            except ValueError:
                count = count // 2 // (2 * folds) * 2 * folds
        folds = folds // 2
    raise ValueError(
        "There are too few identities with two pictures to judge a model by: "
        f"{len(np.unique(labels))} identities, {len(labels)} pictures, and at "
        "least 4 are needed. Bring more identities, or, to train, hold out a "
        "larger share (--holdout 0.3, say)."
    )


class VerificationEvaluator(keras.callbacks.Callback):
    """Judges the embeddings on held-out identities after every epoch.

    Where the optimizer keeps a moving average of the weights, that is judged.

    Adds `verification_accuracy` (10-fold), `eer` and `tar_at_far_0.01` to the
    logs, so that checkpoints can choose by them; put it before those. Of every
    further set it adds `NAME_accuracy`, `NAME_eer` and `NAME_tar_at_far_0.01`:
    `lfw_accuracy` of `lfw.bin`. With fewer than 100 impostor pairs the last is
    NaN.

    Args:
        data: `ImageData` of identities that are not trained on, or a
            `VerificationSet`, which brings its own pairs; None where the first
            of `sets` takes its place.
        pairs: `Pairs` over its pictures. Defaults to up to 6,000 balanced
            pairs.
        flip: Whether to add the mirrored picture's features.
        sets: `VerificationSet`s that are judged too.
        every: Epochs between judgements; the last epoch is always judged.
        epochs: Number of the last epoch, where `fit` ends before it: a run of
            several. Defaults to that of `fit`.

    Raises:
        ValueError: when there is nothing to judge by, or `every` is below 1.
        FloatingPointError: at the end of an epoch, when the network gives NaN.
    """

    def __init__(
        self, data, pairs=None, flip=False, sets=(), every=1, epochs=None
    ):
        super().__init__()
        if every < 1:
            raise ValueError(f"every must be at least 1. Received: {every}.")
        if isinstance(data, VerificationSet):
            data, pairs = data.data, data.pairs if pairs is None else pairs
        self.sets = dict(zip(_set_names(sets), sets, strict=True))
        if data is None:
            if not self.sets:
                raise ValueError(
                    "There is nothing to judge by: neither data nor sets. "
                    "Hold identities out, or give a verification set."
                )
            first = next(iter(self.sets.values()))
            data, pairs = first.data, first.pairs
        self.data = data
        self.pairs = pairs_for(data.labels) if pairs is None else pairs
        self.flip = flip
        self.every = every
        self.epochs = epochs
        self.embeddings = None

    @property
    def labels(self):
        """Who is on each picture of `data`, `(n,)`, or None."""
        return self.pairs.subject

    @property
    def names(self):
        """What it adds to the logs of an epoch that it judges."""
        found = list(_VALUES)
        for name in self.sets:
            found += _names_of(name)
        return found

    def describe(self):
        """Returns one line: how many pairs, and what they cannot tell."""
        impostors = int((~self.pairs.is_same).sum())
        text = f"{len(self.pairs)} pairs"
        if impostors * FAR < 1:
            text += (
                f", {impostors} of them impostors: too few for the TAR at FAR "
                f"{FAR:g}, which needs {round(1 / FAR)}"
            )
        for name, each in self.sets.items():
            if each.pairs is not self.pairs:
                text += f"; {name}: {len(each)} pairs"
        return text

    def on_epoch_begin(self, epoch, logs=None):
        # They are of this epoch, or of none.
        self.embeddings = None

    def on_epoch_end(self, epoch, logs=None):
        if self._is_due(epoch):
            with averaged_weights(self.model):
                values = self._judge(epoch)
            if logs is not None:
                logs |= values

    def _judge(self, epoch):
        self.embeddings = self._embed(self.data, epoch)
        values = self._values(self.embeddings, self.pairs, _VALUES)
        for name, each in self.sets.items():
            embeddings = self.embeddings
            if each.data is not self.data:
                embeddings = self._embed(each.data, epoch)
            values |= self._values(embeddings, each.pairs, _names_of(name))
        return values

    def _is_due(self, epoch):
        last = self.epochs or self.params.get("epochs")
        stopping = getattr(self.model, "stop_training", False)
        return (epoch + 1) % self.every == 0 or epoch + 1 == last or stopping

    def _embed(self, data, epoch):
        backbone = getattr(self.model, "backbone", self.model)
        embeddings = embed_data(backbone, data, self.flip)
        if not np.isfinite(embeddings).all():
            raise FloatingPointError(
                f"The network gives NaN after epoch {epoch + 1}, although the "
                "loss was a number: the learning rate is too high. Try a tenth "
                "of it."
            )
        return embeddings

    def _values(self, embeddings, pairs, names):
        similarity = evaluation.cosine_similarity(
            embeddings, pairs.left, pairs.right
        )
        result = report(similarity, pairs, bootstrap=0)
        tar = result.tar_at_far[FAR].tar
        values = (result.accuracy, result.eer, tar)
        return dict(zip(names, values, strict=True))


def open_sets(paths, image_size, resize=False) -> list[VerificationSet]:
    """Opens the verification sets of a recipe.

    The pictures that a CSV file names are looked for in the folder that it
    lies in.

    Args:
        paths: Files as `data.open_pairs` reads them.
        image_size: (height, width) of the model's pictures.
        resize: Whether pictures of another size are resized.
    """
    return [
        open_pairs(
            path,
            None if Path(path).suffix == ".bin" else Path(path).parent,
            image_size,
            resize=resize,
        )
        for path in paths
    ]


def _names_of(name):
    """Returns what a further set of that name adds to the logs."""
    return [f"{name}_{value}" for value in ("accuracy", "eer", TAR)]


def _set_names(sets):
    """Returns a name for each set, fit for a column: `lfw` of `lfw.bin`."""
    names = []
    for each in sets:
        stem = re.sub(r"\W+", "_", Path(each.name).stem).strip("_") or "set"
        name, count = stem, 1
        while name in names:
            count += 1
            name = f"{stem}_{count}"
        names.append(name)
    return names
