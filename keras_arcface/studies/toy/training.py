"""Training one toy: a small network whose features can be drawn."""

import dataclasses
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_arcface.backbones import SmallNet
from keras_arcface.layers import ArcMarginLayer
from keras_arcface.model import ArcFaceModel
from keras_arcface.studies.toy.pictures import ToyPictures
from keras_arcface.training.margin_warmup import MarginWarmup
from keras_arcface.training.nan_guard import NaNGuard
from keras_arcface.training.optimizers import CoupledSGD
from keras_arcface.training.schedules import warmup_cosine

LOSSES = ("softmax", "norm-softmax", "ArcFace")
WIDTHS = {"digits": (32, 64), "glyphs": (16, 32, 64)}


@dataclasses.dataclass(frozen=True)
class ToySettings:
    """What all losses of a toy share, and the two numbers of ArcFace.

    Attributes:
        start_epochs: Passes over the training pictures with softmax, from
            which all losses go on. In the plane a class cannot get past
            another; normalised losses that begin at random leave classes
            where they fell, in each other's way. 0 to begin at random.
        epochs: Passes over the training pictures after that.
        batch_size: Pictures a step.
        start_learning_rate: The peak of the start; it rises over 5% of the
            steps, then falls by a cosine.
        learning_rate: The same after that.
        scale: Of norm-softmax and ArcFace; `"auto"` is 16 here.
        margin: Of ArcFace, radians. Eight classes in the plane leave room for
            less than 2 pi / 8 = 0.785: with 0.5, for classes 16 degrees wide.
    """

    start_epochs: int = 10
    epochs: int = 30
    batch_size: int = 64
    start_learning_rate: float = 0.1
    learning_rate: float = 0.02
    scale: float | str = "auto"
    margin: float = 0.5


@dataclasses.dataclass(frozen=True)
class TrainedToy:
    """A trained network and where its classes point.

    Attributes:
        backbone: Pictures to features `(n, dim)`.
        centers: Class centres, `(8, dim)`; of softmax, the rows of its matrix.
    """

    backbone: keras.Model
    centers: np.ndarray

    def features(self, images: np.ndarray) -> np.ndarray:
        """Returns the features of pictures, not normalised, `(n, dim)`."""
        return ops.convert_to_numpy(self.backbone(images, training=False))


class _Phase(NamedTuple):
    rate: float
    first_epoch: int
    epochs: int


def start_toy(
    pictures: ToyPictures,
    dim: int,
    seed: int = 0,
    settings: ToySettings | None = None,
) -> TrainedToy:
    """Returns what all losses of a seed begin with: network and centres.

    Trained with softmax for `start_epochs`; at random where that is 0.

    Args:
        pictures: Of which `training` is trained on.
        dim: Of the features.
        seed: Of weights and order.
        settings: Defaults to `ToySettings()`.
    """
    settings = ToySettings() if settings is None else settings
    classes = pictures.training.num_classes
    keras.utils.set_random_seed(seed)
    backbone = _backbone(pictures, dim)
    centers = keras.random.normal((classes, dim), stddev=dim**-0.5)
    start = TrainedToy(backbone, ops.convert_to_numpy(centers))
    if not settings.start_epochs:
        return start
    model, layer = _model(backbone, start.centers, "softmax", settings)
    phase = _Phase(settings.start_learning_rate, 0, settings.start_epochs)
    _fit(model, "softmax", pictures.training, phase, settings.batch_size, seed)
    return TrainedToy(backbone, _centers(layer))


def train_toy(
    pictures: ToyPictures,
    loss: str,
    start: TrainedToy,
    seed: int = 0,
    settings: ToySettings | None = None,
) -> TrainedToy:
    """Trains one loss on the eight classes of a toy.

    The losses of a seed have the same start, the same batches in the same
    order, the same optimizer and steps. Softmax has a dense layer without
    bias: as wide as the others' centres, and its rows point somewhere. (The
    paper's equation 1 has a bias, which it then sets to zero.)

    Args:
        pictures: Of which `training` is trained on.
        loss: One of `LOSSES`.
        start: What `start_toy` gave; stays as it is.
        seed: Of the order.
        settings: Defaults to `ToySettings()`.

    Raises:
        ValueError: for a loss that is none of them.
    """
    if loss not in LOSSES:
        raise ValueError(
            f"loss must be one of {', '.join(LOSSES)}. Received: {loss!r}."
        )
    settings = ToySettings() if settings is None else settings
    backbone = _backbone(pictures, start.centers.shape[1])
    backbone.set_weights(start.backbone.get_weights())
    model, layer = _model(backbone, start.centers, loss, settings)
    phase = _Phase(
        settings.learning_rate, settings.start_epochs, settings.epochs
    )
    _fit(model, loss, pictures.training, phase, settings.batch_size, seed)
    return TrainedToy(backbone, _centers(layer))


def _backbone(pictures, dim):
    shape = (*pictures.training.image_size, 3)
    return SmallNet(WIDTHS[pictures.name], shape, embedding_dim=dim)


def _model(backbone, centers, loss, settings):
    """Returns the model, and the layer that has its class centres."""
    classes, dim = centers.shape
    if loss == "softmax":
        dense = keras.layers.Dense(classes, use_bias=False)
        dense.build((None, dim))
        dense.kernel.assign(centers.T)
        return keras.Sequential([backbone, dense]), dense
    margin = settings.margin if loss == "ArcFace" else None
    head = ArcMarginLayer(classes, margin, settings.scale)
    model = ArcFaceModel(backbone, head)
    # Their direction is all that counts; the longer, the slower they turn.
    lengths = np.linalg.norm(centers, axis=1, keepdims=True)
    head.class_centers.assign(centers / lengths)
    return model, head


def _fit(model, loss, data, phase, batch_size, seed):
    steps = data.steps(batch_size, drop_remainder=True)
    optimizer = CoupledSGD(warmup_cosine(phase.rate, steps * phase.epochs))
    if loss == "softmax":
        stock = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss=stock)
    else:
        model.compile(optimizer)
    batches = data.batches(
        batch_size,
        seed=seed,
        epoch=phase.first_epoch,
        epochs=phase.epochs,
        drop_remainder=True,
    )
    model.fit(
        batches,
        epochs=phase.epochs,
        steps_per_epoch=steps,
        callbacks=[NaNGuard()] + [MarginWarmup()] * (loss == "ArcFace"),
        shuffle=False,
        verbose=0,
    )


def _centers(layer):
    if isinstance(layer, ArcMarginLayer):
        return ops.convert_to_numpy(layer.class_centers)
    return ops.convert_to_numpy(layer.kernel).T
