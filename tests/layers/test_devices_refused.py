"""A distribution that would do nothing is refused."""

import keras
import pytest

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import sharded_centers


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="of TensorFlow"
)
def test_distributions_that_would_do_nothing_are_refused():
    model = ArcFaceModel(keras.Sequential([keras.Input((4,))]), 4)
    model.compile("sgd")
    mesh = keras.distribution.DeviceMesh((1,), ["batch"], ["cpu:0"])
    distribution = keras.distribution.DataParallel(device_mesh=mesh)
    with pytest.raises(ValueError, match="MirroredStrategy"):
        sharded_centers()
    with distribution.scope():
        with pytest.raises(ValueError, match="KERAS_BACKEND=jax"):
            model.fit(keras.ops.zeros((2, 4)), [0, 1])
        with pytest.raises(ValueError, match="does nothing on the tensorflow"):
            model.compile("sgd")
        with pytest.raises(ValueError, match="does nothing on the tensorflow"):
            ArcMarginLayer(4).build((None, 4))
