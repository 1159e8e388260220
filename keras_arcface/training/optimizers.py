"""The optimizer of the papers."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_arcface")
class CoupledSGD(keras.optimizers.SGD):
    """SGD whose weight decay is part of the gradient, as in the papers.

    Keras's own `weight_decay` shrinks the weights apart from the momentum,
    about ten times more weakly at momentum 0.9 than the same number in
    PyTorch or MXNet. Here, as there, the gradient is `g + weight_decay * w`.
    Scales and biases (variables with one axis, and per-channel slopes) are
    left out, as in the authors' MXNet code.

    Args:
        learning_rate: Float or schedule.
        momentum: Float. Defaults to `0.9`.
        coupled_decay: Float, the papers' weight decay. Defaults to `5e-4`.
        **kwargs: Of `keras.optimizers.SGD`.
    """

    def __init__(
        self,
        learning_rate=0.1,
        momentum=0.9,
        coupled_decay=5e-4,
        name="coupled_sgd",
        **kwargs,
    ):
        super().__init__(learning_rate, momentum, name=name, **kwargs)
        self.coupled_decay = coupled_decay

    def update_step(self, gradient, variable, learning_rate):
        gradient = self.coupled_gradient(gradient, variable)
        super().update_step(gradient, variable, learning_rate)

    def coupled_gradient(self, gradient, variable):
        """Returns the gradient with the weight decay in it."""
        if not self.coupled_decay or not _is_matrix(variable):
            return gradient
        decay = ops.cast(self.coupled_decay, variable.dtype)
        return ops.add(gradient, ops.multiply(decay, variable))

    def get_config(self):
        return {**super().get_config(), "coupled_decay": self.coupled_decay}


def _is_matrix(variable):
    return sum(size > 1 for size in variable.shape) > 1


def warmup_cosine(learning_rate, total_steps, warmup_fraction=0.05):
    """Returns a schedule: linear warm-up from 0, then a cosine to 0.

    Args:
        learning_rate: Float, the peak.
        total_steps: Int, all steps of the training.
        warmup_fraction: Float in [0, 1), the share of steps to warm up.
    """
    warmup = round(warmup_fraction * total_steps)
    if warmup == 0:
        return keras.optimizers.schedules.CosineDecay(
            learning_rate, max(1, total_steps)
        )
    return keras.optimizers.schedules.CosineDecay(
        0.0,
        max(1, total_steps - warmup),
        warmup_target=learning_rate,
        warmup_steps=warmup,
    )
