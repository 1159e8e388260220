"""What every margin is."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_arcface")
class Margin(keras.layers.Layer):
    """Base of the margins: maps the target cosine to a penalised value.

    A subclass implements `penalize(cosine, strength)` on clean float32 target
    cosines. It knows nothing of class counts, scales, chunks or devices.

    `strength` in [0, 1] is a saved, non-trainable variable, 1 by default, that
    scales the margin's parameter; at 0 the margin vanishes. `MarginWarmup`
    moves it while a network trains from scratch.

    Call arguments:
        cosine: Float tensor `(batch,)` of target cosines.

    Returns:
        Float tensor `(batch,)`: what replaces the target cosine, before the
        scale.
    """

    def __init__(self, **kwargs):
        # The laws of numerics: float32 under every dtype policy.
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.strength = self.add_weight(
            name="strength",
            shape=(),
            initializer="ones",
            trainable=False,
            autocast=False,
        )

    def call(self, cosine):
        return self.penalize(cosine, ops.convert_to_tensor(self.strength))

    def penalize(self, cosine, strength=1.0):
        """Returns the penalised target cosines. Pure; no state is read."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement penalize(cosine, strength)."
        )

    def compute_output_shape(self, cosine_shape):
        return cosine_shape

    def load_own_variables(self, store):
        # A loss that shares its layer's margin is saved through the layer
        # and comes back with a margin of its own, whose strength stands in
        # the loss's configuration.
        if len(store.keys()) > 0:
            super().load_own_variables(store)


@keras.saving.register_keras_serializable(package="keras_arcface")
class NoMargin(Margin):
    """Leaves the target cosine as it is: the norm-softmax.

    Reference:
    - [Wang et al., 2017](https://arxiv.org/abs/1704.06369)
    """

    def penalize(self, cosine, strength=1.0):
        return cosine
