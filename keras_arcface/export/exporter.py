"""Writes a backbone in every format and lets nothing pass that differs."""

import contextlib
import dataclasses
import importlib.metadata
import os
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from keras_arcface.export.float32 import float32_clone
from keras_arcface.export.metadata import describe
from keras_arcface.export.onnx import to_onnx
from keras_arcface.export.parity import compare
from keras_arcface.export.paths import check_file
from keras_arcface.export.paths import check_folder
from keras_arcface.export.reference import make_reference
from keras_arcface.export.report import ParityError
from keras_arcface.export.report import ParityReport
from keras_arcface.export.report import format_table
from keras_arcface.export.saved_model import to_saved_model
from keras_arcface.export.serving import INPUT_DTYPES
from keras_arcface.export.serving import check_batch_size
from keras_arcface.export.serving import check_input_dtype
from keras_arcface.export.serving import input_size
from keras_arcface.export.tflite import to_tflite
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.files import check_output_folder
from keras_arcface.utils.files import write_json
from keras_arcface.utils.optional import require

FILES = {
    "saved_model": "saved_model",
    "tflite": "model.tflite",
    "onnx": "model.onnx",
}
FORMATS = tuple(FILES)
MODULES = {
    "saved_model": (),
    "tflite": ("ai_edge_litert.interpreter",),
    "onnx": ("onnx", "tf2onnx", "onnxruntime"),
}
NOISE = "uniform noise, seed 0"
PACKAGES = ("keras", "tensorflow", "ai-edge-litert", "tf2onnx", "onnxruntime")


def export(
    model: keras.Model,
    folder: str | os.PathLike,
    formats: str | Iterable[str] = "all",
    images: np.ndarray | None = None,
    samples_name: str | None = None,
    batch_size: int | None = 1,
    input_dtype: str = "float32",
    verbose: bool = True,
) -> list[ParityReport]:
    """Exports a backbone and proves each file against the Keras model.

    Writes `saved_model/`, `model.tflite`, `model.onnx` and `parity.json` into
    `folder`. Every file is run in its own runtime before it gets its name; if
    one differs from the Keras model by more than its bound, none is written and
    what the folder held stays as it was. See `check_parity`.

    Args:
        model: Backbone, images (batch, height, width, 3), RGB pixels 0..255
            -> features (batch, embedding_dim). One that computes in half
            precision is exported as its float32 clone.
        folder: Where to write.
        formats: `"saved_model"`, `"tflite"`, `"onnx"`, several of them, or
            `"all"`. Defaults to `"all"`.
        images: Pictures for the check, of the model's input size. Defaults
            to 16 pictures of uniform noise.
        samples_name: What `images` are, for the report: `"glyphs"`.
        batch_size: Pictures per call of the TFLite file, `None` for any
            number. Defaults to `1`. The others take any number.
        input_dtype: Pixels that the TFLite and ONNX files take, `"float32"`
            or `"uint8"`. A SavedModel takes both. Defaults to `"float32"`.
        verbose: Whether to print the table of reports. Defaults to `True`.

    Returns:
        A `ParityReport` for each format.

    Raises:
        ParityError: when an export differs from the Keras model.
        ImportError: when a format's packages are missing, before any work.

    Example:

    ```python
    export(backbone, "exports", images=glyphs, samples_name="glyphs")
    ```
    """
    formats = _check_formats(formats)
    check_batch_size(batch_size)
    check_input_dtype(input_dtype)
    targets = _check_targets(check_output_folder(folder), formats)
    if images is None:
        images, samples_name = _noise(input_size(model)), NOISE
    reference = make_reference(model, images, samples_name or "of the caller")
    options = {
        "saved_model": {},
        "tflite": {"batch_size": batch_size, "input_dtype": input_dtype},
        "onnx": {"input_dtype": input_dtype},
    }
    reports = _write_all(float32_clone(model), targets, options, reference)
    if verbose:
        print(format_table(reports))
    return reports


def check_export(
    folder: str | os.PathLike, formats: str | Iterable[str] = "all"
) -> None:
    """Makes sure, before any work, that `export` could write to a folder.

    Raises:
        ValueError: for an unknown format or a folder that cannot be written.
        ImportError: when a format's packages are missing.
    """
    formats = _check_formats(formats)
    _check_targets(check_output_folder(folder), formats)


WRITERS = {
    "saved_model": to_saved_model,
    "tflite": to_tflite,
    "onnx": to_onnx,
}


def _write_all(model, targets, options, reference):
    folder = next(iter(targets.values())).parent
    reports = []
    with _no_empty_folder(folder), contextlib.ExitStack() as renames:
        for format, target in targets.items():
            # Renamed when the stack unwinds, after all have passed.
            temporary = renames.enter_context(atomic_path(target))
            WRITERS[format](model, temporary, **options[format])
            report = compare(temporary, format, reference)
            reports.append(dataclasses.replace(report, path=str(target)))
        _require_passed(reports)
        summary = renames.enter_context(atomic_path(folder / "parity.json"))
        write_json(summary, _summary(model, reports))
    return reports


def _check_formats(formats):
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "Exports are written through TensorFlow. Received: the Keras "
            f"backend {keras.backend.backend()!r}. Run with "
            "KERAS_BACKEND=tensorflow."
        )
    if isinstance(formats, str):
        formats = FORMATS if formats == "all" else (formats,)
    formats = tuple(dict.fromkeys(formats))
    unknown = [format for format in formats if format not in FORMATS]
    if unknown or not formats:
        raise ValueError(
            f'formats must be "all" or some of {FORMATS}. '
            f"Received: {unknown or formats}."
        )
    for format in formats:
        for module in MODULES[format]:
            require(module, "export")
    return formats


def _check_targets(folder, formats):
    targets = {format: folder / FILES[format] for format in formats}
    for target in targets.values():
        if target.suffix:
            check_file(target, target.suffix)
        else:
            check_folder(target)
    return targets


def _noise(size, count=16):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, *size, 3), dtype=np.uint8)


def _require_passed(reports):
    failed = [report.format for report in reports if not report.passed]
    if failed:
        raise ParityError(
            f"The export to {', '.join(failed)} differs from the Keras model; "
            f"nothing was written.\n{format_table(reports)}"
        )


def _summary(model, reports):
    description = describe(model, INPUT_DTYPES)
    del description["input"]["dtypes"]  # Each file says its own.
    return {
        "model": description,
        "versions": dict(_versions()),
        "reports": [
            dataclasses.asdict(report) | {"path": Path(report.path).name}
            for report in reports
        ],
    }


def _versions() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            yield package, importlib.metadata.version(package)


@contextlib.contextmanager
def _no_empty_folder(folder):
    """Takes away a folder made for an export that came to nothing."""
    made_here = not folder.exists()
    try:
        yield
    except BaseException:
        if made_here:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
