"""The folder of one checkpoint: written whole, and read back or refused."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_arcface.training import state
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.files import remove_unfinished
from keras_arcface.utils.files import sha256

FOLDER = "checkpoints"
RUN = "run.json"
MODEL = "model.json"
# What the others must be: written last, and small.
SUMS = "sha256.json"
_STEP = "step-"
_DAMAGED = "damaged-"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a run is: in `epoch` (from 0), after so many of its steps.

    `step` may be all of them: then the epoch's end, with its judging, is
    still to come.
    """

    epoch: int
    step: int

    def total(self, steps_per_epoch: int) -> int:
        """Returns the number of steps done in all."""
        return self.epoch * steps_per_epoch + self.step


@dataclasses.dataclass(frozen=True)
class SavedRun:
    """A checkpoint that was read and found whole.

    Attributes:
        path: Its folder.
        place: Where to go on.
        steps_per_epoch: What an epoch was.
        phase: Number of the phase of training, from 0.
        history: A dictionary of values for each epoch done.
        seconds: That the running epoch took so far.
        callbacks: What they remembered, by the name of their class.
        values: Of all variables, as `state.read_variables` returns them.
        written: What they were, as `state.save_variables` returned it.
    """

    path: Path
    place: Place
    steps_per_epoch: int
    phase: int
    history: list[dict]
    seconds: float
    callbacks: dict[str, Any]
    values: dict[str, list[np.ndarray]] = dataclasses.field(repr=False)
    written: dict = dataclasses.field(repr=False)

    def describe(self, epochs: int) -> str:
        """Returns where the run goes on, in words."""
        text = f"Resuming after epoch {self.place.epoch} of {epochs}"
        if self.place.step:
            text += f", step {self.place.step} of {self.steps_per_epoch}"
        return text + "."

    def restore(self, model, callbacks=()) -> None:
        """Gives model, optimizer and callbacks what they had; not metrics."""
        try:
            state.restore_variables(model, self.values, self.written)
        except ValueError as error:
            raise ValueError(
                f"{self.path}: {error} Resume with the backend "
                "(KERAS_BACKEND) and the version of Keras that the run was "
                "made with."
            ) from error
        for name, callback in remembering(callbacks):
            if name in self.callbacks:
                callback.restore(self.callbacks[name])

    def forget(self) -> None:
        """Lets go of what was restored: as much memory as all variables.

        What is left is what `restore_metrics` needs.
        """
        for group in ("model", "optimizer"):
            self.values.pop(group, None)

    def restore_metrics(self, model) -> None:
        """Gives the metrics what they had; after Keras reset them."""
        state.restore_variables(model, self.values, self.written, ["metrics"])

    def restore_weights(self, model) -> None:
        """Gives the model alone what it had, whatever phase it is in now."""
        state.restore_variables(model, self.values, self.written, ["model"])

    def load_model(self):
        """Returns the model that was saved, not compiled.

        With the weights that trained, not their moving average.
        """
        text = (self.path / MODEL).read_text("utf-8")
        model = keras.models.model_from_json(text)
        self.restore_weights(model)
        return model


def write_checkpoint(
    path: Path, model, place: Place, callbacks=(), **run: Any
) -> None:
    """Writes a checkpoint's folder; it is on the disk, or is not there.

    Args:
        path: As `checkpoint_path` returns it.
        model: Compiled and built.
        place: Where the run is.
        callbacks: Those of them that have a `state()` are kept.
        **run: `steps_per_epoch`, `phase`, `history` and `seconds`.
    """
    remembered = {name: c.state() for name, c in remembering(callbacks)}
    with atomic_path(path, durable=True) as temporary:
        temporary.mkdir()
        written = state.save_variables(model, temporary)
        about = {
            "place": dataclasses.asdict(place),
            **run,
            "callbacks": remembered,
            **written,
        }
        # Values of callbacks may be infinite: "none was best yet".
        text = json.dumps(about, indent=1, default=_plain)
        (temporary / RUN).write_text(text, "utf-8")
        (temporary / MODEL).write_text(model.to_json(), "utf-8")
        sums = {name: sha256(temporary / name) for name in (RUN, MODEL)}
        (temporary / SUMS).write_text(json.dumps(sums), "utf-8")


def read_checkpoint(path: Path) -> SavedRun:
    """Reads a checkpoint's folder.

    Raises:
        ValueError: naming the file that is not what was written.
    """
    try:
        sums = json.loads((path / SUMS).read_text("utf-8"))
        for name in (RUN, MODEL):
            if sha256(path / name) != sums[name]:
                raise ValueError(
                    f"{path / name} is not what was written: its SHA-256 "
                    "differs"
                )
        run = json.loads((path / RUN).read_text("utf-8"))
        written = {name: run.pop(name) for name in ("variables", "sha256")}
        values = state.read_variables(path, written)
        place = Place(**run.pop("place"))
        return SavedRun(path, place, **run, values=values, written=written)
    except (
        OSError,
        AttributeError,
        KeyError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise ValueError(f"{path} is damaged: {error}.") from error


def resume_point(folder) -> SavedRun | None:
    """Returns the last whole checkpoint of a run; None where there is none.

    Removes what a killed run left half-written. A damaged checkpoint is named
    on stderr and set aside as `damaged-...`; the one before it is taken.

    Raises:
        ValueError: when there are checkpoints and all of them are damaged.
    """
    folder = Path(folder)
    remove_unfinished(folder)
    remove_unfinished(folder / FOLDER)
    for path in reversed(checkpoints_of(folder)):
        try:
            return read_checkpoint(path)
        except ValueError as error:
            aside = _set_aside(path)
            print(
                f"{error} It is kept as {aside.name}; going on from the one "
                "before it, if there is one.",
                file=sys.stderr,
            )
    damaged = sorted((folder / FOLDER).glob(_DAMAGED + "*"))
    if damaged:
        raise ValueError(
            f"All checkpoints in {folder / FOLDER} are damaged. best.keras may "
            "still be whole: keep it if you need it. Start the run again in "
            f"another --output, or remove the folder {folder} first."
        )
    return None


def checkpoint_path(folder, place: Place, steps_per_epoch: int) -> Path:
    """Returns the folder of the checkpoint of a place in a run."""
    step = place.total(steps_per_epoch)
    return Path(folder) / FOLDER / f"{_STEP}{step:08d}"


def checkpoints_of(folder) -> list[Path]:
    """Returns the checkpoints of a run, the newest last.

    Others' copies of them (`step-00000012 (1)`) are none.
    """
    found = (Path(folder) / FOLDER).glob(_STEP + "*")
    numbers = {path: path.name.removeprefix(_STEP) for path in found}
    return sorted(
        (path for path, number in numbers.items() if number.isdecimal()),
        key=lambda path: int(numbers[path]),
    )


def remembering(callbacks):
    """Yields `(name, callback)` of those that have something to remember."""
    seen: dict[str, int] = {}
    for callback in callbacks:
        if not hasattr(callback, "state"):
            continue
        name = type(callback).__name__
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name} {seen[name]}", callback


def _set_aside(path):
    aside = path.with_name(_DAMAGED + path.name.removeprefix(_STEP))
    with atomic_path(aside) as temporary:
        path.rename(temporary)
    return aside


def _plain(value):
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(
        f"The state() of a callback must be JSON-able. Received: {value!r}."
    )
