"""Compares what an original recorded with what ours gives.

A loss agrees with its original on a case where value and gradients differ by
less than a tolerance times the largest of them, or times 0.1 for values and
0.03 for gradients where these are smaller. Masks agree where they are equal.
"""

import os
from pathlib import Path

import cases
import deviations
import keras
import numpy as np
import pytest
import recording

TOLERANCE = 1e-5
# Where the original's own rounding is larger, by the beginning of a name.
NOISY = {
    "FastAPLoss": 5e-5,  # differences of cumulated histograms
    "MarginLoss(class betas": 5e-5,  # sums of thousands of triplets
    "ProxyNCALoss": 2e-4,  # at a squared distance of 1e-8
}
# The originals compute in half what comes in half; ours in float32.
HALF_TOLERANCE = 2e-2
# There, a triplet or a share of a bin may fall to the other side.
STEPPED_HALF = {"FastAPLoss": 0.1, "TripletMarginLoss": 0.1}

ENVIRONMENT = "KERAS_ARCFACE_ORIGINALS"


def folder():
    """Returns the folder of the originals' records, or None."""
    path = os.environ.get(ENVIRONMENT)
    return Path(path) if path else None


def _reason_to_skip():
    if folder() is None:
        return f"{ENVIRONMENT} names no folder; tests/parity/run makes one"
    if keras.backend.backend() != "tensorflow":
        return "parity is compared on TensorFlow"
    return None


needs_originals = pytest.mark.skipif(
    _reason_to_skip() is not None, reason=_reason_to_skip() or ""
)


def difference(part, theirs, ours):
    """Returns by how much two arrays differ, relative to the largest."""
    if theirs.shape != ours.shape:
        return float("inf")
    if theirs.dtype == bool:
        return float(np.mean(theirs != ours))
    theirs, ours = theirs.astype("float64"), ours.astype("float64")
    floor = 0.1 if part == "value" else 0.03
    if not np.isfinite(theirs).all():
        return float("inf")
    scale = max(np.abs(theirs).max(initial=0), floor)
    # Not a number here is a number there: no agreement.
    return float(np.nan_to_num(np.abs(ours - theirs).max() / scale, nan=np.inf))


def tolerance(loss, case):
    """Returns by how much ours may differ from the original."""
    half = case == "float16"
    special = STEPPED_HALF if half else NOISY
    for name, bound in special.items():
        if loss.startswith(name):
            return bound
    return HALF_TOLERANCE if half else TOLERANCE


def check(original, loss, case, theirs, ours):
    """Raises AssertionError unless ours agrees, or deviates as declared.

    Args:
        original: `"tfa"` or `"pml"`.
        loss: Name of the loss.
        case: Name of the case.
        theirs: `{part: array}` as recorded.
        ours: `{part: array}`.

    Returns:
        `{part: difference}` of the parts that agree.
    """
    declared = deviations.find(original, loss, case)
    assert "error" not in theirs, str(theirs["error"])
    assert set(theirs) == set(ours)
    agreeing = {}
    for part in sorted(theirs):
        apart = difference(part, theirs[part], ours[part])
        agrees = apart <= tolerance(loss, case)
        if part not in declared.parts:
            assert agrees, (
                f"{part} differs by {apart:.2e}.\n"
                f"theirs: {theirs[part]}\nours: {ours[part]}"
            )
            agreeing[part] = apart
            continue
        assert not agrees, (
            f"{part} is declared to deviate and agrees: {declared.reason}"
        )
        for whose, array, other, expected in (
            ("theirs", theirs[part], ours[part], declared.theirs[part]),
            ("ours", ours[part], theirs[part], declared.ours[part]),
        ):
            assert deviations.CHECKS[expected](array, other), (
                f"{whose}: {part} should be {expected}. Is: {array}"
            )
    return agreeing


def check_half(half, full):
    """Raises AssertionError unless half precision in gives float32 out.

    Only the gradient of the embeddings comes back in half, summed in half.
    """
    for part, array in full.items():
        rounding = 1e-3 * np.abs(array).max() if part == "gradient" else 1e-6
        np.testing.assert_allclose(half[part], array, rtol=0, atol=rounding)


def load(original):
    """Returns an original's records, versions and facts.

    Raises:
        RuntimeError: for records of other cases than today's.
    """
    records = recording.load(folder() / f"{original}.npz")
    stored = cases.load(folder())
    for case, arrays in cases.make().items():
        for name, array in arrays.items():
            if not np.array_equal(stored.get(case, {}).get(name), array):
                raise RuntimeError(
                    f"{folder()} holds other cases than cases.py makes: "
                    f"{case}/{name}. Run tests/parity/run {folder()} again."
                )
    return records
