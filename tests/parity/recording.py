"""What an original says of every loss and case, in one file.

NumPy only, like `cases.py`. A record is the value and the gradients of one
loss on one case, or the error that was raised instead.
"""

import json
from pathlib import Path

import numpy as np


def record(losses, cases):
    """Returns `{loss/case/part: array}` for every loss on every case.

    Args:
        losses: `{name: function}`. A function takes a case's arrays and
            returns `{part: array}`: `value`, `gradient` and, where the loss
            owns parameters, `gradient_centers`.
        cases: What `cases.load` returns.
    """
    records = {}
    for name, function in losses.items():
        for case, arrays in cases.items():
            try:
                parts = function(**arrays)
            except Exception as error:  # the original's, whatever it is
                parts = {"error": f"{type(error).__name__}: {error}"}
            for part, value in parts.items():
                records[f"{name}/{case}/{part}"] = np.asarray(value)
    return records


def save(path, records, versions, facts):
    about = {"versions": versions, "facts": facts}
    np.savez(path, about=json.dumps(about), **records)


def load(path):
    """Returns `{(loss, case): {part: array}}`, the versions and the facts."""
    records = {}
    with np.load(Path(path)) as arrays:
        about = json.loads(str(arrays["about"]))
        for key in set(arrays.files) - {"about"}:
            loss, case, part = key.rsplit("/", 2)
            records.setdefault((loss, case), {})[part] = arrays[key]
    return records, about["versions"], about["facts"]
