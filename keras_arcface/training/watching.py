"""Who watches a run, in what order."""

import functools
from pathlib import Path

from keras_arcface.training.angle_monitor import LOGGED
from keras_arcface.training.angle_monitor import AngleMonitor
from keras_arcface.training.distillation import TeacherGuard
from keras_arcface.training.log_files import EpochLog
from keras_arcface.training.log_files import StepLog
from keras_arcface.training.loss_diagnosis import LossDiagnosis
from keras_arcface.training.margin_warmup import MarginWarmup
from keras_arcface.training.nan_guard import NaNGuard
from keras_arcface.training.progress import TrainingProgress
from keras_arcface.training.recipe.keys import RecipeError
from keras_arcface.training.recipe.sets import set_paths
from keras_arcface.training.saved_run import resume_point
from keras_arcface.training.tensorboard_log import TensorBoardLog
from keras_arcface.training.verification import VerificationEvaluator
from keras_arcface.training.verification import open_sets
from keras_arcface.training.verification import pairs_for


def make_judge(recipe, held_out=None):
    """Returns the `VerificationEvaluator` of a recipe.

    Args:
        recipe: `Recipe`, its defaults filled in.
        held_out: `ImageData` of the identities held out; None where the
            recipe's sets are all that it is judged by.

    Raises:
        ValueError: when there is nothing to judge by, or a set is damaged.
        FileNotFoundError: when a set is missing.
    """
    section = recipe.evaluation
    size = (recipe.data.image_size, recipe.data.image_size)
    pairs = None
    if held_out is not None:
        pairs = pairs_for(held_out.labels, section.pairs, recipe.seed)
    return VerificationEvaluator(
        held_out,
        pairs,
        section.flip,
        open_sets(set_paths(recipe), size, recipe.data.resize),
        section.every,
        recipe.schedule.epochs,
    )


def check_monitor(recipe, judge, model):
    """Refuses a value to choose the best epoch by that no epoch will have.

    Args:
        recipe: `Recipe`, its defaults filled in.
        judge: What `make_judge` returned.
        model: Compiled `ArcFaceModel`.

    Raises:
        RecipeError: naming the values that there will be.
    """
    monitor = recipe.evaluation.monitor
    hidden = getattr(model, "angle_histogram", None)
    known = [m.name for m in model.metrics if m is not hidden] + judge.names
    if recipe.watch.angles:
        known += LOGGED
    if monitor not in known:
        raise RecipeError(
            "evaluation.monitor",
            "evaluation.monitor must be a value to choose the best epoch by: "
            f"one of {', '.join(known)}. Received: "
            f"evaluation.monitor={monitor!r}.",
        )


def make_callbacks(recipe, training, judge, folder):
    """Returns the callbacks of a run, in the order in which they must come.

    What changes the step is first; who measures comes before who writes down.
    Checkpoints belong behind all of them: what a checkpoint counts as done
    must be written down.

    Args:
        recipe: `Recipe`, its defaults filled in.
        training: `ImageData` that is trained on.
        judge: What `make_judge` returned.
        folder: The run's folder.

    Raises:
        ImportError: when the recipe wants TensorBoard and it is missing.
    """
    folder, watch = Path(folder), recipe.watch
    batch_size, epochs = recipe.schedule.batch_size, recipe.schedule.epochs
    callbacks = []
    if recipe.distillation.teacher is not None:
        callbacks.append(TeacherGuard())
    if recipe.head.margin_warmup > 0:
        callbacks.append(MarginWarmup(recipe.head.margin_warmup))
    guard = NaNGuard(
        batch=functools.partial(read_batch, recipe, training),
        restore=functools.partial(restore_last, folder),
    )
    callbacks += [guard, LossDiagnosis()]
    callbacks.append(judge)
    angles = None
    if watch.angles:
        angles = AngleMonitor(folder, judge, training, seed=recipe.seed)
        callbacks.append(angles)
    if watch.csv:
        callbacks += [
            EpochLog(folder),
            StepLog(folder, watch.every_steps, batch_size),
        ]
    if watch.tensorboard:
        callbacks.append(
            TensorBoardLog(folder, watch.every_steps, batch_size, judge, angles)
        )
    callbacks.append(TrainingProgress(batch_size, epochs=epochs))
    return callbacks


def read_batch(recipe, training, epoch, step):
    """Returns images and labels of a step again: a function of its number."""
    batches = training.batches(
        recipe.schedule.batch_size,
        seed=recipe.seed,
        epoch=epoch,
        start_step=step,
        augment=recipe.data.augment,
        drop_remainder=True,
    )
    images, labels = next(iter(batches.take(1)))
    return images.numpy(), labels.numpy()


def restore_last(folder, model):
    """Gives a model what it was in a run's last checkpoint.

    Returns:
        The checkpoint's name; None where there is none.
    """
    saved = resume_point(folder)
    if saved is None:
        return None
    saved.restore_weights(model)
    return saved.path.name
