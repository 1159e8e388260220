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


def save(path, records, versions):
    np.savez(path, versions=json.dumps(versions), **records)


def load(path):
    """Returns `{(loss, case): {part: array}}` and the versions."""
    records = {}
    with np.load(Path(path)) as arrays:
        versions = json.loads(str(arrays["versions"]))
        for key in set(arrays.files) - {"versions"}:
            loss, case, part = key.rsplit("/", 2)
            records.setdefault((loss, case), {})[part] = arrays[key]
    return records, versions
