"""Keras losses on the plain logits of an `ArcMarginLayer`."""

import keras
from keras import ops

from keras_arcface import margins
from keras_arcface import numerics
from keras_arcface import softmax

# Keras casts a loss's y_true to float32, which is exact to here.
MOST_CLASSES = 2**24

# Cosines multiplied in half precision may pass 1 by this much.
_SLACK = 1.01


@keras.saving.register_keras_serializable(package="keras_arcface")
class MarginSoftmaxLoss(keras.losses.Loss):
    """Softmax cross entropy with a margin on the target, from plain logits.

    The general form of `ArcFaceLoss`, `CosFaceLoss` and `NormSoftmaxLoss`.
    `ArcMarginLayer.loss()` makes one that fits its layer and shares the
    layer's margin, so that `MarginWarmup` reaches both.

    Args:
        margin: A number (ArcFace, radians) or a `Margin` that neither reads
            the length of the features nor keeps state.
        scale: The scale of the layer that made the logits, or `"auto"`.
        reduction: As in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: float32 or wider: labels pass through this dtype.

    Call arguments:
        y_true: Int tensor `(batch,)` or `(batch, 1)`, class ids.
        y_pred: Float tensor `(batch, num_classes)`: scale * cosine, without a
            margin, as `ArcMarginLayer` gives when it gets no labels.

    Raises:
        ValueError: for a margin that needs more than logits; when a target
            logit lies outside [-scale, scale], which means that the layer's
            scale is another one. Inside a compiled graph, where nothing can be
            raised, such a sample's loss is NaN; `keras_arcface.check(model)`
            finds the cause before training.
    """

    def __init__(
        self,
        margin=0.5,
        scale=64.0,
        reduction="sum_over_batch_size",
        name="margin_softmax_loss",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if self.dtype not in ("float32", "float64"):
            raise ValueError(
                "dtype must be float32 or wider: class ids pass through it, "
                f"and {self.dtype} merges neighbouring ids. Received: "
                f"dtype={dtype!r}."
            )
        self.margin = _without_state(margins.get(margin))
        self.scale = margins.check_scale(scale)

    def call(self, y_true, y_pred):
        num_classes = y_pred.shape[-1]
        if num_classes > MOST_CLASSES:
            raise ValueError(
                f"Keras carries y_true in float32, exact to {MOST_CLASSES} "
                f"class ids. Received: {num_classes} classes. Use "
                "ArcFaceModel, which keeps labels integers."
            )
        labels = numerics.class_ids(ops.cast(y_true, "int32"), num_classes)
        self.margin.for_classes(num_classes)
        scale = margins.resolve_scale(self.scale, num_classes)
        scale = self.margin.logit_scale(scale)
        # Margins are float32 layers: their answers meet these cosines.
        cosine = ops.cast(numerics.at_least_float32(y_pred) / scale, "float32")
        # A label outside the classes becomes inf below; here it must not
        # reach the gather, which some backends refuse and others clamp.
        safe_labels = ops.clip(labels, 0, num_classes - 1)
        target = numerics.take_target(cosine, safe_labels)
        self._refuse_wrong_scale(target, scale)
        penalized = self.margin(target, labels=safe_labels)
        cosine = self.margin.negatives(cosine, target, penalized)
        loss = softmax.margin_cross_entropy(cosine, penalized, labels, scale)
        return ops.where(ops.abs(target) <= _SLACK, loss, float("nan"))

    def _refuse_wrong_scale(self, target, scale):
        values = numerics.concrete(target)
        if values is not None and (abs(values) > _SLACK).any():
            raise ValueError(
                f"A target logit is {scale * abs(values).max():.1f}, outside "
                f"[-{scale:g}, {scale:g}]: this loss has scale={scale:g}, the "
                "layer that made the logits has another one, or they are no "
                "cosines. Use loss=layer.loss() of the ArcMarginLayer."
            )

    def get_config(self):
        return {
            **super().get_config(),
            "dtype": self.dtype,
            "margin": keras.saving.serialize_keras_object(self.margin),
            "scale": self.scale,
            "strength": float(ops.convert_to_numpy(self.margin.strength)),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        strength = config.pop("strength", 1.0)
        loss = cls(**config)
        loss.margin.strength.assign(strength)
        return loss


@keras.saving.register_keras_serializable(package="keras_arcface")
class ArcFaceLoss(MarginSoftmaxLoss):
    """ArcFace from the plain logits of an `ArcMarginLayer`.

        loss = -log softmax(scale * cos(theta_j + margin * [j == y]))[y]

    For a Sequential model, where a layer cannot see the labels.

    Args:
        margin: Float in [0, pi/2), radians. Defaults to `0.5`.
        scale: The scale of the layer, or `"auto"`. Defaults to `64.0`.
        tail: What happens past theta = pi - margin; see `ArcFace`.
        gradient: `"exact"` or `"straight_through"`; see `ArcFace`.
        reduction: As in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: float32 or wider.

    Reference:
    - [Deng et al., 2019, Eq. 3](https://arxiv.org/abs/1801.07698)

    Example:

    >>> loss = keras_arcface.ArcFaceLoss(margin=0.5, scale=16.0)
    >>> logits = 16.0 * np.array([[0.9, 0.1], [0.2, 0.7]], "float32")
    >>> float(loss(np.array([0, 1]), logits))
    0.137...
    """

    def __init__(
        self,
        margin=0.5,
        scale=64.0,
        tail="reflect",
        gradient="exact",
        reduction="sum_over_batch_size",
        name="arcface_loss",
        dtype=None,
    ):
        margin = _of_class(
            margins.ArcFace, margin, tail=tail, gradient=gradient
        )
        super().__init__(margin, scale, reduction, name, dtype)


@keras.saving.register_keras_serializable(package="keras_arcface")
class CosFaceLoss(MarginSoftmaxLoss):
    """CosFace from the plain logits of an `ArcMarginLayer`.

    Args:
        margin: Float in [0, 1), in units of cosine. Defaults to `0.35`.
        scale: The scale of the layer, or `"auto"`. Defaults to `64.0`.
        reduction: As in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: float32 or wider.

    Reference:
    - [Wang et al., 2018](https://arxiv.org/abs/1801.09414)
    """

    def __init__(
        self,
        margin=0.35,
        scale=64.0,
        reduction="sum_over_batch_size",
        name="cosface_loss",
        dtype=None,
    ):
        margin = _of_class(margins.CosFace, margin)
        super().__init__(margin, scale, reduction, name, dtype)


@keras.saving.register_keras_serializable(package="keras_arcface")
class NormSoftmaxLoss(MarginSoftmaxLoss):
    """Softmax cross entropy on cosines, without a margin.

    The baseline of the margin papers; the same as stock sparse categorical
    cross entropy from logits, with the checks of this family.

    Args:
        scale: The scale of the layer, or `"auto"`. Defaults to `64.0`.
        reduction: As in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: float32 or wider.

    Reference:
    - [Wang et al., 2017](https://arxiv.org/abs/1704.06369)
    """

    def __init__(
        self,
        scale=64.0,
        reduction="sum_over_batch_size",
        name="norm_softmax_loss",
        dtype=None,
    ):
        super().__init__(margins.NoMargin(), scale, reduction, name, dtype)

    def get_config(self):
        config = super().get_config()
        del config["margin"]
        return config


def _without_state(margin):
    """Returns a margin that logits are enough for, or says where to use it."""
    if "norm" in margin.reads:
        needs = "reads the length of the features, which logits have lost"
    elif margin.keeps_state:
        needs = "keeps state, which a Keras loss can neither own nor save"
    else:
        return margin
    raise ValueError(
        f"{type(margin).__name__} {needs}. Give labels to the layer: "
        "logits = ArcMarginLayer(num_classes, margin)(features, labels=labels) "
        "in a functional model with SparseCategoricalCrossentropy("
        "from_logits=True), or use ArcFaceModel(backbone, ArcMarginLayer(...))."
    )


def _of_class(kind, margin, **options):
    """Returns a margin of one kind, from its number or its configuration."""
    if isinstance(margin, dict):
        margin = margins.get(margin)
    if not isinstance(margin, margins.Margin):
        return kind(margin, **options)
    if not isinstance(margin, kind):
        raise ValueError(
            f"{kind.__name__}Loss takes a number or {kind.__name__}. Received: "
            f"{type(margin).__name__}. Use MarginSoftmaxLoss for any margin."
        )
    return margin
