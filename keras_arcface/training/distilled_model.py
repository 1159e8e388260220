"""An `ArcFaceModel` with a teacher."""

import hashlib
import numbers

import keras
import numpy as np
from keras import ops

from keras_arcface import numerics
from keras_arcface.model import ArcFaceModel

MARGIN_TERM = "margin_loss"
TEACHER_TERM = "teacher_loss"


@keras.saving.register_keras_serializable(package="keras_arcface")
class DistilledModel(ArcFaceModel):
    """An `ArcFaceModel` that also learns to embed as a teacher does.

        loss = margin loss + weight * mean(1 - cos(student, teacher))

    The teacher sees the very pictures that the student sees, augmented alike,
    as at inference. `fit` shows both terms beside their sum, as `margin_loss`
    and `teacher_loss`. A student of another embedding size is compared through
    a linear projection that only training knows: embeddings do not pass it.

    The teacher is not trained and not saved. A saved model knows it by the
    SHA-256 of its weights; give it back with `follow` before training goes on.
    `student()` is the plain model, with nothing of the teacher in it.

    Args:
        backbone: As of `ArcFaceModel`.
        head: As of `ArcFaceModel`.
        weight: Float > 0, of the teacher's term. Keras_insightface takes 7
            and 128.
        teacher: `keras.Model`, images of the same size to features. It is
            frozen.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: for a weight that is no positive number, and for a teacher
            that takes other pictures or is not the one known; when it is
            trained without one.

    Reference:
    - [Keras_insightface](https://github.com/leondgarse/Keras_insightface),
      distillation by cosine: a MobileNet on CASIA from 98.38% to 99.55% on LFW
      with weight 128

    Example:

    >>> teacher = keras_arcface.SmallNet(embedding_dim=16)
    >>> student = keras_arcface.SmallNet(embedding_dim=8)
    >>> model = keras_arcface.DistilledModel(student, 10, 5.0, teacher)
    >>> type(model.student()).__name__
    'ArcFaceModel'
    """

    own_terms = (MARGIN_TERM, TEACHER_TERM)

    def __init__(self, backbone, head, weight, teacher, **kwargs):
        # All before Keras, which builds the model and then takes no more.
        self.weight = _check_weight(weight)
        self.projection = None
        self._teacher = _Untracked()
        saved = isinstance(teacher, dict)  # What a saved model knows of it.
        self._known = dict(teacher) if saved else facts_of(teacher)
        super().__init__(backbone, head, **kwargs)
        if not saved:
            self.follow(teacher)

    def build(self, input_shape):
        super().build(input_shape)
        own = self.backbone.output_shape[-1]
        theirs = self.teacher_facts["embedding_dim"]
        if own != theirs:
            self.projection = keras.layers.Dense(
                theirs, use_bias=False, dtype="float32", name="projection"
            )
            self.projection.build((None, own))

    @property
    def teacher_facts(self):
        """What is kept of the teacher: `sha256` and `embedding_dim`."""
        return dict(self._known)

    @property
    def has_teacher(self):
        """Whether there is a teacher; a loaded model waits for `follow`."""
        return self._teacher.model is not None

    def follow(self, teacher):
        """Gives a model that was loaded its teacher back.

        Args:
            teacher: `keras.Model`, images to features. It is frozen.

        Raises:
            ValueError: when it is another one than this model was trained
                with, or takes pictures of another size.
        """
        check_same_teacher(facts_of(teacher), self.teacher_facts)
        check_pictures(teacher, self.backbone)
        teacher.trainable = False  # Or a gradient tape keeps its activations.
        self._teacher.model = teacher

    def loss_terms(self, images, features, labels, training=True):
        terms = super().loss_terms(images, features, labels, training)
        extra = {
            t.name: terms.pop(t.name)
            for t in self.term_trackers
            if t.name in terms
        }
        cosine = self.teacher_cosine(images, features)
        return {
            MARGIN_TERM: sum(terms.values()),
            TEACHER_TERM: self.weight * (1.0 - cosine),
            **extra,
        }

    def teacher_cosine(self, images, features):
        """Returns the cosines of student and teacher, float32 `(batch,)`.

        Args:
            images: `(batch, height, width, 3)`, RGB in [0, 255].
            features: `(batch, embedding_dim)`, what the student made of them.
        """
        if not self.has_teacher:
            raise ValueError(
                "A saved model does not hold its teacher. Load that, with "
                "load_backbone(...), and give it back before training goes "
                "on: model.follow(teacher)."
            )
        features = ops.cast(features, "float32")
        if self.projection is not None:
            features = self.projection(features)
        target = self._teacher.model(images, training=False)
        target = ops.stop_gradient(ops.cast(target, "float32"))
        return ops.sum(numerics.unit(features) * numerics.unit(target), axis=-1)

    @property
    def non_trainable_variables(self):
        # Not saved, but known to a compiled JAX step as state: what a step
        # meets by surprise is compiled into it as constants.
        return super().non_trainable_variables + self.foreign_variables

    @property
    def foreign_variables(self):
        """The teacher's: a checkpoint of this model leaves them out."""
        return self._teacher.model.variables if self.has_teacher else []

    def student(self):
        """Returns a plain `ArcFaceModel` of this backbone and head.

        It shares their weights, is not compiled, and is what to keep.
        """
        return ArcFaceModel(
            self.backbone, self.head, name=self.name, dtype=self.dtype_policy
        )

    def extend(self, n, centers=None, **kwargs):
        """As `ArcFaceModel.extend`; the new model is plain, untaught."""
        return self.student().extend(n, centers, **kwargs)

    def get_config(self):
        config = super().get_config()
        return {
            **config,
            "weight": self.weight,
            "teacher": self.teacher_facts,
        }


def weights_sha256(model):
    """Returns the SHA-256 of a model's weights, in their order."""
    digest = hashlib.sha256()
    for variable in model.variables:
        value = np.ascontiguousarray(ops.convert_to_numpy(variable))
        digest.update(f"{value.dtype} {value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def facts_of(teacher):
    """Returns what a saved model keeps of its teacher."""
    return {
        "sha256": weights_sha256(teacher),
        "embedding_dim": int(teacher.output_shape[-1]),
    }


def check_same_teacher(facts, before):
    """Refuses another teacher than the one before, by what `facts_of` says."""
    if facts != before:
        raise ValueError(
            "The teacher is not the one that this model was trained with: its "
            f"weights have the SHA-256 {facts['sha256'][:12]}..., those of "
            f"the teacher were {before['sha256'][:12]}... Restore that "
            "teacher, or start a new run."
        )


def check_pictures(teacher, student):
    """Refuses a teacher that takes pictures of another size."""
    theirs, ours = teacher.input_shape[1:], student.input_shape[1:]
    if any(a != b for a, b in zip(theirs, ours, strict=True) if a and b):
        raise ValueError(
            "teacher and student see the same pictures. Received: a teacher "
            f"for {theirs} and a student for {ours} (height, width, 3). Take "
            "a student of the teacher's size."
        )


class _Untracked:
    """Hides a model from Keras, which saves and trains what it can see.

    A property that returned the model would be seen too.
    """

    model = None


def _check_weight(weight):
    number = isinstance(weight, numbers.Real) and not isinstance(weight, bool)
    if not number or not 0 < weight < float("inf"):
        raise ValueError(
            "weight must be a positive number, what 1 - cosine to the teacher "
            f"counts beside the margin loss. Received: weight={weight!r}."
        )
    return float(weight)
