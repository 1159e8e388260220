"""The head: class centres, cosines, and a margin on the target."""

import keras
from keras import ops

from keras_arcface import margins
from keras_arcface import numerics
from keras_arcface import softmax
from keras_arcface.layers.fused_loss import fused_loss
from keras_arcface.losses import CenterTerm
from keras_arcface.losses import MarginSoftmaxLoss
from keras_arcface.losses.checks import check_count
from keras_arcface.losses.head import embedding_dim
from keras_arcface.losses.head import split_inputs
from keras_arcface.margins.checks import check_number
from keras_arcface.softmax.backend import read

# Of the terms of the loss, and of what `fit` shows beside them.
_TAKEN_NAMES = {"margin_softmax", "binary", "norm_penalty", "angle", "loss"}


@keras.saving.register_keras_serializable(package="keras_arcface")
class ArcMarginLayer(keras.layers.Layer):
    """Class centres on the unit sphere, with a margin on the target class.

        logits[i, j] = scale * cos(theta[i, j])                  without labels
        logits[i, y] = scale * margin(cos(theta[i, y]))          with labels

    Needs no normalised input and no bias. Three ways to use it: as the last
    layer of a Sequential with `loss=layer.loss()`; in a functional model with
    the labels as second input and stock cross entropy; or through
    `ArcFaceModel`. All three train to the same losses.

    Labels put the margin on while training only: validation and inference see
    plain cosines, so validation accuracy is never helped or hurt by it.

    Args:
        num_classes: Int > 1. Number of identities.
        margin: A number in [0, pi/2), the ArcFace margin in radians; or any
            margin, such as `CosFace(0.35)` or `"adaface"`; or `None`. Defaults
            to `0.5`.
        scale: Float > 0, or `"auto"` to take it from the class count. The
            paper's `64.0`, the default, suits 10,000 identities and more;
            with few, or from scratch, use `"auto"`. `AdaCos` and `ASoftmax`
            bring their own.
        sub_centers: Int >= 1, centres a class, of which the nearest counts:
            noisy pictures gather at another centre than clean ones. Defaults
            to `1`; the sub-centre paper takes 3 for noisy data.
        chunk_size: How `margin_loss` goes through the classes. None, the
            default, chooses: few logits at once, else chunk by chunk, so that
            the matrix `(batch, num_classes)` is never held. An int is the
            number of classes a chunk, 0 stands for all at once. Value and
            gradient are the same.
        label_smoothing: Float in [0, 1), the share of the target that
            `margin_loss` spreads evenly over all classes. Defaults to `0.0`.
        extra_losses: Terms beside the margin softmax, such as
            `[IntraLoss(), InterLoss()]`.
        centers_initializer: Initializer of the class centres `(num_classes *
            sub_centers, embedding_dim)`, class-major. Defaults to a normal of
            deviation 0.01, as insightface.
        centers_regularizer: Regularizer of the class centres.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments:
        embeddings: Float tensor `(batch, embedding_dim)`, of any length; or
            the list `[embeddings, labels]`.
        labels: Optional int tensor `(batch,)` or `(batch, 1)`.

    Returns:
        float32 `(batch, num_classes)` under every dtype policy. Only the
        product of embeddings and centres runs in half precision, and the
        target cosine that the margin sees is computed in float32.

    Raises:
        ValueError: for a margin that looks like degrees, a bad scale or class
            count, or labels that are no integers in range.

    Reference:
    - [Deng et al., 2019, Alg. 1](https://arxiv.org/abs/1801.07698)
    - Deng et al., 2020, "Sub-center ArcFace", ECCV (sub-centres)

    Example:

    >>> layer = keras_arcface.ArcMarginLayer(10, scale="auto")
    >>> logits = layer(np.ones((2, 4), "float32"))
    >>> tuple(logits.shape)
    (2, 10)
    """

    def __init__(
        self,
        num_classes,
        margin=0.5,
        scale=64.0,
        sub_centers=1,
        chunk_size=None,
        label_smoothing=0.0,
        extra_losses=(),
        centers_initializer=None,
        centers_regularizer=None,
        **kwargs,
    ):
        # autocast would round the embeddings before they are normalised.
        super().__init__(autocast=False, **kwargs)
        self.num_classes = check_count("num_classes", num_classes, 2)
        self.margin = margins.get(margin)
        self.scale = margins.resolve_scale(
            margins.check_scale(scale), self.num_classes
        )
        self.sub_centers = check_count("sub_centers", sub_centers)
        self.chunk_size = _check_chunk_size(chunk_size)
        self.label_smoothing = check_number(
            "label_smoothing", label_smoothing, 0.0, 1.0
        )
        self.extra_losses = _check_extra_losses(extra_losses, self.sub_centers)
        self.centers_initializer = keras.initializers.get(
            centers_initializer or keras.initializers.RandomNormal(stddev=0.01)
        )
        self.centers_regularizer = keras.regularizers.get(centers_regularizer)

    def build(self, embeddings_shape, labels_shape=None):
        rows = self.num_classes * self.sub_centers
        self.placement = softmax.place_classes(
            f"{self.path}/class_centers", self.num_classes
        )
        self.class_centers = self.add_weight(
            name="class_centers",
            shape=(rows, embedding_dim(embeddings_shape)),
            initializer=self.centers_initializer,
            regularizer=self.centers_regularizer,
            dtype="float32",
            autocast=False,
        )
        self.margin.for_classes(self.num_classes)

    def call(self, embeddings, labels=None, training=None):
        embeddings, labels = split_inputs(embeddings, labels)
        embeddings = ops.cast(embeddings, "float32")
        if labels is None or not training:
            return self.margin.logit_scale(self.scale) * self._cosine(
                embeddings
            )
        labels = self._class_ids(labels, embeddings)
        cosine, target, scale = self._margined(embeddings, labels)
        for term in self._extra_terms(embeddings, labels).values():
            self.add_loss(ops.mean(term))
        return scale * numerics.replace_target(cosine, labels, target)

    def margin_loss(self, embeddings, labels, training=True):
        """Returns the loss of each sample, all terms together.

        Equal to the cross entropy of the logits, plus the margin's penalty and
        the extra losses where there are any.

        Args:
            embeddings: Float tensor `(batch, embedding_dim)`, of any length.
            labels: Int tensor `(batch,)` or `(batch, 1)`. A label out of range
                raises where it is known and gives inf inside a graph.
            training: With `False` there is no margin, as in `call`.

        Returns:
            float32 `(batch,)`.
        """
        return sum(self.loss_terms(embeddings, labels, training).values())

    def loss_terms(self, embeddings, labels, training=True):
        """Returns the terms of `margin_loss`, by name.

        Args:
            embeddings: Float tensor `(batch, embedding_dim)`, of any length.
            labels: Int tensor `(batch,)` or `(batch, 1)`.
            training: With `False` there is only the plain cross entropy.

        Returns:
            Dictionary of float32 `(batch,)`: `margin_softmax`, and the names
            in `extra_terms` while training.
        """
        self._ensure_built(embeddings)
        embeddings = ops.cast(embeddings, "float32")
        labels = self._class_ids(labels, embeddings)
        chunk = self.placement.choose_chunk(
            embeddings.shape[0], self.num_classes, self.chunk_size
        )
        if chunk is None:
            loss = self._dense_loss(embeddings, labels, training)
        else:
            loss = fused_loss(self, embeddings, labels, chunk, training)
        extra = self._extra_terms(embeddings, labels) if training else {}
        return {"margin_softmax": loss, **extra}

    def _dense_loss(self, embeddings, labels, training):
        if training:
            cosine, target, scale = self._margined(embeddings, labels)
        else:
            cosine = self._cosine(embeddings)
            target = self._target_cosine(embeddings, labels)
            scale = self.margin.logit_scale(self.scale)
        return softmax.margin_cross_entropy(
            cosine, target, labels, scale, self.label_smoothing
        )

    @property
    def extra_terms(self):
        """Names of the terms of the loss beside the margin softmax."""
        names = [term.name for term in self.extra_losses]
        return (["norm_penalty"] if self.margin.has_penalty else []) + names

    def target_angle(self, embeddings, labels):
        """Returns the angle of each embedding to its class centre.

        Args:
            embeddings: Float tensor `(batch, embedding_dim)`.
            labels: Int tensor `(batch,)` or `(batch, 1)`.

        Returns:
            float32 `(batch,)`, radians: pi/2 for chance, 0 on the centre.
        """
        self._ensure_built(embeddings)
        embeddings = ops.cast(embeddings, "float32")
        labels = self._class_ids(labels, embeddings)
        return numerics.angle(self._target_cosine(embeddings, labels))

    def loss(self, reduction="sum_over_batch_size"):
        """Returns the Keras loss that fits this layer in a Sequential.

        Raises:
            ValueError: for a margin that needs more than logits, with
                `extra_losses`, which need embeddings, and with
                `label_smoothing`, which only `margin_loss` does.
        """
        if self.label_smoothing:
            raise ValueError(
                "label_smoothing is part of margin_loss, and layer.loss() has "
                "none. Use ArcFaceModel, or leave label_smoothing out."
            )
        if self.extra_losses:
            raise ValueError(
                "A loss on logits cannot see the embeddings that extra_losses "
                f"need ({', '.join(self.extra_terms)}). Give labels to the "
                "layer in a functional model, or use ArcFaceModel."
            )
        return MarginSoftmaxLoss(self.margin, self.scale, reduction)

    def _class_ids(self, labels, embeddings):
        labels = numerics.class_ids(labels, self.num_classes)
        numerics.check_batch(labels, embeddings)
        return labels

    def _margined(self, embeddings, labels):
        """Returns negatives, penalised targets and scale of a training step."""
        cosine = self._cosine(embeddings)
        target = self._target_cosine(embeddings, labels)
        norm = self._norm(embeddings)
        self.margin.update(
            target, norm, lambda s: softmax.log_negatives(cosine, labels, s)
        )
        penalized = self.margin(target, labels=labels, norm=norm)
        bent = self.margin.negatives(cosine, target, penalized)
        scale = self.margin.logit_scale(self.scale, norm, training=True)
        return bent, penalized, scale

    def _extra_terms(self, embeddings, labels):
        terms = {}
        if self.margin.has_penalty:
            terms["norm_penalty"] = self.margin.penalty(self._norm(embeddings))
        for term in self.extra_losses:
            terms[term.name] = term(embeddings, labels, self.class_centers)
        return terms

    def _norm(self, embeddings):
        return ops.squeeze(numerics.norm(embeddings), -1)

    def _cosine(self, embeddings):
        cosine = numerics.cosine_matrix(
            embeddings, self.class_centers, self.compute_dtype
        )
        return numerics.nearest_sub_center(cosine, self.sub_centers)

    def _target_cosine(self, embeddings, labels):
        # A bad label is refused or turned into inf elsewhere; here it must
        # not reach the gather, which some backends refuse and others clamp.
        labels = ops.clip(labels, 0, self.num_classes - 1)
        cosines = self.placement.own_cosines(
            embeddings, read(self.class_centers), labels, self.sub_centers
        )
        return ops.max(cosines, axis=-1)

    def _ensure_built(self, embeddings):
        if not self.built:
            self.build(tuple(embeddings.shape))
            self.built = True

    def compute_output_spec(self, embeddings, labels=None, training=None):
        embeddings, _ = split_inputs(embeddings, labels)
        return keras.KerasTensor(
            (embeddings.shape[0], self.num_classes), dtype="float32"
        )

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "margin": serialize(self.margin),
            "scale": self.scale,
            "sub_centers": self.sub_centers,
            "chunk_size": self.chunk_size,
            "label_smoothing": self.label_smoothing,
            "extra_losses": [serialize(term) for term in self.extra_losses],
            "centers_initializer": serialize(self.centers_initializer),
            "centers_regularizer": serialize(self.centers_regularizer),
        }


def _check_chunk_size(chunk_size):
    if chunk_size is None:
        return None
    return check_count("chunk_size", chunk_size, least=0)


def _check_extra_losses(terms, sub_centers):
    if not isinstance(terms, (list, tuple)):
        terms = [] if terms is None else [terms]
    terms = [
        keras.saving.deserialize_keras_object(term)
        if isinstance(term, dict)
        else term
        for term in terms
    ]
    for term in terms:
        if not isinstance(term, CenterTerm):
            raise ValueError(
                "extra_losses must be terms on class centres, such as "
                f"[IntraLoss(), InterLoss()]. Received: {term!r}."
            )
    names = [term.name for term in terms]
    if len(set(names)) < len(names) or set(names) & _TAKEN_NAMES:
        raise ValueError(
            "extra_losses must have names of their own, such as "
            f"IntraLoss(name='other'), and none of {sorted(_TAKEN_NAMES)}. "
            f"Received: {names}."
        )
    if terms and sub_centers > 1:
        raise ValueError(
            "extra_losses are defined for one centre a class. Received: "
            f"sub_centers={sub_centers}."
        )
    return list(terms)
