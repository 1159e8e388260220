"""One training run, from a recipe to a judged model."""

import contextlib
import dataclasses
from pathlib import Path

import keras
import numpy as np

from keras_arcface import plots
from keras_arcface.data import ImageData
from keras_arcface.data import glyphs
from keras_arcface.data import keep_listed
from keras_arcface.data import open_data
from keras_arcface.data import plain_errors
from keras_arcface.data import read_keep_list
from keras_arcface.model import ArcFaceModel
from keras_arcface.training.averaging import take_averages
from keras_arcface.training.building import build_model
from keras_arcface.training.checkpoints import Checkpoints
from keras_arcface.training.course import Course
from keras_arcface.training.distribution import Cluster
from keras_arcface.training.distribution import placement
from keras_arcface.training.progress import TrainingProgress
from keras_arcface.training.recipe import GLYPHS
from keras_arcface.training.recipe import Recipe
from keras_arcface.training.run_folder import check_same_data
from keras_arcface.training.run_folder import claim
from keras_arcface.training.run_folder import identities
from keras_arcface.training.run_folder import no_trace_of_failure
from keras_arcface.training.run_folder import write_facts
from keras_arcface.training.saved_run import Place
from keras_arcface.training.saved_run import resume_point
from keras_arcface.training.stopping import StopSignal
from keras_arcface.training.watching import make_callbacks
from keras_arcface.training.watching import make_judge
from keras_arcface.utils.files import check_output_folder

# Decoded pictures are kept in memory up to this size.
MEMORY_BYTES = 2 * 2**30


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What a run made.

    Attributes:
        model: The trained `ArcFaceModel`, as after the last epoch.
        history: One dictionary of values an epoch.
        folder: Where `best.keras`, `history.json` and `training.png` lie.
    """

    model: ArcFaceModel
    history: list[dict]
    folder: Path


def train(
    recipe: Recipe, resume: bool = False, cluster: Cluster | None = None
) -> TrainResult:
    """Trains a model and judges it on held-out identities every epoch.

    Args:
        recipe: What to train and how.
        resume: Whether to go on from the last whole checkpoint in
            `recipe.output`. At most `checkpoints.every_steps` steps are done
            again, without them one epoch. With `deterministic` the run ends as
            if it had never stopped, to the last bit.
        cluster: Which machines train together; by default those of
            `TF_CONFIG`, where it is set. Call it on each, before anything
            else uses TensorFlow. All need the same output folder, on a file
            system that they share; worker 0 alone writes to it.

    Raises:
        ConnectionError: when another machine of the cluster is gone.
        ValueError: for data that cannot be trained on; when all checkpoints
            are damaged; for devices that are not there, or cannot do what
            the recipe asks.
        FileExistsError: when the folder holds a run and `resume` is False, or
            holds anything else.
        FloatingPointError: when the loss becomes NaN.
        SystemExit: with code 143 after SIGTERM, when the step that ran is
            done and its checkpoint written; KeyboardInterrupt after Ctrl-C.
    """
    recipe = recipe.resolved()
    place = placement(recipe, cluster)  # Before anything starts TensorFlow.
    folder = check_output_folder(recipe.output)
    if resume or place.is_chief:
        claim(folder, recipe, resume)
    with place.output(folder) as written:
        model, history = _train(recipe, place, folder, written)
    return TrainResult(model, history, folder)


def load_data(recipe: Recipe) -> tuple[ImageData, ImageData]:
    """Returns the data to train on and the held-out identities."""
    recipe = recipe.resolved()
    section, batch_size = recipe.data, recipe.schedule.batch_size
    if section.keep is not None:
        read_keep_list(section.keep)  # Before every picture is opened.
    data = _open(section, recipe.seed)
    if section.keep is not None:
        data = keep_listed(data, section.keep)
    data = data.with_at_least(section.min_pictures)
    training, held_out = data.split_identities(
        recipe.evaluation.holdout, recipe.seed
    )
    if batch_size > len(training):
        raise ValueError(
            f"schedule.batch_size={batch_size} is larger than the "
            f"{len(training)} pictures to train on. Use --batch-size "
            f"{max(1, len(training) // 4)} or more data."
        )
    return _cached(training), _cached(held_out)


@contextlib.contextmanager
def dtype_policy(name: str):
    """Sets the global dtype policy for a while.

    Keras wraps the optimizer for loss scaling, and restores one it loads, only
    where the *global* policy says so.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _train(recipe, place, folder, written):
    """Trains; reads from the run's folder, and writes where `place` says."""
    _seed(recipe)
    training, held_out = load_data(recipe)
    judge = make_judge(recipe, held_out)
    print(f"Training on {training.describe()}, on {place.describe()}.")
    print(f"Judging on {held_out.describe()}: {judge.describe()}.")
    # None in a folder that a new run may have.
    saved = place.chief_first(lambda: resume_point(folder))
    if saved is not None:
        check_same_data(folder, identities(training, held_out))
    with no_trace_of_failure(written), dtype_policy(recipe.precision):
        write_facts(written, recipe, training, held_out)
        run = _Run(recipe, place, written, training, saved)
        print(run.model.head_plan(recipe.schedule.batch_size).describe())
        run.train(make_callbacks(recipe, training, judge, written))
    history = run.checkpoints.history
    plots.plot_training(_columns(history), written / "training.png")
    return run.model, history


def _open(section, seed):
    """Opens what a recipe names, and refuses other data than it means."""
    side = section.image_size
    if section.source == GLYPHS:
        data = glyphs.load("train", seed=seed, image_size=side)
    else:
        data = open_data(section.source, (side, side), resize=section.resize)
    if section.identities not in (None, data.num_classes):
        raise ValueError(
            f"{section.source} has {data.num_classes} identities, and "
            f"data.identities={section.identities}: this is not the data that "
            "the recipe means. Give the right data.source, or "
            "--set data.identities=null."
        )
    return data


def _cached(data):
    fits = len(data) * int(np.prod(data.image_size)) * 3 <= MEMORY_BYTES
    return data.in_memory() if fits else data


@contextlib.contextmanager
def _closing(callbacks):
    """Takes the live bar off the terminal however training ends."""
    try:
        yield
    finally:
        for callback in callbacks:
            if isinstance(callback, TrainingProgress):
                callback.close()


def _columns(history):
    names = {name: None for row in history for name in row}
    return {
        name: [row.get(name, float("nan")) for row in history] for name in names
    }


class _Run:
    """A model on its way from a place in a run to the run's end."""

    def __init__(self, recipe, placement, folder, training, saved):
        schedule, keeping = recipe.schedule, recipe.checkpoints
        self.recipe, self.training, self.saved = recipe, training, saved
        self.placement = placement
        self.steps = training.steps(schedule.batch_size, drop_remainder=True)
        self.place = Place(0, 0) if saved is None else saved.place
        self.stop = StopSignal(folder)
        self.checkpoints = Checkpoints(
            folder,
            recipe.evaluation.monitor,
            every_steps=keeping.every_steps,
            keep=keeping.keep,
            saved=saved,
            stop=self.stop,
        )
        with placement.scope():
            self.model = build_model(recipe, training, self.steps)
        _check_loss_scaling(self.model, recipe.precision)

    def train(self, callbacks):
        """Trains to the end of the run, judging and saving on the way."""
        epochs = self.recipe.schedule.epochs
        self.checkpoints.remembering = callbacks
        if self.saved is not None:
            with self.placement.scope():
                self.saved.restore(self.model, callbacks)
            print(self.saved.describe(epochs))
        if self.place.epoch < epochs:
            course = Course(
                [*callbacks, self.checkpoints],
                self.model,
                epochs,
                self.steps,
                self.saved,
            )
            with plain_errors(), _closing(callbacks), self._listening():
                with course.training():
                    course.run(self._fit(course), self.place)
        take_averages(self.model)

    def _listening(self):
        # Workers that stop after different steps would wait for each other.
        # One that ends at once ends all, to go on from the last checkpoint.
        several = self.placement.shard[1] > 1
        return contextlib.nullcontext() if several else self.stop.listening()

    def _fit(self, course):
        def fit(first_epoch, first_step, epochs):
            batches = self.placement.batches(
                self.training,
                self.recipe,
                epoch=first_epoch,
                start_step=first_step,
                epochs=epochs - first_epoch,
            )
            self.placement.fit(
                self.model,
                batches,
                course,
                first_epoch=first_epoch,
                first_step=first_step,
                epochs=epochs,
                steps_per_epoch=self.steps,
            )

        return fit


def _seed(recipe):
    """Seeds all global generators; makes TensorFlow's kernels repeatable.

    The second cannot be undone within a process: TensorFlow has no public way.
    JAX needs nothing: its kernels, given the same program, give the same bits.
    """
    keras.utils.set_random_seed(recipe.seed)
    if recipe.deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def _check_loss_scaling(model, precision):
    """Makes sure that float16 gradients do not underflow unseen."""
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    if scaled != (precision == "mixed_float16"):
        raise RuntimeError(
            f"precision={precision}, and the optimizer is a "
            f"{type(model.optimizer).__name__}: the dtype policy must be set "
            "before the model is built."
        )
