"""Everything that a run's next step depends on, to the last bit.

A model's variables (weights, moving statistics, margin state, the seeds of
whatever is random), its optimizer's (slots, iterations, moving averages,
gathered gradients, loss scale) and the running epoch's metrics. They are kept
by their order: the names of layers carry numbers that another process counts
otherwise. Names without those numbers, shapes and dtypes are checked.
"""

import re
import zipfile

import numpy as np

from keras_arcface.utils.files import sha256

VARIABLES = "variables.npz"
GROUPS = ("model", "optimizer", "metrics")
# The number that Keras gives the second layer of a name, and all after it.
_NUMBER = re.compile(r"_\d+(?=/|_|$)")


def variables_of(model):
    """Returns all variables of a compiled, built model.

    Args:
        model: `keras.Model`, its optimizer built.

    Returns:
        A list of Keras variables for each of `GROUPS`; none is in two. Those
        that a model reads but others own (a teacher's) are left out.
    """
    optimizer = model.optimizer
    groups = {
        "optimizer": [] if optimizer is None else optimizer.variables,
        "metrics": [v for m in model.metrics for v in m.variables],
        "model": model.variables,
    }
    foreign = getattr(model, "foreign_variables", ())
    seen, unique = {id(variable) for variable in foreign}, {}
    for group, variables in groups.items():
        unique[group] = []
        for variable in variables:
            if id(variable) not in seen:
                seen.add(id(variable))
                unique[group].append(variable)
    return {group: unique[group] for group in GROUPS}


def save_variables(model, folder):
    """Writes the variables of a model to `variables.npz` in a folder.

    An archive of plain arrays, uncompressed and without pickles. A dtype that
    NumPy has not (bfloat16) is written as unsigned integers of its bits.

    Returns:
        What `load_variables` checks, JSON-able: name, shape and dtype of every
        variable, and the file's SHA-256.
    """
    arrays, listed = {}, {}
    for group, variables in variables_of(model).items():
        listed[group] = []
        for number, variable in enumerate(variables):
            array = np.asarray(variable.numpy())
            listed[group].append(_describe(group, variable))
            arrays[f"{group}-{number:05d}"] = _plain(array)
    np.savez(folder / VARIABLES, **arrays)
    return {"variables": listed, "sha256": sha256(folder / VARIABLES)}


def read_variables(folder, written):
    """Reads what `save_variables` wrote.

    Args:
        folder: Where `variables.npz` lies.
        written: What `save_variables` returned.

    Returns:
        A list of arrays for each of `GROUPS`.

    Raises:
        ValueError: when the file is not what was written.
    """
    path = folder / VARIABLES
    if sha256(path) != written["sha256"]:
        raise ValueError(f"{path} is not what was written: its SHA-256 differs")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {
                group: [
                    archive[f"{group}-{n:05d}"].view(_dtype(one["dtype"]))
                    for n, one in enumerate(written["variables"][group])
                ]
                for group in GROUPS
            }
    except (KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is no whole archive: {error}") from error


def restore_variables(model, values, written, groups=("model", "optimizer")):
    """Gives a model the values of another one, built as it was.

    Args:
        model: Compiled and built; its optimizer is built here.
        values: As `read_variables` returns them.
        written: What `save_variables` returned.
        groups: Which of `GROUPS`. Keras resets metrics as an epoch begins,
            so they come later.

    Raises:
        ValueError: naming the first variable that does not fit.
    """
    if "optimizer" in groups and model.optimizer is not None:
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
    there = variables_of(model)
    for group in groups:
        _check(group, there[group], written["variables"][group])
    for group in groups:
        for variable, value in zip(there[group], values[group], strict=True):
            variable.assign(value)


def _describe(group, variable):
    # Of an optimizer and of metrics the path depends on where it was built.
    parts = variable.path.split("/")[-2 if group == "model" else -1 :]
    return {
        "name": _NUMBER.sub("", "/".join(parts)),
        "shape": list(variable.shape),
        "dtype": str(variable.dtype),
    }


def _check(group, variables, written):
    now = [_describe(group, variable) for variable in variables]
    for one, before in zip(now, written, strict=False):
        if one != before:
            raise ValueError(
                f"The checkpoint does not fit the {group}: "
                f"{_text(before)} was saved where {_text(one)} is now."
            )
    if len(now) != len(written):
        raise ValueError(
            f"The checkpoint does not fit the {group}: {len(written)} "
            f"variables were saved, and there are {len(now)}."
        )


def _text(described):
    shape = tuple(described["shape"])
    return f"{described['name']} {shape} {described['dtype']}"


def _plain(array):
    """Returns the array, or its bits where NumPy itself lacks the dtype."""
    if array.dtype.kind in "biuf":
        return array
    return array.view(f"u{array.dtype.itemsize}")


def _dtype(name):
    if name == "bfloat16" or name.startswith("float8"):
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, name))
    return np.dtype(name)
