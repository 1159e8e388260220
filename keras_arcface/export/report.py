"""The result of a parity check, for programs and for people."""

import dataclasses


class ParityError(RuntimeError):
    """An export that differs from its Keras model, with the numbers."""


@dataclasses.dataclass(frozen=True)
class ParityReport:
    """How far an export lies from the Keras model, over a set of pictures.

    Attributes:
        format: `"saved_model"`, `"tflite"` or `"onnx"`.
        path: The file or folder that was checked.
        reference: What it was compared with.
        samples: What the pictures were.
        pictures: How many there were.
        batch_sizes: How many were embedded at a time; all pictures, each way.
        max_one_minus_cosine: Worst 1 - cosine to the reference, in float64.
        mean_one_minus_cosine: Mean of the same.
        max_abs_difference: Largest difference of one number of an embedding.
        min_norm: Shortest length of an embedding; unit length is promised.
        max_norm: Longest length.
        bound: What `max_one_minus_cosine` may be at most.
        passed: Whether it is, and every length is 1 within 1e-5. Not a
            number never passes.
        bytes: Size of the file, or of all files in the folder.
        sha256: Of the file; of a folder, of its `sha256sum` listing.
    """

    format: str
    path: str
    reference: str
    samples: str
    pictures: int
    batch_sizes: tuple[int, ...]
    max_one_minus_cosine: float
    mean_one_minus_cosine: float
    max_abs_difference: float
    min_norm: float
    max_norm: float
    bound: float
    passed: bool
    bytes: int
    sha256: str


def format_table(reports: list[ParityReport]) -> str:
    """Returns the reports as a table of text, for people."""
    first = reports[0]
    sizes = " and ".join(str(size) for size in first.batch_sizes)
    lines = [
        f"Parity on {first.pictures} pictures ({first.samples}), "
        f"{sizes} at a time.",
        f"Reference: {first.reference}.",
        f"{'format':12} {'MB':>8} {'max 1-cos':>10} {'mean 1-cos':>10} "
        f"{'bound':>7} {'max diff':>9} {'length':>17}  result",
    ]
    return "\n".join(lines + [_row(report) for report in reports])


def _row(report):
    return (
        f"{report.format:12} {report.bytes / 1e6:8.3f} "
        f"{report.max_one_minus_cosine:10.1e} "
        f"{report.mean_one_minus_cosine:10.1e} {report.bound:7.0e} "
        f"{report.max_abs_difference:9.1e} "
        f"{report.min_norm:.6f}-{report.max_norm:.6f}  "
        f"{'passed' if report.passed else 'FAILED'}"
    )
