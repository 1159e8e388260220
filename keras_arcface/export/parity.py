"""Whether an exported file says the same as the Keras model it came from."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from keras_arcface.export.pixels import is_whole
from keras_arcface.export.reference import Reference
from keras_arcface.export.reference import full_float32
from keras_arcface.export.reference import make_reference
from keras_arcface.export.report import ParityError
from keras_arcface.export.report import ParityReport
from keras_arcface.export.runtimes import format_of
from keras_arcface.export.runtimes import load
from keras_arcface.utils.console import progress
from keras_arcface.utils.files import sha256

# Largest 1 - cosine to the Keras model's embedding that passes.
BOUNDS = {"saved_model": 1e-6, "tflite": 1e-5, "onnx": 1e-6}
# Largest distance of an embedding's length from 1 that passes.
NORM_BOUND = 1e-5
BATCH_SIZES = (1, 7)


def check_parity(
    model: keras.Model,
    path: str | os.PathLike,
    images: np.ndarray,
    format: str | None = None,
    samples_name: str = "pictures",
    bound: float | None = None,
) -> ParityReport:
    """Compares an exported file with the Keras model it was written from.

    The file runs in its own runtime, one picture and seven at a time (with
    fewer than seven pictures, some come twice); a SavedModel is asked for
    both its float32 and, where pixels are whole numbers, its uint8 signature.
    The reference is the model itself or, if it computes in half precision, its
    float32 clone, normalised in float64. TensorFloat-32 is off meanwhile.

    Args:
        model: The backbone that was exported.
        path: SavedModel folder, `.tflite` or `.onnx` file.
        images: RGB pixels 0..255, (n, height, width, 3).
        format: `"saved_model"`, `"tflite"` or `"onnx"`. Defaults to what the
            name of the file says.
        samples_name: What the pictures are, for the report.
        bound: Largest 1 - cosine that passes. Defaults to the format's
            in `BOUNDS`: 1e-6, and 1e-5 for TFLite.

    Returns:
        A `ParityReport`; `passed` says how it went.

    Raises:
        ParityError: when the Keras model itself gives no usable embeddings.
    """
    reference = make_reference(model, images, samples_name)
    return compare(path, format or format_of(path), reference, bound)


def compare(
    path: str | os.PathLike,
    format: str,
    reference: Reference,
    bound: float | None = None,
) -> ParityReport:
    """Compares an exported file with a reference made beforehand."""
    with full_float32():
        actual = list(_embeddings(path, format, reference.images))
    numbers = _differences(reference.embeddings, actual)
    bound = BOUNDS[format] if bound is None else bound
    return ParityReport(
        format=format,
        path=str(path),
        reference=reference.name,
        samples=reference.samples,
        pictures=len(reference.images),
        batch_sizes=BATCH_SIZES,
        **numbers,
        bound=bound,
        passed=_passes(numbers, bound),
        **_fingerprint(Path(path)),
    )


def _embeddings(path, format, images) -> Iterator[np.ndarray]:
    """Embeds all images once for each batch size and kind of pixel."""
    embed = load(path, format)
    for dtype in _dtypes(images, format):
        for size in BATCH_SIZES:
            filled = _at_least(images, size)
            starts = progress(
                range(0, len(filled), size), f"Checking {format}, {size}"
            )
            rows = [
                embed(filled[start : start + size].astype(dtype))
                for start in starts
            ]
            yield np.concatenate(rows)[: len(images)]


def _at_least(images, count):
    if len(images) >= count:
        return images
    return np.resize(images, (count, *images.shape[1:]))


def _dtypes(images, format):
    both = format == "saved_model" and is_whole(images)
    return ("float32", "uint8") if both else ("float32",)


def _differences(expected, actual):
    """Numbers that are NaN wherever anything compared is NaN."""
    actual = np.stack(actual).astype("float64")
    if actual.shape[1:] != expected.shape:
        raise ParityError(
            f"The export gives embeddings of shape {actual.shape[1:]}, the "
            f"Keras model of shape {expected.shape}."
        )
    norms = np.linalg.norm(actual, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.sum(actual * expected, axis=-1) / norms
    # Two equal unit vectors may round to a cosine just above 1.
    distance = np.maximum(1.0 - cosine, 0.0)
    return {
        "max_one_minus_cosine": float(distance.max()),
        "mean_one_minus_cosine": float(distance.mean()),
        "max_abs_difference": float(np.abs(actual - expected).max()),
        "min_norm": float(norms.min()),
        "max_norm": float(norms.max()),
    }


def _passes(numbers, bound):
    # Written so that a comparison with NaN, which is False, fails.
    near = numbers["max_one_minus_cosine"] <= bound
    long_enough = numbers["min_norm"] >= 1 - NORM_BOUND
    short_enough = numbers["max_norm"] <= 1 + NORM_BOUND
    return bool(near and long_enough and short_enough)


def _fingerprint(path):
    if path.is_file():
        return {"bytes": path.stat().st_size, "sha256": sha256(path)}
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listing = "".join(
        f"{sha256(file)}  {file.relative_to(path).as_posix()}\n"
        for file in files
    )
    return {
        "bytes": sum(file.stat().st_size for file in files),
        "sha256": hashlib.sha256(listing.encode()).hexdigest(),
    }
