"""Learning rates that rise from 0 and then fall, as functions of the step."""

import math

import keras
from keras import ops


class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up from 0 to the peak; what comes after is a subclass's.

    Steps count batches from 0, and so does Keras under gradient accumulation:
    there the batches of one step of the optimizer share the rate of the first
    of them, so the rates are those of a run with batches as large.

    Args:
        learning_rate: Float, the peak.
        total_steps: Int, batches in the whole training.
        warmup_steps: Int, batches until the peak. Defaults to `0`.
        accumulate: Int, batches to a step of the optimizer. Defaults to `1`.
    """

    def __init__(
        self, learning_rate, total_steps, warmup_steps=0, accumulate=1
    ):
        self.learning_rate = learning_rate
        self.total_steps = total_steps
        self.warmup_steps = warmup_steps
        self.accumulate = accumulate

    def __call__(self, step):
        every = float(self.accumulate)
        step = ops.floor(ops.cast(step, "float32") / every) * every
        rising = step / max(1, self.warmup_steps)
        share = ops.where(step < self.warmup_steps, rising, self.share_at(step))
        return ops.cast(self.learning_rate, "float32") * share

    def share_at(self, step):
        """Returns the share of the peak at a step after the warm-up."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement share_at(step)."
        )

    def progress(self, step):
        """Returns how much of the time after the warm-up is over, [0, 1]."""
        after = max(1, self.total_steps - self.warmup_steps)
        return ops.clip((step - self.warmup_steps) / after, 0.0, 1.0)

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "accumulate": self.accumulate,
        }


@keras.saving.register_keras_serializable(package="keras_arcface")
class WarmupConstant(WarmupSchedule):
    """Warm-up, then the peak for good. Arguments of `WarmupSchedule`."""

    def share_at(self, step):
        return ops.ones_like(step)


@keras.saving.register_keras_serializable(package="keras_arcface")
class WarmupCosine(WarmupSchedule):
    """Warm-up, then half a cosine to 0. Arguments of `WarmupSchedule`."""

    def share_at(self, step):
        return 0.5 * (1.0 + ops.cos(math.pi * self.progress(step)))


@keras.saving.register_keras_serializable(package="keras_arcface")
class WarmupPolynomial(WarmupSchedule):
    """Warm-up, then `(1 - progress)**power`, to 0.

    The schedule of arcface_torch (`PolynomialLRWarmup`), which trains with
    `power=1`, but for its very first step, which there has the full rate also
    with a warm-up.

    Args:
        power: Float > 0. Defaults to `2.0`.
        *args, **kwargs: Of `WarmupSchedule`.
    """

    def __init__(self, *args, power=2.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.power = power

    def share_at(self, step):
        return ops.power(1.0 - self.progress(step), self.power)

    def get_config(self):
        return {**super().get_config(), "power": self.power}


@keras.saving.register_keras_serializable(package="keras_arcface")
class WarmupSteps(WarmupSchedule):
    """Warm-up, then the peak, times `factor` from each milestone on.

    Args:
        milestones: Ints, batches from the beginning of the training.
        factor: Float. Defaults to `0.1`.
        *args, **kwargs: Of `WarmupSchedule`.
    """

    def __init__(self, *args, milestones=(), factor=0.1, **kwargs):
        super().__init__(*args, **kwargs)
        self.milestones = tuple(milestones)
        self.factor = factor

    def share_at(self, step):
        share = ops.ones_like(step)
        for milestone in self.milestones:
            share = share * ops.where(step < milestone, 1.0, self.factor)
        return share

    def get_config(self):
        config = super().get_config()
        config["milestones"] = list(self.milestones)
        return {**config, "factor": self.factor}


SCHEDULES = {
    "cosine": WarmupCosine,
    "polynomial": WarmupPolynomial,
    "step": WarmupSteps,
    "constant": WarmupConstant,
}


def make_schedule(section, learning_rate, steps_per_epoch, accumulate=1):
    """Returns the learning-rate schedule that a recipe describes.

    Args:
        section: `ScheduleSection`.
        learning_rate: Float, the peak.
        steps_per_epoch: Int, batches an epoch.
        accumulate: Int, batches to a step of the optimizer. Defaults to `1`.

    Raises:
        ValueError: when there is no schedule of that name.
    """
    if section.name not in SCHEDULES:
        raise ValueError(
            f"schedule.name must be one of {', '.join(SCHEDULES)}. Received: "
            f"schedule.name={section.name!r}."
        )
    total = section.epochs * steps_per_epoch
    options = {}
    if section.name == "polynomial":
        options["power"] = section.power
    if section.name == "step":
        options["factor"] = section.factor
        options["milestones"] = [
            epoch * steps_per_epoch for epoch in section.milestones
        ]
    return SCHEDULES[section.name](
        learning_rate,
        total,
        round(section.warmup * total),
        accumulate,
        **options,
    )


def warmup_cosine(learning_rate, total_steps, warmup_fraction=0.05):
    """Returns a schedule: linear warm-up from 0, then a cosine to 0.

    Args:
        learning_rate: Float, the peak.
        total_steps: Int, all steps of the training.
        warmup_fraction: Float in [0, 1), the share of steps to warm up.
    """
    warmup = round(warmup_fraction * total_steps)
    return WarmupCosine(learning_rate, total_steps, warmup)


def current_rate(model):
    """Returns the learning rate of a compiled model's next step, a float.

    That of the backbone: the class centres' is `centers_rate` times it.
    """
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()  # Inside fit, variables lag behind on JAX.
    return float(ops.convert_to_numpy(model.optimizer.learning_rate))
