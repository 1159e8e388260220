"""Every figure of the ArcFace paper that can be drawn from what is given."""

import dataclasses
import importlib.util
import json
import os
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_arcface import plots
from keras_arcface.studies import margin_curves
from keras_arcface.studies import model_figures
from keras_arcface.studies.model_figures import Judged
from keras_arcface.studies.toy import check_options
from keras_arcface.studies.toy import to_text
from keras_arcface.studies.toy import toy
from keras_arcface.training import angle_monitor
from keras_arcface.training.history import columns
from keras_arcface.training.run_folder import HISTORY
from keras_arcface.utils.files import check_output_folder
from keras_arcface.utils.files import write_json

NOTHING, RUN, MODEL, PICTURES = (
    "nothing",
    "a run folder (--run)",
    "a model and data (--model, --data)",
    "a model and data whose pictures may be shown",
)
SCIKIT_LEARN = 'scikit-learn: pip install "keras-arcface[figures]"'


@dataclasses.dataclass(frozen=True)
class Figure:
    """One figure, or a folder of what is no figure.

    Attributes:
        stem: Name of the file without its suffix.
        needs: `NOTHING`, `RUN`, `MODEL` or `PICTURES`.
        about: A line for the help.
        draw: From what it needs and a path to None, or to the reason why
            nothing was drawn.
        is_folder: Whether it writes a folder, in formats of its own.
    """

    stem: str
    needs: str
    about: str
    draw: Callable[..., str | None]
    is_folder: bool = False


def _draw_boundaries(path):
    plots.plot_decision_boundaries(path)


def _draw_logits(path):
    plots.plot_target_logits(
        margin_curves.DEGREES, margin_curves.target_logits(), path
    )


def _draw_angles(run, path):
    rows = _read(run / angle_monitor.FILE)
    if rows is None:
        return f"{run} has no {angle_monitor.FILE}: watch.angles was off"
    if not any(any(r.get("target_angle_counts", ())) for r in rows["epochs"]):
        return f"{run / angle_monitor.FILE} has no target angles"
    plots.plot_target_angles(rows["epochs"], path)
    return None


def _draw_training(run, path):
    rows = _read(run / HISTORY)
    if not rows:
        return f"{run} has no {HISTORY}: its first epoch is not done"
    plots.plot_training(columns(rows), path)
    return None


def _read(path):
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}.") from error


FIGURES = {
    "logits": Figure(
        "target_logits",
        NOTHING,
        "4b: what each margin makes of the target logit",
        _draw_logits,
    ),
    "boundaries": Figure(
        "decision_boundaries",
        NOTHING,
        "5: softmax, SphereFace, CosFace, ArcFace",
        _draw_boundaries,
    ),
    "angles": Figure(
        "target_angles",
        RUN,
        "4a: target angles over training",
        _draw_angles,
    ),
    "training": Figure(
        "training", RUN, "loss and scores by epoch", _draw_training
    ),
    "scores": Figure(
        "scores",
        MODEL,
        "genuine and impostor scores",
        model_figures.draw_scores,
    ),
    "det": Figure(
        "det", MODEL, "DET with 95% intervals", model_figures.draw_det
    ),
    "roc": Figure(
        "roc", MODEL, "ROC with 95% intervals", model_figures.draw_roc
    ),
    "cmc": Figure(
        "cmc", MODEL, "CMC with its 95% interval", model_figures.draw_cmc
    ),
    "geometry": Figure(
        "geometry",
        MODEL,
        "angles between identities, hubness",
        model_figures.draw_geometry,
    ),
    "reject": Figure(
        "reject",
        MODEL,
        "error versus reject, by the length of the features",
        model_figures.draw_reject,
    ),
    "neighbours": Figure(
        "neighbours",
        PICTURES,
        "pictures beside their nearest",
        model_figures.draw_neighbours,
    ),
    "mistakes": Figure(
        "mistakes",
        PICTURES,
        "the hardest pairs",
        model_figures.draw_mistakes,
    ),
    "projector": Figure(
        "projector",
        MODEL,
        "a folder for TensorBoard's projector",
        model_figures.write_projection,
        is_folder=True,
    ),
}
TOY = "toy"
"""Figure 3, which is trained here and draws several files."""

NAMES = (*FIGURES, TOY)


def figures(
    folder: str | os.PathLike,
    only: Sequence[str] | None = None,
    *,
    suffix: str = ".png",
    run: str | os.PathLike | None = None,
    judged: Judged | None = None,
    **toy_options: Any,
) -> dict[str, Any]:
    """Draws what can be drawn; says what was left out and why.

    Args:
        folder: Where to write.
        only: Of `NAMES`. Defaults to all whose needs are met.
        suffix: `".png"`, `".svg"` or `".pdf"`.
        run: Folder of a training run.
        judged: A model and the data to judge it on.
        **toy_options: Of `toy`: `seeds`, `sets`, `dims`, `most`, `settings`.

    Returns:
        `written`, a list of paths; `left_out`, reasons by name; and `toy`,
        what `toy` found, where it was trained.

    Raises:
        ValueError: when a figure that was asked for by name lacks what it
            needs, before any work.
    """
    folder = check_output_folder(folder)
    run = None if run is None else Path(run)
    if TOY in (only or NAMES):
        check_options(**toy_options)
    missing = _missing(only or NAMES, run, judged)
    if only and missing:
        name, need = next(iter(missing.items()))
        raise ValueError(f"The figure {name!r} needs {need}.")
    result = {"written": [], "left_out": missing}
    for name in FIGURES:
        if name in (only or NAMES) and name not in missing:
            _draw(name, folder, suffix, run, judged, result)
    if TOY in (only or NAMES) and TOY not in missing:
        found = toy(folder, suffix=suffix, **toy_options)
        write_json(folder / "toy.json", found)
        print(to_text(found))
        result["toy"] = found
        result["written"] += [*found["figures"], str(folder / "toy.json")]
    return result


def _missing(names, run, judged) -> Mapping[str, str]:
    """Returns what each figure lacks, by name."""
    met = {NOTHING}
    if run is not None:
        met.add(RUN)
    if judged is not None:
        met.add(MODEL)
        if judged.pictures:
            met.add(PICTURES)
    missing = {
        name: FIGURES[name].needs
        for name in names
        if name != TOY and FIGURES[name].needs not in met
    }
    if TOY in names and importlib.util.find_spec("sklearn") is None:
        missing[TOY] = SCIKIT_LEARN
    return missing


def _draw(name, folder, suffix, run, judged, result):
    figure = FIGURES[name]
    path = folder / (figure.stem + ("" if figure.is_folder else suffix))
    given = {NOTHING: (), RUN: (run,)}.get(figure.needs, (judged,))
    reason = figure.draw(*given, path)
    if reason is None:
        result["written"].append(str(path))
    else:
        result["left_out"][name] = reason
