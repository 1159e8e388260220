"""Backbone and head in one Keras model."""

import keras
import numpy as np
from keras import ops

from keras_arcface import numerics
from keras_arcface import softmax
from keras_arcface.embedding import embed
from keras_arcface.layers.angle_histogram import AngleHistogram
from keras_arcface.layers.arc_margin import ArcMarginLayer
from keras_arcface.layers.head_checks import check_centers_rate
from keras_arcface.layers.head_checks import check_clip_backbone
from keras_arcface.layers.head_checks import check_head
from keras_arcface.layers.head_checks import check_no_regularizer
from keras_arcface.layers.training_modes import modes_of
from keras_arcface.layers.training_modes import set_modes


@keras.saving.register_keras_serializable(package="keras_arcface")
class ArcFaceModel(keras.Model):
    """A backbone that learns embeddings under a margin head.

    `compile(optimizer)` and `fit(images, labels)` are all it takes: the loss
    comes from the head. `fit` shows the loss and, of a head with class
    centres or proxies, the mean target angle in degrees, which starts near 90
    and falls as the model learns; where it stays, the model does not learn.

    Args:
        backbone: `keras.Model`, images to features `(batch, embedding_dim)`.
        head: `ArcMarginLayer`, or any layer with a `margin_loss(embeddings,
            labels, training)`, such as `CrossBatchMemory`; or an int, the
            number of classes, for an `ArcMarginLayer` with `scale="auto"`.
        **kwargs: Of `keras.Model`.

    Call arguments:
        images: `(batch, height, width, 3)`, RGB in [0, 255].

    Returns:
        float32 `(batch, embedding_dim)` of unit length. With `training=True`,
        the features before normalisation: some margins read their length.

    Raises:
        ValueError: for a head that has no loss on embeddings; when fit gets no
            labels, or labels that are no class ids.

    Example:

    >>> backbone = keras.Sequential(
    ...     [keras.Input((8, 8, 3)), keras.layers.Flatten(),
    ...      keras.layers.Dense(16)]
    ... )
    >>> model = keras_arcface.ArcFaceModel(backbone, 10)
    >>> model.compile("sgd")
    >>> tuple(model(np.zeros((2, 8, 8, 3), "float32")).shape)
    (2, 16)
    """

    own_terms = ()  # Of `loss_terms`, shown whatever the head.

    def __init__(self, backbone, head, **kwargs):
        super().__init__(**kwargs)
        if isinstance(head, (type, keras.layers.Layer)):
            check_head(head)
        else:
            head = ArcMarginLayer(head, scale="auto")
        self.backbone = backbone
        self.head = head
        self.angle_tracker = self.angle_histogram = None
        if hasattr(head, "target_angle"):
            self.angle_tracker = keras.metrics.Mean(name="angle")
            self.angle_histogram = AngleHistogram()
        names = (*self.own_terms, *getattr(head, "extra_terms", ()))
        self.term_trackers = [_TermMean(name=name) for name in names]
        # Keras's own reduction: sample weights and replicas are its business.
        self._mean = _PerSampleMean(name="margin_loss")
        self._modes = {}
        if backbone.built:
            self.build(backbone.input_shape)

    def build(self, input_shape):
        if not self.backbone.built:
            self.backbone.build(input_shape)
        if not self.head.built:
            self.head.build(self.backbone.compute_output_shape(input_shape))
            self.head.built = True
        set_modes(self.backbone, self._modes)
        self.built = True

    def call(self, images, training=None):
        features = self.backbone(images, training=training)
        if training:
            return numerics.at_least_float32(features)
        return numerics.unit(features)

    def compile(
        self,
        optimizer="sgd",
        loss=None,
        *,
        metrics=None,
        centers_rate=1.0,
        dense_update=False,
        clip_backbone=None,
        **kwargs,
    ):
        """Configures training. The loss is the head's.

        Args:
            optimizer: As in `keras.Model.compile`.
            loss: Must be left out.
            metrics: Optional Keras metrics of (labels, plain logits), for
                example `["sparse_categorical_accuracy"]`.
            centers_rate: Float > 0, the class centres' learning rate in
                multiples of the optimizer's. Defaults to `1.0`.
            dense_update: What a step with `sample_rate < 1` moves. False, the
                default: the class centres that it drew and their slots of the
                optimizer, no others, with gradients of the sample's size; for
                SGD, Adam and AdamW. True: all, as in arcface_torch's
                `partial_fc_v2`: momentum and weight decay move centres that
                were not drawn, and any optimizer will do.
            clip_backbone: Float > 0, the greatest global norm of the
                backbone's gradient, to which a longer one is scaled; the
                class centres' is never clipped. arcface_torch has 5. None,
                the default, for no limit.
            **kwargs: As in `keras.Model.compile`.

        Raises:
            ValueError: for a loss; for an optimizer or a regularizer of the
                centres that would move centres that were not drawn.
        """
        softmax.check_distribution()
        if loss is not None:
            raise ValueError(
                "ArcFaceModel takes its loss from the head. Leave `loss` out "
                "of compile(), and choose the margin when you make the head: "
                "ArcMarginLayer(num_classes, margin=..., scale=...)."
            )
        if metrics and any(m in ("accuracy", "acc") for m in metrics):
            # Without a loss Keras cannot tell which accuracy is meant.
            metrics = [
                "sparse_categorical_accuracy" if m in ("accuracy", "acc") else m
                for m in metrics
            ]
        options = {
            "centers_rate": check_centers_rate(centers_rate, self.head),
            "dense_update": softmax.check_bool("dense_update", dense_update),
            "clip_backbone": check_clip_backbone(clip_backbone),
        }
        by_rows = (
            getattr(self.head, "sample_rate", 1.0) < 1 and not dense_update
        )
        if by_rows:
            optimizer = keras.optimizers.get(optimizer)
            softmax.check_optimizer(optimizer)
            check_no_regularizer(self.head)
        super().compile(optimizer=optimizer, metrics=metrics, **kwargs)
        self._center_options, self._by_rows = options, by_rows
        softmax.set_center_rate(
            self.optimizer, lambda: _centers_of(self.head), centers_rate
        )
        softmax.set_clipping(
            self.optimizer,
            lambda: self.trainable_variables,
            lambda: self.backbone.trainable_variables,
            options["clip_backbone"],
        )

    def get_compile_config(self):
        config = super().get_compile_config()
        return {**config, **self._center_options} if config else config

    def train_step(self, *args):
        _, labels, _ = keras.utils.unpack_x_y_sample_weight(args[-1])
        _require_labels(labels)
        if self._by_rows and self.head.class_centers.trainable:
            rate = self._center_options["centers_rate"]
            return softmax.row_step(self, rate, *args)
        return super().train_step(*args)

    def count_loss(self, loss, samples):
        """Adds the mean loss of that many samples to what `fit` shows."""
        shown = next(m for m in self.metrics if m.name == "loss")
        shown.update_state(loss, sample_weight=samples)

    def fit(self, x=None, y=None, *args, validation_data=None, **kwargs):
        """Trains as `keras.Model.fit`, after looking at labels it can see.

        Raises:
            ValueError: for labels, given as an array, that are no class ids of
                the head. (Those of a data set are known only inside the
                graph: one outside the classes makes the loss infinite.)
                And for batches of arrays that the devices of a
                `keras.distribution` cannot share.
        """
        self._check_labels(y)
        batch_size = args[0] if args else kwargs.get("batch_size")
        split = kwargs.get("validation_split") or 0.0
        softmax.check_batches(x, batch_size, split=split)
        if (
            isinstance(validation_data, (list, tuple))
            and len(validation_data) > 1
        ):
            self._check_labels(validation_data[1])
            batch_size = kwargs.get("validation_batch_size") or batch_size
            softmax.check_batches(
                validation_data[0], batch_size, "validation samples"
            )
        return super().fit(
            x, y, *args, validation_data=validation_data, **kwargs
        )

    def _check_labels(self, labels=None):
        if hasattr(labels, "dtype") and hasattr(labels, "shape"):
            numerics.class_ids(labels, self.head.num_classes)

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built and self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    @property
    def metrics(self):
        known = super().metrics
        ours = [*self.term_trackers]
        if self.angle_tracker is not None:
            ours[:0] = [self.angle_tracker, self.angle_histogram]
        return known + [m for m in ours if m not in known]

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        _require_labels(y)
        terms = self.loss_terms(x, y_pred, y, training)
        per_sample = sum(terms.values())
        self._update_metrics(y, y_pred, sample_weight, training)
        for tracker in self.term_trackers:
            if tracker.name in terms:
                tracker.update_state(terms[tracker.name], sample_weight)
        loss = self._mean(per_sample, per_sample, sample_weight)
        if self.losses:
            extra = ops.expand_dims(ops.sum(ops.stack(self.losses)), 0)
            loss = loss + self._mean(extra, extra)
        return loss

    def loss_terms(self, images, features, labels, training=True):
        """Returns the terms of the loss by name, each float32 `(batch,)`."""
        if hasattr(self.head, "loss_terms"):
            return self.head.loss_terms(features, labels, training=training)
        loss = self.head.margin_loss(features, labels, training=training)
        return {"loss": loss}

    def _update_metrics(self, y, features, sample_weight, training):
        # Here rather than in compute_metrics, where the JAX backend has the
        # metrics' variables at hand but not the class centres.
        if self.angle_tracker is not None:
            degrees = self.head.target_angle(features, y) * (180.0 / np.pi)
            self.angle_tracker.update_state(degrees, sample_weight)
            if training:
                self.angle_histogram.update_state(degrees, sample_weight)
        if self._compile_metrics is not None:
            logits = self.head(features, training=False)
            self._compile_metrics.update_state(y, logits, sample_weight)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        if (
            self._compile_metrics is not None
            and not self._compile_metrics.built
        ):
            self._compile_metrics.build(y, self.head(y_pred))
        return self.get_metrics_result()

    def embed(self, images, batch_size=128, flip=False, verbose=False):
        """Returns the unit embeddings of many pictures.

        Args:
            images: Array `(n, height, width, 3)`, RGB in [0, 255], or an
                iterable of such batches.
            batch_size: Int, for an array.
            flip: Whether to add the features of the mirrored picture before
                normalising, as the papers' test protocols do.
            verbose: Whether to show progress.

        Returns:
            NumPy float32 `(n, embedding_dim)`.
        """
        return embed(self.backbone, images, batch_size, flip, verbose)

    def head_plan(self, batch_size, devices=None):
        """Returns the `HeadPlan` of training: path and memory of the head.

        Args:
            batch_size: Int, pictures a step.
            devices: Int, as of `HeadPlan`. Defaults to those that the head
                was built on.

        Raises:
            ValueError: for a head without class centres.
        """
        self._check_class_centers("head_plan")
        options = getattr(self, "_center_options", {})
        return self.head.plan(
            batch_size,
            getattr(self, "optimizer", None),
            dense_update=options.get("dense_update", False),
            devices=devices,
        )

    def extend(self, n, centers=None, **kwargs):
        """Returns a new model whose head knows `n` more classes.

        It shares this model's backbone, so training either moves both. It is
        not compiled: compile it again. The optimizer starts anew, also for the
        old classes; a lower learning rate than at first suits it.

        Args:
            n: Int > 0, new classes, with the ids from `num_classes` on.
            centers: Where the new class centres point, for example
                `embed(images)` averaged over each new identity.
            **kwargs: As of `ArcMarginLayer.extend`.

        Raises:
            ValueError: for a head without class centres, and as
                `ArcMarginLayer.extend`.
        """
        self._check_class_centers("extend")
        head = self.head.extend(n, centers, **kwargs)
        # The policy decides whether compile() scales the loss.
        return type(self)(
            self.backbone, head, name=self.name, dtype=self.dtype_policy
        )

    def _check_class_centers(self, what):
        if not isinstance(self.head, ArcMarginLayer):
            raise ValueError(
                f"{what} needs a head with class centres, such as "
                f"ArcMarginLayer. Received: {type(self.head).__name__}."
            )

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        modes = modes_of(self.backbone)
        return {
            **super().get_config(),
            "backbone": serialize(self.backbone),
            "head": serialize(self.head),
            **({"backbone_modes": modes} if modes else {}),
        }

    @classmethod
    def from_config(cls, config):
        deserialize = keras.saving.deserialize_keras_object
        config = dict(config)
        modes = config.pop("backbone_modes", {})
        model = cls(
            deserialize(config.pop("backbone")),
            deserialize(config.pop("head")),
            **config,
        )
        model._modes = modes
        if model.built:
            set_modes(model.backbone, modes)
        return model


def _require_labels(labels):
    if labels is None:
        raise ValueError(
            "ArcFaceModel learns from labels. Pass fit(images, labels) or a "
            "data set of (images, labels)."
        )


def _centers_of(head):
    """Returns the variable of a head's class centres, or of its proxies."""
    name = "class_centers" if hasattr(head, "class_centers") else "proxies"
    return getattr(head, name)


class _TermMean(keras.metrics.Mean):
    """The mean of a term of the loss; NaN where, as in evaluation, none is."""

    def result(self):
        return ops.where(self.count > 0, super().result(), float("nan"))


class _PerSampleMean(keras.losses.Loss):
    """Reduces losses that were computed with integer labels elsewhere."""

    def call(self, y_true, y_pred):
        return y_pred
