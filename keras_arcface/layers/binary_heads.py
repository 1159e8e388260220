"""Heads that judge every class by itself: SphereFace2 and UniFace."""

import dataclasses
import math

import keras
from keras import ops

from keras_arcface import margins
from keras_arcface import numerics
from keras_arcface.layers.arc_margin import ArcMarginLayer
from keras_arcface.losses import binary
from keras_arcface.losses.checks import check_positive
from keras_arcface.margins.checks import check_number
from keras_arcface.ranges import LogUniform
from keras_arcface.ranges import Uniform

# Arguments that these heads do without, and the value that asks for nothing.
_OF_THE_SOFTMAX = {"chunk_size": 0, "label_smoothing": 0, "sample_rate": 1}


class BinaryHead(ArcMarginLayer):
    """Base of the heads whose loss is a sum over classes, without a softmax.

    A subclass implements `class_losses(cosine, strength)` and `first_bias()`.
    """

    def __init__(self, num_classes, margin, scale, **kwargs):
        for name, none in _OF_THE_SOFTMAX.items():
            if kwargs.get(name) not in (None, none):
                raise ValueError(
                    f"{name} belongs to the softmax, which "
                    f"{type(self).__name__} does without. Received: "
                    f"{name}={kwargs[name]!r}."
                )
        super().__init__(num_classes, margins.CosFace(margin), scale, **kwargs)

    def build(self, embeddings_shape, labels_shape=None):
        super().build(embeddings_shape, labels_shape)
        self.bias = self.add_weight(
            name="bias",
            shape=(),
            initializer=keras.initializers.Constant(self.first_bias()),
            dtype="float32",
            autocast=False,
        )

    def call(self, embeddings, labels=None, training=None):
        if labels is not None or isinstance(embeddings, (list, tuple)):
            raise ValueError(
                f"{type(self).__name__} has a loss of its own, which no cross "
                "entropy of logits gives. Use it as the head of "
                "ArcFaceModel(backbone, head), or call "
                "layer.margin_loss(embeddings, labels)."
            )
        return super().call(embeddings)

    def loss(self, reduction="sum_over_batch_size"):
        raise ValueError(
            f"{type(self).__name__} has no loss on logits. Use it as the head "
            "of ArcFaceModel(backbone, head)."
        )

    def loss_terms(self, embeddings, labels, training=True):
        self._ensure_built(embeddings)
        embeddings = ops.cast(embeddings, "float32")
        labels = self._class_ids(labels, embeddings)
        strength = ops.convert_to_tensor(self.margin.strength)
        strength = strength if training else 0.0
        classes = self._all(labels)
        target = self._target_cosine(embeddings, classes)
        right, _ = self.class_losses(target, strength)
        cosine = self._cosine(embeddings, classes.centers)
        _, wrong = self.class_losses(cosine, strength)
        others = numerics.replace_target(wrong, labels, ops.zeros_like(right))
        loss = right + ops.sum(others, axis=-1)
        # As of the margin softmax: a label outside the classes is inf.
        loss = ops.where(labels >= 0, loss, float("inf"))
        extra = self._extra_terms(embeddings, labels) if training else {}
        return {"binary": loss, **extra}

    def extend(self, n, centers=None):
        """Returns a new head with `n` more classes; see `ArcMarginLayer`."""
        return super().extend(n, centers)

    def plan(self, batch_size, optimizer=None, **kwargs):
        """Returns the `HeadPlan`: this loss takes all classes at once."""
        plan = super().plan(batch_size, optimizer, **kwargs)
        return dataclasses.replace(plan, chunk_size=0)

    def class_losses(self, cosine, strength=1.0):
        """Returns the cost of classes as right and as wrong ones.

        Args:
            cosine: Float tensor of any shape.
            strength: Float in [0, 1], of the margin.

        Returns:
            Two tensors of that shape.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must implement class_losses."
        )

    def first_bias(self):
        """Returns the value that the bias starts from."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement first_bias."
        )

    def get_config(self):
        return {**super().get_config(), "margin": self.margin.margin}


@keras.saving.register_keras_serializable(package="keras_arcface")
class SphereFace2Layer(BinaryHead):
    """Class centres under the binary loss of SphereFace2-C.

    Every class is told from every other by itself, which trains well on noisy
    labels. A bias, learned, is the one threshold. Use it as the head of an
    `ArcFaceModel`.

    Args:
        num_classes: Int > 1.
        margin: Float in [0, 1). Defaults to `0.4`.
        scale: Float > 0. Defaults to `40.0`.
        t: Float >= 1, how much large cosines are stretched. Defaults to `3`.
        balance: Float in (0, 1), weight of the right class. Defaults to `0.7`.
        loss_weight: Float > 0. Defaults to `50`, as the authors' code.
        **kwargs: Of `ArcMarginLayer`.

    Raises:
        ValueError: for a value outside its range, or labels in the call.

    Reference:
    - [Wen et al., 2022](https://arxiv.org/abs/2108.01513)
    """

    search_space = {
        "margin": Uniform(0.05, 0.7),
        "scale": LogUniform(8.0, 128.0),
        "t": Uniform(1.0, 5.0),
        "balance": Uniform(0.5, 0.9),
    }

    def __init__(
        self,
        num_classes,
        margin=0.4,
        scale=40.0,
        t=3.0,
        balance=0.7,
        loss_weight=50.0,
        **kwargs,
    ):
        super().__init__(num_classes, margin, scale, **kwargs)
        self.t = check_number("t", t, 1.0)
        self.balance = check_number("balance", balance, 1e-6, 1.0)
        self.loss_weight = check_positive("loss_weight", loss_weight)

    def class_losses(self, cosine, strength=1.0):
        return binary.sphereface2(
            cosine,
            self.margin.margin * strength,
            self.scale,
            ops.convert_to_tensor(self.bias),
            self.t,
            self.balance,
            self.loss_weight,
        )

    def first_bias(self):
        return binary.sphereface2_bias(
            self.num_classes,
            self.margin.margin,
            self.scale,
            self.t,
            self.balance,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "t": self.t,
            "balance": self.balance,
            "loss_weight": self.loss_weight,
        }


@keras.saving.register_keras_serializable(package="keras_arcface")
class UniFaceLayer(BinaryHead):
    """Class centres under the unified cross entropy of UniFace.

    One learned threshold parts all right from all wrong cosines, which is what
    open-set verification needs. Use it as the head of an `ArcFaceModel`.

    Args:
        num_classes: Int > 1.
        margin: Float in [0, 1), in units of cosine. Defaults to `0.4`.
        scale: Float > 0. Defaults to `64.0`.
        negative_weight: Float > 0, l of the paper. Defaults to `1.0`.
        clamp: Whether to clip exponents to +-scale, as the released code.
            Defaults to `False`.
        **kwargs: Of `ArcMarginLayer`.

    Raises:
        ValueError: for a value outside its range, or labels in the call.

    Reference:
    - Zhou et al., 2023, "UniFace: Unified Cross-Entropy Loss for Deep Face
      Recognition", ICCV
    """

    search_space = {
        "margin": Uniform(0.05, 0.7),
        "scale": LogUniform(8.0, 256.0),
        "negative_weight": LogUniform(0.1, 10.0),
    }

    def __init__(
        self,
        num_classes,
        margin=0.4,
        scale=64.0,
        negative_weight=1.0,
        clamp=False,
        **kwargs,
    ):
        super().__init__(num_classes, margin, scale, **kwargs)
        self.negative_weight = check_positive(
            "negative_weight", negative_weight
        )
        self.clamp = bool(clamp)

    def class_losses(self, cosine, strength=1.0):
        right, wrong = binary.uniface(
            cosine,
            self.margin.margin * strength,
            self.scale,
            ops.convert_to_tensor(self.bias),
            self.clamp,
        )
        return right, self.negative_weight * wrong

    def first_bias(self):
        return math.log(10.0 * self.num_classes)

    def get_config(self):
        return {
            **super().get_config(),
            "negative_weight": self.negative_weight,
            "clamp": self.clamp,
        }
