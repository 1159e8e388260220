"""What every margin is."""

import keras
from keras import ops

from keras_arcface.margins.checks import check_number


@keras.saving.register_keras_serializable(package="keras_arcface")
class Margin(keras.layers.Layer):
    """Base of the margins: maps the target cosine to a penalised value.

    A margin knows nothing of scales, chunks or devices. Most implement only
    `penalize(cosine, strength)`. One whose paper asks for more says so:

    - `reads`, names among `"labels"` and `"norm"`: handed to `penalize` too.
    - `bend(cosine, target, penalized, strength)`: changes the negatives.
    - `logit_scale(...)`: takes the scale into its own hands.
    - `update(...)` with `keeps_state = True`: moves the margin's own state,
      once a training step, before it is used.
    - `penalty(norm)` with `has_penalty = True`: a loss term of its own, beside
      the cross entropy.

    A margin that reads the norm or keeps state lives in an `ArcMarginLayer`
    that sees features and labels; a loss on logits has neither and refuses it.

    `strength` in [0, 1] is a saved, non-trainable variable, 1 by default, that
    scales the margin's parameter; `MarginWarmup` moves it while a network
    trains from scratch. What strength 0 means stands with each margin; for
    most it is the norm-softmax.

    Args:
        filter_above: Float in (0, 1) or None. Negatives whose cosine is above
            it are probably the same identity under another label: their
            logit becomes 0, as with arcface_torch's
            `interclass_filtering_threshold`. Defaults to `None`.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments:
        cosine: Float tensor `(batch,)` of target cosines.
        labels: Int tensor `(batch,)`, where `reads` names it.
        norm: Float tensor `(batch,)`, lengths of the features, likewise.
        draw: What `draw(cosine)` gave, to be used again; drawn anew without.

    Returns:
        Float tensor `(batch,)`: what replaces the target cosine, before the
        scale.
    """

    reads = ()
    keeps_state = False
    has_penalty = False

    def __init__(self, filter_above=None, **kwargs):
        # The laws of numerics: float32 under every dtype policy.
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.filter_above = _check_filter(filter_above)
        self.strength = self.add_weight(
            name="strength",
            shape=(),
            initializer="ones",
            trainable=False,
            autocast=False,
        )

    def call(self, cosine, labels=None, norm=None, draw=None):
        given = {"labels": labels, "norm": norm}
        return self.penalize(
            cosine,
            ops.convert_to_tensor(self.strength),
            **{name: given[name] for name in self.reads},
        )

    def draw(self, cosine):
        """Returns what a random margin draws for a batch, or None."""
        return None

    def penalize(self, cosine, strength=1.0):
        """Returns the penalised target cosines, and changes no state."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement penalize(cosine, strength)."
        )

    def negatives(self, cosine, target, penalized):
        """Returns the cosines of the other classes as this margin sees them.

        Elementwise in the classes, so that any chunk of them will do. What
        comes out in a target's own column means nothing.

        Args:
            cosine: Float tensor `(batch, classes)`.
            target: Float tensor `(batch,)`, plain target cosines.
            penalized: Float tensor `(batch,)`, from the call.

        Returns:
            Float tensor `(batch, classes)`.
        """
        bent = self.bend(
            cosine,
            ops.expand_dims(target, -1),
            ops.expand_dims(penalized, -1),
            ops.convert_to_tensor(self.strength),
        )
        if self.filter_above is None:
            return bent
        return ops.where(cosine > self.filter_above, 0.0, bent)

    def bend(self, cosine, target, penalized, strength=1.0):
        """Returns the negatives `(batch, classes)` as the paper changes them.

        `target` and `penalized` are columns `(batch, 1)`.
        """
        return cosine

    def logit_scale(self, scale, norm=None, training=False):
        """Returns the scale of the logits: a number, or a column of them.

        Args:
            scale: Float, the scale of the layer.
            norm: Float tensor `(batch,)`, lengths of the features.
            training: Whether the margin is on.
        """
        return scale

    def update(self, cosine, norm, log_negatives):
        """Moves the margin's state by a training batch, before its use.

        Args:
            cosine: Float tensor `(batch,)`, plain target cosines.
            norm: Float tensor `(batch,)`, lengths of the features.
            log_negatives: Function of a scale that returns `(batch,)`, the log
                of the sum of exp(scale * cosine) over the other classes.
        """

    def penalty(self, norm):
        """Returns a loss term of its own, `(batch,)`."""
        raise NotImplementedError(
            f"{type(self).__name__} has no penalty, or must implement it."
        )

    def compute_output_shape(self, cosine_shape):
        return (cosine_shape[0],)

    def load_own_variables(self, store):
        # A loss that shares its layer's margin is saved through the layer
        # and comes back with a margin of its own, whose strength stands in
        # the loss's configuration.
        if len(store.keys()) > 0:
            super().load_own_variables(store)

    def get_config(self):
        return {**super().get_config(), "filter_above": self.filter_above}

    def add_state(self, name, value=0.0):
        """Adds a number that training moves and files keep.

        On several replicas each computes it from its own part of the batch;
        they keep the mean, so that it is the same on all. Write it with
        `move_state`.
        """
        return self.add_weight(
            name=name,
            shape=(),
            initializer=keras.initializers.Constant(value),
            trainable=False,
            autocast=False,
            aggregation="mean",
        )

    def move_state(self, state, value):
        """Assigns a number, but never inf or NaN.

        One bad batch, which mixed precision skips anyway, must not stay in
        the state for ever.
        """
        before = ops.convert_to_tensor(state)
        value = ops.cast(ops.stop_gradient(value), state.dtype)
        state.assign(ops.where(ops.isfinite(value), value, before))

    def for_classes(self, num_classes):
        """Tells the margin how many classes there are, once or again.

        Raises:
            ValueError: when it was made for another number.
        """
        if not self.built:
            self.build((None, num_classes))


@keras.saving.register_keras_serializable(package="keras_arcface")
class NoMargin(Margin):
    """Leaves the target cosine as it is: the norm-softmax.

    Reference:
    - [Wang et al., 2017](https://arxiv.org/abs/1704.06369)
    """

    search_space = {}

    def penalize(self, cosine, strength=1.0):
        return cosine


def _check_filter(threshold):
    if threshold is None:
        return None
    threshold = check_number("filter_above", threshold)
    if not 0.0 < threshold < 1.0:
        raise ValueError(
            "filter_above must be a cosine in (0, 1), or None. Received: "
            f"filter_above={threshold:g}. arcface_torch uses 0.4 for noisy "
            "data."
        )
    return threshold
