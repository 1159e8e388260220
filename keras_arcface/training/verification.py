"""Scores on identities that training never sees."""

import keras
import numpy as np

from keras_arcface import evaluation
from keras_arcface.data import ImageData
from keras_arcface.data import Pairs
from keras_arcface.data import VerificationSet
from keras_arcface.data import pairs_from_labels
from keras_arcface.data import plain_errors
from keras_arcface.embedding import embed
from keras_arcface.evaluation import VerificationReport
from keras_arcface.utils.console import progress

BATCH = 128
FAR = 1e-2


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
    with plain_errors():
        return embed(backbone, arrays, flip=flip)


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
        "least 4 are needed. Hold out a larger share (--holdout 0.3, say) or "
        "bring more identities."
    )


class VerificationEvaluator(keras.callbacks.Callback):
    """Judges the embeddings on held-out identities after every epoch.

    Adds `verification_accuracy` (10-fold), `eer` and `tar_at_far_0.01` to the
    logs, so that checkpoints can choose by them; put it before those. With
    fewer than 100 impostor pairs the last is NaN.

    Args:
        data: `ImageData` of identities that are not trained on, or a
            `VerificationSet`, which brings its own pairs.
        pairs: `Pairs` over its pictures. Defaults to up to 6,000 balanced
            pairs.
        flip: Whether to add the mirrored picture's features.
    """

    def __init__(self, data, pairs=None, flip=False):
        super().__init__()
        if isinstance(data, VerificationSet):
            data, pairs = data.data, data.pairs if pairs is None else pairs
        self.data = data
        self.pairs = pairs_for(data.labels) if pairs is None else pairs
        self.flip = flip

    def describe(self):
        """Returns one line: how many pairs, and what they cannot tell."""
        impostors = int((~self.pairs.is_same).sum())
        text = f"{len(self.pairs)} pairs"
        if impostors * FAR < 1:
            text += (
                f", {impostors} of them impostors: too few for the TAR at FAR "
                f"{FAR:g}, which needs {round(1 / FAR)}"
            )
        return text

    def on_epoch_end(self, epoch, logs=None):
        backbone = getattr(self.model, "backbone", self.model)
        embeddings = embed_data(backbone, self.data, self.flip)
        if not np.isfinite(embeddings).all():
            raise FloatingPointError(
                f"The network gives NaN after epoch {epoch + 1}, although the "
                "loss was a number: the learning rate is too high. Try a tenth "
                "of it."
            )
        similarity = evaluation.cosine_similarity(
            embeddings, self.pairs.left, self.pairs.right
        )
        result = report(similarity, self.pairs, bootstrap=0)
        if logs is not None:
            logs["verification_accuracy"] = result.accuracy
            logs["eer"] = result.eer
            logs["tar_at_far_0.01"] = result.tar_at_far[FAR].tar
