"""A student that follows a teacher's embeddings.

Two ways, by what there is to learn from:

- with labels, `DistilledModel`: the margin loss of an `ArcFaceModel` and the
  distance to the teacher. It is what `distillation.teacher` in a recipe means.
- without, `label_free`: the distance alone, on Keras's own `Distiller`.

`Distiller` does not fit the first: it wants a loss on predictions, where the
margin loss belongs to a head with weights, and casts class ids to float on the
way to it; it mixes the two losses by shares that add up to one, ignores sample
weights, refuses embeddings of different sizes, and writes the teacher into
every checkpoint.
"""

import keras

from keras_arcface.pretrained import load_backbone
from keras_arcface.training.distilled_model import DistilledModel
from keras_arcface.training.distilled_model import check_pictures
from keras_arcface.training.distilled_model import check_same_teacher


def with_teacher(model, recipe):
    """Returns the model that a recipe's `distillation` section asks for.

    Args:
        model: An `ArcFaceModel` that is not compiled; or, when a run goes on,
            the `DistilledModel` that was saved.
        recipe: `Recipe`, of which `distillation.teacher` (as `load_backbone`
            takes it) and `distillation.weight` are read.

    Returns:
        `model` itself without a teacher in the recipe, else a `DistilledModel`
        that has its teacher.

    Raises:
        ValueError: for a teacher that is another one than when the run began,
            or that takes pictures of another size.
    """
    section = recipe.distillation
    if section.teacher is None:
        return model
    teacher = _load(section.teacher)
    try:
        check_pictures(teacher, model.backbone)
    except ValueError as error:
        raise ValueError(
            f"distillation.teacher={section.teacher!r}: {error} In a recipe: "
            "set data.image_size to the teacher's, and data.resize=true for "
            "pictures of another size."
        ) from error
    if isinstance(model, DistilledModel):
        model.follow(teacher)
        return model
    return DistilledModel(
        model.backbone,
        model.head,
        section.weight,
        teacher,
        name=model.name,
        dtype=model.dtype_policy,
    )


def _load(teacher):
    try:
        return load_backbone(teacher)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"distillation.teacher: {error}") from error
    except ValueError as error:
        raise ValueError(f"distillation.teacher: {error}") from error


def label_free(student, teacher, optimizer="adam", **kwargs):
    """Returns Keras's `Distiller`, compiled, for pictures without labels.

        loss = -mean(cos(student, teacher))

    `fit` takes batches of pictures alone. `student` learns and is what to keep.

    Args:
        student: `keras.Model`, images to features.
        teacher: `keras.Model`, images to features of the same size. Frozen.
        optimizer: As in `keras.Model.compile`.
        **kwargs: As in `keras.Model.compile`.

    Raises:
        ValueError: for a teacher that takes other pictures, or whose
            embeddings are of another size.
    """
    check_pictures(teacher, student)
    distiller = keras.distillation.Distiller(
        teacher,
        student,
        keras.distillation.FeatureDistillation(loss="cosine_similarity"),
        student_loss_weight=0.0,
    )
    # It asks for a loss on labels, and with a weight of 0 does not use it.
    distiller.compile(optimizer, loss="mse", **kwargs)
    return distiller


class TeacherGuard(keras.callbacks.Callback):
    """Refuses to go on with another teacher than a run began with.

    For runs whose model is built anew and given its variables back, which
    are not the teacher's. `state` and `restore` are for the checkpoints.
    """

    def __init__(self):
        super().__init__()
        self._before = None

    def state(self):
        """Returns what tells the teacher from others."""
        return self.model.teacher_facts

    def restore(self, state):
        """Takes what a run began with; it is compared as training begins."""
        self._before = dict(state)

    def on_train_begin(self, logs=None):
        if self._before is not None:
            check_same_teacher(self.model.teacher_facts, self._before)
