"""The pictures of the toy: eight classes to train, two that stay unseen."""

import dataclasses

import numpy as np

from keras_arcface.data import ImageData
from keras_arcface.data import glyphs
from keras_arcface.utils.optional import require

TRAINED = 8
"""Classes to train on, as in the paper's Figure 3."""

UNSEEN = 2
_HELD_OUT = 0.25
_SIDE = 24  # Of glyphs, in pixels.


@dataclasses.dataclass(frozen=True)
class ToyPictures:
    """What one toy is trained and judged on.

    Attributes:
        name: Of the data set.
        training: Pictures of the eight trained classes.
        held_out: Other pictures of the same classes.
        unseen: Pictures of two classes that are not trained on.
    """

    name: str
    training: ImageData
    held_out: ImageData
    unseen: ImageData

    @property
    def names(self) -> list[str]:
        """A short name of each class, those never seen last."""
        classes = [*self.training.class_names, *self.unseen.class_names]
        return [name.rpartition(" ")[2] for name in classes]


def digits(seed: int = 0, most: int | None = None) -> ToyPictures:
    """Returns scikit-learn's digits: 0 to 7 to train on, 8 and 9 unseen.

    8 x 8 pictures of about 180 each, by 13 writers. Whose is whose is not in
    the data: held-out pictures are by writers that were trained on.

    Args:
        seed: Of which quarter of the trained digits' pictures is held out.
        most: At most so many pictures a digit. Defaults to all.

    Raises:
        ImportError: without scikit-learn.

    Reference:
    - Alpaydin and Kaynak, 1998, "Optical Recognition of Handwritten Digits",
      UCI Machine Learning Repository
    """
    bunch = require("sklearn.datasets", "figures").load_digits()
    grey = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    data = ImageData(
        samples=np.repeat(grey[..., None], 3, axis=-1),
        labels=bunch.target,
        class_names=[str(digit) for digit in range(10)],
        root="scikit-learn's digits",
    )
    if most is not None:
        data = data.subset(_of_each_class(data.labels, most))
    return _split("digits", data, seed)


def glyphs_of(seed: int = 0, most: int = 200) -> ToyPictures:
    """Returns glyphs: eight characters to train on, two unseen.

    The first of the library's glyphs, of its training and of its test split.

    Args:
        seed: Of how they are drawn.
        most: Pictures a character, a quarter of which is held out.
    """
    arguments = {
        "seed": seed,
        "image_size": _SIDE,
        "pictures_per_identity": most,
    }
    trained = glyphs.load("train", identities=TRAINED, **arguments)
    unseen = glyphs.load("test", identities=UNSEEN, **arguments)
    held_out = _held_out(trained.labels, seed)
    return ToyPictures(
        "glyphs",
        training=trained.where(~held_out),
        held_out=trained.where(held_out),
        unseen=unseen,
    )


SETS = {"digits": digits, "glyphs": glyphs_of}


def _split(name, data, seed):
    trained = data.labels < TRAINED
    held_out = _held_out(data.labels, seed)
    return ToyPictures(
        name,
        training=data.where(trained & ~held_out),
        held_out=data.where(trained & held_out),
        unseen=data.where(~trained),
    )


def _of_each_class(labels, most):
    chosen = [np.flatnonzero(labels == c)[:most] for c in np.unique(labels)]
    return np.sort(np.concatenate(chosen))


def _held_out(labels, seed):
    """Returns a mask `(n,)`: the same share of every class, at random."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        mine = rng.permutation(np.flatnonzero(labels == label))
        mask[mine[: round(_HELD_OUT * len(mine))]] = True
    return mask
