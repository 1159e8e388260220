"""From a model and data to one page."""

import os
from typing import Any

from keras_arcface.studies.report import conditions
from keras_arcface.studies.report import finding
from keras_arcface.studies.report import hardest
from keras_arcface.studies.report import holding
from keras_arcface.studies.report import origin
from keras_arcface.studies.report import verifying
from keras_arcface.studies.report.embedding_file import open_embeddings
from keras_arcface.studies.report.judged import Judged
from keras_arcface.studies.report.measures import Measures
from keras_arcface.studies.report.measures import measure
from keras_arcface.studies.report.opening import open_judged
from keras_arcface.studies.report.options import Options
from keras_arcface.studies.report.page import page
from keras_arcface.studies.report.verdict import verdict
from keras_arcface.utils.console import progress
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.files import check_output_file


def report(
    model: str | None,
    data: str | None,
    output: str | os.PathLike,
    *,
    embeddings: str | os.PathLike | None = None,
    overwrite: bool = False,
    command: str | None = None,
    **options: Any,
) -> Measures:
    """Judges a model on data and writes one self-contained HTML page.

    All numbers come from `keras_arcface.evaluation`. What the data is too
    small for is left out, and the page says why.

    Args:
        model: Preset, preset folder, run folder or `.keras` file; None with
            `embeddings`.
        data: Folder of identities, pack, `.rec`, CSV file of identities or of
            pairs, LFW's pairs.txt, `.bin` set, or "glyphs"; None with
            `embeddings`.
        output: `.html` file to write, atomically.
        embeddings: `.npz` file instead, as `open_embeddings` reads it.
        overwrite: Whether a file at `output` may be replaced.
        command: What the page says made it.
        **options: Fields of `Options`.

    Returns:
        What was measured.

    Raises:
        FileExistsError: when there is a file at `output`.
        FileNotFoundError: when something is not there.
        ValueError: when something is not what it should be, or there are no
            pairs of both kinds.
    """
    output = _check_output(output, overwrite)
    chosen = Options(**options)
    run = origin.run_folder(model, chosen)
    judged = _open(model, data, embeddings, chosen)
    measures = measure(judged, chosen)
    sections = _sections(judged, measures, chosen, run, command)
    text = page(judged, verdict(judged, measures, sections), sections)
    with atomic_path(output) as temporary:
        temporary.write_text(text, "utf-8")
    return measures


def _check_output(output, overwrite):
    output = check_output_file(output, ".html")
    if output.exists() and not overwrite:
        raise FileExistsError(
            f"{output} is there already. Pass overwrite=True (--overwrite) to "
            "replace it, or another name."
        )
    return output


def _open(model, data, embeddings, options) -> Judged:
    if embeddings is not None and model is None and data is None:
        return open_embeddings(embeddings, options)
    if embeddings is None and model is not None and data is not None:
        return open_judged(model, data, options)
    raise ValueError(
        "Give a model and data, or embeddings alone. Received: "
        f"model={model!r}, data={data!r}, embeddings={embeddings!r}."
    )


def _sections(judged, measures, options, run, command):
    steps = [
        lambda: origin.judged_section(judged),
        lambda: verifying.errors(judged, measures),
        lambda: holding.thresholds(judged, measures),
        lambda: verifying.verification(measures),
        lambda: finding.identification(judged, measures),
        lambda: finding.retrieval(measures),
        lambda: finding.geometry(measures),
        lambda: conditions.qualities(measures),
        lambda: conditions.groups(measures),
    ]
    if options.pictures:
        steps += [
            lambda: hardest.hardest_pairs(judged, measures),
            lambda: hardest.neighbours(judged, options.seed),
        ]
    steps += [
        lambda: origin.training(run),
        lambda: origin.made(judged, options, command),
    ]
    found = [step() for step in progress(steps, "Drawing")]
    return [section for section in found if section is not None]
