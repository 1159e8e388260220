import numpy as np
import pytest

from keras_arcface.faces import TEMPLATE
from keras_arcface.faces import Face


@pytest.fixture
def detector(monkeypatch):
    """A stand-in for MTCNN: one face for each white pixel of a black picture.

    A grey of 250 or more counts as white. The face lies on the template,
    shifted by the pixel's place.
    """

    def detect(image, **options):
        places = np.argwhere(image.min(axis=2) >= 250)[:, ::-1]
        return [
            Face(np.r_[place, place + 100 - i], TEMPLATE + place, 0.9)
            for i, place in enumerate(places.astype(float))
        ]

    monkeypatch.setattr("keras_arcface.faces.photographs.detect", detect)
    monkeypatch.setattr("keras_arcface.faces.folder.check_detector", bool)
    monkeypatch.setattr("keras_arcface.cli.detecting.check_detector", bool)


@pytest.fixture
def photograph():
    """Returns a maker of black pictures with white pixels at (x, y)."""

    def make(*places, width=160, height=120):
        image = np.zeros((height, width, 3), np.uint8)
        for x, y in places:
            image[y, x] = 255
        return image

    return make
