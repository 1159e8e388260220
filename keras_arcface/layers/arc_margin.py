"""The head: class centres, cosines, and a margin on the target."""

import contextlib

import keras
from keras import ops

from keras_arcface import margins
from keras_arcface import numerics
from keras_arcface import softmax
from keras_arcface.layers.extend import extended
from keras_arcface.layers.fused_loss import fused_loss
from keras_arcface.layers.head_checks import check_chunk_size
from keras_arcface.layers.head_checks import check_extra_losses
from keras_arcface.layers.head_plan import head_plan
from keras_arcface.losses import MarginSoftmaxLoss
from keras_arcface.losses.head import embedding_dim
from keras_arcface.losses.head import split_inputs
from keras_arcface.margins.checks import check_count
from keras_arcface.margins.checks import check_number
from keras_arcface.ranges import LogUniform


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
        sample_rate: Float in (0, 1], the share of the classes that a training
            step sees (Partial FC): those of the batch and others drawn anew
            every time, of which at least as many as the batch has samples.
            Below 1, `margin_loss` and memory are those of the sample; see
            `ArcFaceModel.compile` for what then moves. Defaults to `1.0`.
        label_smoothing: Float in [0, 1), the share of the target that
            `margin_loss` spreads evenly over all classes. Defaults to `0.0`.
        extra_losses: Terms beside the margin softmax, such as
            `[IntraLoss(), InterLoss()]`.
        centers_initializer: Initializer of the class centres `(num_classes *
            sub_centers, embedding_dim)`, class-major. Defaults to a normal of
            deviation 0.01, as insightface.
        centers_regularizer: Regularizer of the class centres.
        seed: Int or None, of the classes that are drawn.
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
    - [An et al., 2022, Partial FC](https://arxiv.org/abs/2203.15565)

    Example:

    >>> layer = keras_arcface.ArcMarginLayer(10, scale="auto")
    >>> logits = layer(np.ones((2, 4), "float32"))
    >>> tuple(logits.shape)
    (2, 10)
    """

    # Beside those of the margin; for those that bring no scale of their own.
    search_space = {"scale": LogUniform(8.0, 256.0)}

    def __init__(
        self,
        num_classes,
        margin=0.5,
        scale=64.0,
        sub_centers=1,
        chunk_size=None,
        sample_rate=1.0,
        label_smoothing=0.0,
        extra_losses=(),
        centers_initializer=None,
        centers_regularizer=None,
        seed=None,
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
        self.chunk_size = check_chunk_size(chunk_size)
        self.sample_rate = softmax.check_sample_rate(sample_rate)
        self.label_smoothing = check_number(
            "label_smoothing", label_smoothing, 0.0, 1.0
        )
        self.extra_losses = check_extra_losses(extra_losses, self.sub_centers)
        if self.extra_losses and self.sample_rate < 1:
            raise ValueError(
                "extra_losses are defined over all class centres. Received: "
                f"sample_rate={sample_rate}."
            )
        self.centers_initializer = keras.initializers.get(
            centers_initializer or keras.initializers.RandomNormal(stddev=0.01)
        )
        self.centers_regularizer = keras.regularizers.get(centers_regularizer)
        self.seed = seed
        self.seed_generator = None
        if self.sample_rate < 1:
            self.seed_generator = keras.random.SeedGenerator(seed)
        self._sample = None

    def build(self, embeddings_shape, labels_shape=None):
        rows = self.num_classes * self.sub_centers
        self.placement = softmax.place_classes(
            f"{self.path}/class_centers", self.num_classes, self.sample_rate
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
                embeddings, self.class_centers
            )
        self._refuse_sampled_logits()
        labels = self._class_ids(labels, embeddings)
        cosine, target, scale = self._margined(
            embeddings, labels, self._all(labels)
        )
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
        classes = self._classes(labels, training)
        chunk = classes.placement.choose_chunk(
            embeddings.shape[0], classes.count, self.chunk_size
        )
        if chunk is None:
            loss = self._dense_loss(embeddings, labels, classes, training)
        else:
            loss = fused_loss(
                self, embeddings, labels, classes, chunk, training
            )
        extra = self._extra_terms(embeddings, labels) if training else {}
        return {"margin_softmax": loss, **extra}

    def sample(self, labels):
        """Draws the classes of a training step, and gathers their centres.

        Args:
            labels: Int tensor `(batch,)` or `(batch, 1)`.

        Returns:
            `keras_arcface.softmax.Classes`, for `using`.
        """
        if not self.built:
            raise ValueError(
                "This head has no class centres yet to draw from. Build it, "
                "or call margin_loss(embeddings, labels) once before."
            )
        labels = numerics.class_ids(labels, self.num_classes)
        size = softmax.sample_size(
            self.sample_rate, self.num_classes, labels.shape[0]
        )
        classes = softmax.sample_classes(
            labels, self.num_classes, size, self.seed_generator
        )
        return softmax.take_classes(
            self.class_centers, labels, classes, self.sub_centers
        )

    @contextlib.contextmanager
    def using(self, sample):
        """Makes `margin_loss` in training take this sample, not a new one.

        So a train step can differentiate by the sample's centres alone.
        """
        self._sample = sample
        try:
            yield
        finally:
            self._sample = None

    def _classes(self, labels, training):
        if not training or self.sample_rate == 1:
            return self._all(labels)
        return self._sample or self.sample(labels)

    def _all(self, labels):
        return softmax.Classes(
            self.class_centers, labels, self.num_classes, self.placement
        )

    def _dense_loss(self, embeddings, labels, classes, training):
        if training:
            cosine, target, scale = self._margined(embeddings, labels, classes)
        else:
            cosine = self._cosine(embeddings, classes.centers)
            target = self._target_cosine(embeddings, classes)
            scale = self.margin.logit_scale(self.scale)
        return softmax.margin_cross_entropy(
            cosine, target, classes.positions, scale, self.label_smoothing
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
        # Of a sample where there is one: it holds the labels' classes, and the
        # matrix of all centres is then free to be written to.
        classes = self._sample or self._all(labels)
        return numerics.angle(self._target_cosine(embeddings, classes))

    def loss(self, reduction="sum_over_batch_size"):
        """Returns the Keras loss that fits this layer in a Sequential.

        Raises:
            ValueError: for a margin that needs more than logits, with
                `extra_losses`, which need embeddings, and with
                `label_smoothing` or `sample_rate`, which only `margin_loss`
                does.
        """
        self._refuse_sampled_logits()
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

    def extend(self, n, centers=None, margin=None):
        """Returns a new head that knows `n` more classes.

        The old class centres are the first rows of its own, bit for bit, and
        the margin's state goes with them; this layer stays as it is. A scale
        stays the number that it is, `"auto"` too; only a fixed `AdaCos` takes
        its scale from the new count.

        Args:
            n: Int > 0, new classes, with the ids from `num_classes` on.
            centers: Optional floats `(n * sub_centers, embedding_dim)`,
                class-major: where the new class centres point, for example
                the mean embedding of each new identity. Defaults to those of
                `centers_initializer`. Their length becomes the mean of the
                old ones', so that all learn at one pace.
            margin: Optional margin for all classes. `PerClass`, which has one
                for each, needs another.

        Returns:
            A built layer of the same class.

        Raises:
            ValueError: for a layer that is not built, and for arguments that
                do not fit.
        """
        return extended(self, n, centers, margin)

    def plan(self, batch_size, optimizer=None, **kwargs):
        """Returns the `HeadPlan` of this built layer.

        Args:
            batch_size: Int, pictures a step.
            optimizer: Keras optimizer; defaults to the SGD of `train`.
            **kwargs: `dense_update` and `devices`, as of `HeadPlan`.
        """
        return head_plan(self, batch_size, optimizer, **kwargs)

    def _refuse_sampled_logits(self):
        if self.sample_rate < 1:
            raise ValueError(
                "sample_rate < 1 draws classes in margin_loss; logits are of "
                "all classes. Use ArcFaceModel(backbone, head), or leave "
                "sample_rate out."
            )

    def _class_ids(self, labels, embeddings):
        labels = numerics.class_ids(labels, self.num_classes)
        numerics.check_batch(labels, embeddings)
        return labels

    def _margined(self, embeddings, labels, classes):
        """Returns negatives, penalised targets and scale of a training step."""
        cosine = self._cosine(embeddings, classes.centers)
        target = self._target_cosine(embeddings, classes)
        norm = self._norm(embeddings)
        self.margin.update(
            target,
            norm,
            lambda s: softmax.log_negatives(cosine, classes.positions, s),
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

    def _cosine(self, embeddings, centers):
        cosine = numerics.cosine_matrix(embeddings, centers, self.compute_dtype)
        return numerics.nearest_sub_center(cosine, self.sub_centers)

    def _target_cosine(self, embeddings, classes):
        # A bad label is refused or turned into inf elsewhere; here it must
        # not reach the gather, which some backends refuse and others clamp.
        place = ops.clip(classes.positions, 0, classes.count - 1)
        cosines = classes.placement.own_cosines(
            embeddings, classes.centers, place, self.sub_centers
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
            "sample_rate": self.sample_rate,
            "label_smoothing": self.label_smoothing,
            "extra_losses": [serialize(term) for term in self.extra_losses],
            "centers_initializer": serialize(self.centers_initializer),
            "centers_regularizer": serialize(self.centers_regularizer),
            "seed": self.seed,
        }

    def save_own_variables(self, store):
        super().save_own_variables(store)
        if self.seed_generator is not None:
            store["seed_state"] = self.seed_generator.state

    def load_own_variables(self, store):
        # A file may come from a head with another sample rate.
        names = set(store.keys())
        super().load_own_variables(
            {k: store[k] for k in names - {"seed_state"}}
        )
        if self.seed_generator is not None and "seed_state" in names:
            self.seed_generator.state.assign(store["seed_state"])
