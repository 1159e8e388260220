"""A run so small that a test can watch it: 12 identities of 8x8 pictures."""

import keras
import numpy as np

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface.data import ImageData

SIDE = 8


def pictures(identities=12, each=6, seed=0, noise=30.0):
    """Pictures of identities that a linear layer can tell apart."""
    rng = np.random.default_rng(seed)
    faces = rng.uniform(60, 200, size=(identities, 1, SIDE, SIDE, 3))
    images = faces + rng.normal(0, noise, (identities, each, SIDE, SIDE, 3))
    labels = np.repeat(np.arange(identities), each)
    names = [f"identity {index}" for index in range(identities)]
    images = images.reshape(-1, SIDE, SIDE, 3).clip(0, 255).astype("uint8")
    return ImageData(images, labels, names)


def make_model(classes=12, head=None, learning_rate=0.05, layers=(), **options):
    """A compiled model of one dense layer behind those given."""
    backbone = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            keras.layers.Rescaling(1 / 127.5, -1.0),
            keras.layers.Flatten(),
            *layers,
            keras.layers.Dense(16, name="features", dtype="float32"),
        ]
    )
    model = ArcFaceModel(backbone, head or ArcMarginLayer(classes, 0.3, 16.0))
    model.compile(keras.optimizers.SGD(learning_rate), **options)
    return model


def fit(model, data, callbacks, epochs=2, batch_size=8, first_epoch=0):
    """Trains as the trainer does: batches are a function of their number."""
    batches = data.batches(
        batch_size,
        epoch=first_epoch,
        epochs=epochs - first_epoch,
        drop_remainder=True,
    )
    return model.fit(
        batches,
        epochs=epochs,
        initial_epoch=first_epoch,
        steps_per_epoch=data.steps(batch_size, drop_remainder=True),
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )
