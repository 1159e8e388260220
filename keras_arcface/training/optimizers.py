"""The optimizers of recipes; first, that of the papers."""

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


def make_optimizer(section, schedule):
    """Returns the optimizer that a recipe describes.

    Under `mixed_float16`, `compile` wraps it for loss scaling; steps that it
    skips do not count, so the schedule ends that many steps early.

    Args:
        section: `OptimizerSection`. Clipping is not the optimizer's but
            `ArcFaceModel.compile`'s, for it spares the class centres.
        schedule: Float or learning-rate schedule, in place of
            `section.learning_rate`. It counts batches, not steps of the
            optimizer: see `make_schedule`.

    Raises:
        ValueError: when there is no optimizer of that name.
    """
    if section.name not in _OPTIMIZERS:
        raise ValueError(
            f"optimizer.name must be one of {', '.join(_OPTIMIZERS)}. "
            f"Received: optimizer.name={section.name!r}."
        )
    options = {}
    if section.accumulate > 1:
        options["gradient_accumulation_steps"] = section.accumulate
    if section.ema is not None:
        options["use_ema"] = True
        # Keras averages after every batch, also where it makes no step.
        options["ema_momentum"] = section.ema ** (1.0 / section.accumulate)
    return _OPTIMIZERS[section.name](section, schedule, options)


def _sgd(section, schedule, options):
    return CoupledSGD(
        schedule,
        section.momentum,
        coupled_decay=section.weight_decay,
        **options,
    )


def _adamw(section, schedule, options):
    return keras.optimizers.AdamW(
        schedule, weight_decay=section.weight_decay, **options
    )


def _adam(section, schedule, options):
    return keras.optimizers.Adam(schedule, **options)


_OPTIMIZERS = {"sgd": _sgd, "adamw": _adamw, "adam": _adam}
