"""A gallery with something of everything, and all that it knows."""

import numpy as np

from keras_arcface import Gallery
from keras_arcface.gallery import ModelFingerprint

MODEL = ModelFingerprint("ab" * 32, flip=True, name="some_model")
PARTS = ("templates", "lengths", "weights", "pictures")


def make():
    rng = np.random.default_rng(0)
    gallery = Gallery(model=MODEL)
    names = [f"n{i}" for i in range(4)] + ["名前 \udce9\n\x1b[31m"]
    gallery.enroll_many(names, rng.normal(size=(5, 4)))
    gallery.add("n0", rng.normal(size=(2, 4)), quality=[0.5, 2])
    gallery.calibrate(rng.normal(size=(100, 4)), fpir=0.5)
    whose = ["n1"] * 9 + [None] * 91
    gallery.calibrate(rng.normal(size=(100, 4)), whose, fpir=0.1)
    return gallery


def state(gallery):
    """All that a gallery knows, to the last bit."""
    store = gallery._people.store
    arrays = [getattr(store, name).tobytes() for name in PARTS]
    return (
        gallery.names,
        gallery.dim,
        arrays,
        gallery.calibrations,
        gallery.model,
        gallery.model and gallery.model.name,
    )
