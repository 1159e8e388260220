"""The model of a recipe, and the phases that it is trained in."""

import dataclasses

import keras

from keras_arcface import softmax
from keras_arcface.backbones.registry import create_backbone
from keras_arcface.data import ImageData
from keras_arcface.layers import ArcMarginLayer
from keras_arcface.layers import freeze_batch_norm
from keras_arcface.layers import synchronize_batch_norm
from keras_arcface.margins import PerClass
from keras_arcface.model import ArcFaceModel
from keras_arcface.pretrained import load_backbone
from keras_arcface.training.averaging import averages_of
from keras_arcface.training.averaging import start_averages
from keras_arcface.training.class_means import class_means
from keras_arcface.training.class_means import set_class_centers
from keras_arcface.training.distillation import with_teacher
from keras_arcface.training.optimizers import make_optimizer
from keras_arcface.training.recipe import PER_CLASS
from keras_arcface.training.recipe import Recipe
from keras_arcface.training.schedules import make_schedule


@dataclasses.dataclass(frozen=True)
class Phase:
    """Epochs in which the same weights train.

    Attributes:
        first_epoch: Its first epoch, counted from 0.
        end_epoch: The epoch after its last.
        head_only: Whether the backbone stands still, down to the statistics of
            BatchNormalization.
    """

    first_epoch: int
    end_epoch: int
    head_only: bool


def phases(recipe: Recipe) -> list[Phase]:
    """Returns the phases of a recipe: the head alone, if at all, then all."""
    frozen, epochs = recipe.backbone.frozen_epochs, recipe.schedule.epochs
    found = [Phase(0, frozen, True), Phase(frozen, epochs, False)]
    return [phase for phase in found if phase.end_epoch > phase.first_epoch]


def build_model(
    recipe: Recipe, data: ImageData, steps_per_epoch: int
) -> ArcFaceModel:
    """Returns the model that a recipe describes, compiled for its first phase.

    Under the recipe's dtype policy, and in the scope of what devices it uses.

    Args:
        recipe: What to build and how to train it.
        data: What it is trained on: its classes, the size of its pictures.
        steps_per_epoch: Batches an epoch.

    Raises:
        ValueError: when the weights to start from, or the teacher, do not fit
            the recipe or the pictures.
    """
    recipe = recipe.resolved()
    backbone = _backbone(recipe.backbone, data.image_size)
    model = ArcFaceModel(backbone, _head(recipe.head, data))
    if recipe.head.centers == "means":
        set_class_centers(model.head, class_means(backbone, data))
    model = with_teacher(model, recipe)
    enter_phase(model, recipe, phases(recipe)[0], steps_per_epoch)
    return model


def enter_phase(
    model: ArcFaceModel, recipe: Recipe, phase: Phase, steps_per_epoch: int
) -> None:
    """Sets what trains in a phase, and compiles the model anew.

    Learning rate, moving averages and the scale of the loss go on where they
    were. Momentum and the like start at zero, as does the sum of gradients
    that wait for others under accumulation.

    Args:
        model: Of `build_model`, or a loaded one.
        recipe: The same as before.
        phase: One of `phases(recipe)`.
        steps_per_epoch: Batches an epoch.
    """
    before = getattr(model, "optimizer", None)
    averages = averages_of(model) if before is not None else {}
    _set_trainable(model.backbone, phase, recipe.backbone.batch_norm)
    section = recipe.optimizer
    schedule = make_schedule(
        recipe.schedule,
        section.learning_rate,
        steps_per_epoch,
        section.accumulate,
    )
    model.compile(
        make_optimizer(section, schedule),
        centers_rate=recipe.head.centers_rate,
        dense_update=recipe.head.dense_update,
        clip_backbone=section.clip_norm,
        jit_compile=recipe.jit,
    )
    model.optimizer.build(model.trainable_variables)
    if before is not None:
        _go_on(before, model.optimizer)
        start_averages(model, averages)


def _set_trainable(backbone, phase, batch_norm):
    backbone.trainable = not phase.head_only
    if batch_norm == "frozen":
        freeze_batch_norm(backbone)
    synchronize_batch_norm(backbone, batch_norm == "synchronized")


def _go_on(before, optimizer):
    """Sets the steps, and the scale of the loss, of another optimizer."""
    counter = softmax.step_counter(optimizer)
    counter.assign(softmax.step_counter(before))
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer.dynamic_scale.assign(before.dynamic_scale)
        optimizer.step_counter.assign(before.step_counter)


def _backbone(section, image_size):
    options = {}
    if section.dropout is not None:
        options["dropout"] = section.dropout
    if section.weights is None:
        return create_backbone(
            section.name,
            input_shape=(*image_size, 3),
            embedding_dim=section.embedding_dim,
            **options,
        )
    backbone = load_backbone(section.weights)
    expected = backbone.input_shape[1:3]
    if any(a not in (None, b) for a, b in zip(expected, image_size)):
        raise ValueError(
            f"backbone.weights={section.weights!r} take pictures of "
            f"{expected[0]} x {expected[1]} pixels. Received: data of "
            f"{image_size[0]} x {image_size[1]}. Set data.image_size="
            f"{expected[0]} and, for pictures of another size, data.resize="
            "True."
        )
    return _rebuilt(backbone, section) if options else backbone


def _rebuilt(backbone, section):
    """Returns the same network with another dropout."""
    config = backbone.get_config()
    if "dropout" not in config:
        raise ValueError(
            f"The network of backbone.weights={section.weights!r} has no "
            "dropout that could be set. Received: backbone.dropout="
            f"{section.dropout}. Set it to null."
        )
    config = {**config, "dropout": section.dropout, "trainable": True}
    rebuilt = type(backbone).from_config(config)
    rebuilt.set_weights(backbone.get_weights())
    return rebuilt


def _head(section, data):
    margin = section.margin
    if margin == PER_CLASS:
        margin = PerClass.from_counts(data.counts)
    return ArcMarginLayer(
        data.num_classes,
        margin,
        section.scale,
        section.sub_centers,
        chunk_size=section.chunk_size,
        sample_rate=section.sample_rate,
    )
