"""The folder of a training run: whose it is, and what it may lose."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from keras_arcface.training import angle_monitor
from keras_arcface.training import log_files
from keras_arcface.training import saved_run
from keras_arcface.training import tensorboard_log
from keras_arcface.training.recipe import Recipe
from keras_arcface.training.recipe.shipped import IN_RUN as RECIPE
from keras_arcface.utils.files import write_json
from keras_arcface.utils.locks import NoLocksError
from keras_arcface.utils.locks import try_lock

IDENTITIES = "identities.json"
CLASSES = "classes.json"
BEST = "best.keras"
HISTORY = "history.json"
_WATCHED = (
    log_files.EPOCHS,
    log_files.STEPS,
    angle_monitor.FILE,
    angle_monitor.FIGURE,
)
# Keys, or sections of them, that decide nothing about what a run learns: where
# it is, what is written of it, and how the same numbers are computed.
_MAY_CHANGE = (
    "output",
    "checkpoints",
    "watch",
    "export",
    "head.chunk_size",
    "head.sharded",
    "devices",
    "jit",
    "deterministic",
)


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Keeps every other run out of a folder while this one writes to it.

    Two in one folder would mix their checkpoints and logs, and one that fails
    would take away what the other wrote. The folder itself is locked: that
    leaves no file behind, and ends with the process however it ends. Where
    there are no such locks (Windows, some network file systems) nothing is
    kept out.

    Raises:
        FileExistsError: when another run is writing to it.
    """
    made_here = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = _lock(folder)
    try:
        yield
    finally:
        if made_here:
            with contextlib.suppress(OSError):
                folder.rmdir()  # Only where the run left nothing.
        if descriptor is not None:
            os.close(descriptor)


def _lock(folder):
    try:
        descriptor = try_lock(folder)
    except NoLocksError:
        return None
    if descriptor is None:
        raise FileExistsError(
            f"Another run is training in {folder}. Wait for its end, stop it, "
            "or give another --output."
        )
    return descriptor


def claim(folder: Path, recipe: Recipe, resume: bool) -> None:
    """Makes sure that a run may write to a folder; touches nothing.

    A new run may have a folder that is not there, is empty, or holds a run
    that was killed before its first checkpoint.

    Raises:
        FileExistsError: when the folder holds anything else and `resume` is
            False.
        FileNotFoundError: when there is no run to resume.
        ValueError: when the run there was started with other values.
    """
    if resume:
        _check_resumable(folder, recipe)
    elif _done(folder) and _begun(folder):
        raise FileExistsError(
            f"{folder} holds a run already. Pass --resume to go on with it, "
            "or another --output."
        )
    elif _holds_anything(folder) and not _begun(folder):
        raise FileExistsError(
            f"{folder} is not empty and holds no training run; training there "
            "could write over what it holds. Give a new or an empty folder as "
            "--output."
        )


def write_facts(folder: Path, recipe: Recipe, training, held_out) -> None:
    """Writes what a run is made of: its values, its identities, its classes."""
    recipe.to_yaml(folder / RECIPE)
    write_json(folder / IDENTITIES, identities(training, held_out))
    training.save_classes(folder / CLASSES)


def identities(training, held_out) -> dict:
    """Returns who is trained on and who is judged by, with picture counts."""
    return {
        part: dict(zip(data.class_names, data.counts.tolist(), strict=True))
        for part, data in (("training", training), ("held_out", held_out))
        if data is not None
    }


def check_same_data(folder: Path, now: dict) -> None:
    """Refuses to go on with other identities: class ids would change hands."""
    path = folder / IDENTITIES
    try:
        before = json.loads(path.read_text("utf-8"))
        names_before = {name for part in before.values() for name in part}
    except (OSError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}, which says whom the run trains on, is damaged or gone: "
            f"{error}. Restore it, or start a run in another --output."
        ) from error
    if before == now:
        return
    names_now = {name for part in now.values() for name in part}
    changed = sorted(names_before ^ names_now)[:3]
    changed = changed or ["the number of pictures"]
    raise ValueError(
        f"The data is not what the run in {folder} was started with; it "
        f"differs in {', '.join(changed)}. Class ids would mean other "
        "identities. Restore the data, or start a run in another --output."
    )


@contextlib.contextmanager
def no_trace_of_failure(folder: Path) -> Iterator[None]:
    """Takes away what a run wrote that ends before its first checkpoint.

    By an error or by Ctrl-C. A kill leaves the run's values and identities,
    which `claim` knows for what they are.
    """
    made_here = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        if not _done(folder):
            for name in (RECIPE, IDENTITIES, CLASSES, BEST, *_WATCHED):
                (folder / name).unlink(missing_ok=True)
            shutil.rmtree(folder / tensorboard_log.FOLDER, ignore_errors=True)
            for empty in (folder / saved_run.FOLDER, *([folder] * made_here)):
                with contextlib.suppress(OSError):
                    empty.rmdir()
        raise


def no_run(folder: Path) -> FileNotFoundError:
    """Returns the error for a folder without a run to go on with."""
    return FileNotFoundError(
        f"There is no run to resume in {folder}: {RECIPE} is missing. Leave "
        "out --resume to start one."
    )


def _check_resumable(folder, recipe):
    if not (folder / RECIPE).exists():
        raise no_run(folder)
    before = Recipe.from_yaml(folder / RECIPE).resolved().values()
    changed = [
        name
        for name, value in recipe.resolved().values().items()
        if before[name] != value and not _may_change(name)
    ]
    if changed:
        raise ValueError(
            f"The run in {folder} was started with other values of "
            f"{', '.join(changed)}. Resume with the same, or start another "
            "run in another --output. Only where a run is, what is written of "
            f"it and how it is computed may change: {', '.join(_MAY_CHANGE)}."
        )
    if (folder / HISTORY).exists() and not _checkpoints(folder):
        raise FileNotFoundError(
            f"The run in {folder} has no checkpoint left to go on from. Start "
            "another run in another --output; best.keras there is whole."
        )


def _may_change(name):
    return name in _MAY_CHANGE or name.partition(".")[0] in _MAY_CHANGE


def _done(folder):
    """Whether a checkpoint was written: there is something to lose."""
    return _checkpoints(folder) or (folder / HISTORY).exists()


def _checkpoints(folder):
    """Returns the checkpoints of a run, whole or damaged."""
    return list((folder / saved_run.FOLDER).glob("[!.]*"))


def _begun(folder):
    """Whether the folder is a run's and not, for example, a preset's."""
    if (folder / "metadata.json").exists():
        return False
    try:
        Recipe.from_yaml(folder / RECIPE)
    except (OSError, ValueError):
        return False
    return True


def _holds_anything(folder):
    return folder.exists() and any(
        not path.name.startswith(".") for path in folder.iterdir()
    )
