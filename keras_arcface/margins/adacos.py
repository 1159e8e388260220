"""The scale that follows the data (AdaCos)."""

import math

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.margins.margin import Margin

# A scale below this cannot separate anything; only a handful of classes with
# negative cosines would ask for it.
_LEAST_SCALE = 1.0


def adacos_scale(cosine, log_negatives):
    """Returns the scale at which the median sample still learns.

        s = ln(B) / cos(min(pi/4, median theta)),
        B = mean_i sum_{j != y_i} exp(s_before cos(theta_ij))

    Args:
        cosine: Float tensor `(batch,)`, plain target cosines.
        log_negatives: Float tensor `(batch,)`, the log of each sample's sum.

    Returns:
        Float scalar tensor. The median is the lower of the two middle values,
        as in the authors' code.

    Reference:
    - [Zhang et al., 2019, Eq. 14-16](https://arxiv.org/abs/1905.00292)
    """
    batch = ops.shape(cosine)[0]
    size = ops.cast(batch, log_negatives.dtype)
    log_mean = ops.logsumexp(log_negatives) - ops.log(size)
    # The angle falls as the cosine rises: the lower median angle belongs to
    # the upper median cosine.
    median = ops.take(ops.sort(cosine), batch // 2)
    nearest = ops.minimum(numerics.angle(median), math.pi / 4)
    return ops.maximum(log_mean / ops.cos(nearest), _LEAST_SCALE)


def fixed_scale(num_classes):
    """Returns sqrt(2) ln(num_classes - 1), AdaCos's fixed scale."""
    return max(_LEAST_SCALE, math.sqrt(2.0) * math.log(max(num_classes - 1, 1)))


@keras.saving.register_keras_serializable(package="keras_arcface")
class AdaCos(Margin):
    """No margin, but a scale that needs no tuning.

    Starts from sqrt(2) ln(C - 1) for C classes and, where `dynamic`, follows
    the batches: the scale falls as the network gets better, so that the loss
    keeps asking. Where classes look alike (negatives beyond a cosine of 0.7)
    the rule can run away upwards instead, as it does on glyphs; take the fixed
    scale there. The scale of the layer is not used; this one is a saved state.
    `strength` changes nothing.

    Args:
        dynamic: Whether the scale moves while training. Defaults to `True`.
        **kwargs: Of `Margin`.

    Reference:
    - [Zhang et al., 2019](https://arxiv.org/abs/1905.00292)
    """

    search_space = {}

    def __init__(self, dynamic=True, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(dynamic, bool):
            raise ValueError(
                "dynamic must be True or False; AdaCos takes no scale. "
                f"Received: dynamic={dynamic!r}."
            )
        self.dynamic = dynamic
        self.current_scale = None
        self.num_classes = None

    @property
    def keeps_state(self):
        return self.dynamic

    def build(self, cosine_shape):
        if len(cosine_shape) != 2:
            raise ValueError(
                "AdaCos takes its scale from the number of classes. Use it in "
                "ArcMarginLayer(num_classes, AdaCos()), or build it with the "
                "shape (None, num_classes) first."
            )
        self.num_classes = cosine_shape[-1]
        self._fixed = fixed_scale(self.num_classes)
        if self.dynamic:
            self.current_scale = self.add_state("current_scale", self._fixed)

    def for_classes(self, num_classes):
        super().for_classes(num_classes)
        if self.num_classes != num_classes:
            raise ValueError(
                f"This AdaCos took its scale from {self.num_classes} classes; "
                f"now there are {num_classes}. Make another AdaCos() for "
                "another layer."
            )

    def penalize(self, cosine, strength=1.0):
        return cosine

    def logit_scale(self, scale, norm=None, training=False):
        if self.dynamic:
            return ops.convert_to_tensor(self.current_scale)
        return self._fixed

    def update(self, cosine, norm, log_negatives):
        if self.dynamic:
            before = ops.convert_to_tensor(self.current_scale)
            moved = adacos_scale(
                ops.stop_gradient(cosine),
                ops.stop_gradient(log_negatives(before)),
            )
            self.move_state(self.current_scale, moved)

    def get_config(self):
        return {**super().get_config(), "dynamic": self.dynamic}
