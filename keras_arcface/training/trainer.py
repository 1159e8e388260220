"""One training run, from a recipe to a judged and exported model."""

import contextlib
import dataclasses
from pathlib import Path

import keras

from keras_arcface import plots
from keras_arcface.export import check_export
from keras_arcface.export import export
from keras_arcface.model import ArcFaceModel
from keras_arcface.pretrained import load_backbone
from keras_arcface.training.distribution import Cluster
from keras_arcface.training.distribution import placement
from keras_arcface.training.history import columns
from keras_arcface.training.loading import load_data
from keras_arcface.training.recipe import Recipe
from keras_arcface.training.run import Run
from keras_arcface.training.run_folder import BEST
from keras_arcface.training.run_folder import check_same_data
from keras_arcface.training.run_folder import claim
from keras_arcface.training.run_folder import identities
from keras_arcface.training.run_folder import no_trace_of_failure
from keras_arcface.training.run_folder import sole_writer
from keras_arcface.training.run_folder import write_facts
from keras_arcface.training.saved_run import resume_point
from keras_arcface.training.watching import check_monitor
from keras_arcface.training.watching import make_callbacks
from keras_arcface.training.watching import make_judge
from keras_arcface.utils.files import check_output_folder

EXPORTS = "exports"
# Pictures that an export is compared with Keras on.
_SAMPLES = 16


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
    """Trains a model and judges it on identities that it never sees.

    Args:
        recipe: What to train and how.
        resume: Whether to go on from the last whole checkpoint in
            `recipe.output`. At most `checkpoints.every_steps` steps are done
            again, without them one epoch. With `deterministic`, on a CPU, the
            run ends as if it had never stopped, to the last bit (on several
            devices the metrics of the broken epoch but for rounding).
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
            holds anything else; when another run is writing to it.
        FloatingPointError: when the loss becomes NaN.
        SystemExit: with code 143 after SIGTERM, when the step that ran is
            done and its checkpoint written; KeyboardInterrupt after Ctrl-C.
    """
    recipe = recipe.resolved()
    place = placement(recipe, cluster)  # Before anything starts TensorFlow.
    folder = check_output_folder(recipe.output)
    if recipe.export.formats:
        check_export(folder / EXPORTS, recipe.export.formats)
    alone = sole_writer(folder) if place.is_chief else contextlib.nullcontext()
    with alone:
        if resume or place.is_chief:
            claim(folder, recipe, resume)
        with place.output(folder) as written:
            model, history = _train(recipe, place, folder, written)
    return TrainResult(model, history, folder)


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
    judged = "sets of their own" if held_out is None else held_out.describe()
    print(f"Training on {training.describe()}, on {place.describe()}.")
    print(f"Judging on {judged}: {judge.describe()}.")
    # None in a folder that a new run may have.
    saved = place.chief_first(lambda: resume_point(folder))
    if saved is not None:
        check_same_data(folder, identities(training, held_out))
    with no_trace_of_failure(written), dtype_policy(recipe.precision):
        write_facts(written, recipe, training, held_out)
        run = Run(recipe, place, written, training, saved)
        check_monitor(recipe, judge, run.model)
        print(run.model.head_plan(recipe.schedule.batch_size).describe())
        run.train(make_callbacks(recipe, training, judge, written))
    history = run.checkpoints.history
    plots.plot_training(columns(history), written / "training.png")
    if place.is_chief:
        _export(recipe, written, judge.data)
    return run.model, history


def _export(recipe, folder, data):
    """Exports the best model in the formats of the recipe, if there are any."""
    if not recipe.export.formats:
        return
    samples = data.subset(range(min(_SAMPLES, len(data))))
    export(
        load_backbone(folder / BEST),
        folder / EXPORTS,
        formats=recipe.export.formats,
        images=samples.images(),
        samples_name=f"{len(samples)} pictures that it is judged by",
    )


def _seed(recipe):
    """Seeds all global generators; makes TensorFlow's kernels repeatable.

    The second cannot be undone within a process: TensorFlow has no public way.
    JAX needs nothing: its kernels, given the same program, give the same bits.
    """
    keras.utils.set_random_seed(recipe.seed)
    if recipe.deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
