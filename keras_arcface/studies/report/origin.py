"""Sections on where the numbers come from: model, data, training, machine."""

import json
from pathlib import Path

from keras_arcface import plots
from keras_arcface.studies.report.elements import Markup
from keras_arcface.studies.report.elements import facts
from keras_arcface.studies.report.elements import joined
from keras_arcface.studies.report.elements import lines
from keras_arcface.studies.report.elements import table
from keras_arcface.studies.report.elements import tag
from keras_arcface.studies.report.facts import machine_facts
from keras_arcface.studies.report.figures import figure
from keras_arcface.studies.report.judged import Judged
from keras_arcface.studies.report.options import Options
from keras_arcface.studies.report.sections import Section
from keras_arcface.studies.report.sections import notes
from keras_arcface.training import angle_monitor
from keras_arcface.training.history import columns
from keras_arcface.training.recipe.shipped import IN_RUN as RECIPE
from keras_arcface.training.run_folder import HISTORY


def judged_section(judged: Judged) -> Section:
    """Returns what is known of the model and of the data."""
    parts: list[Markup] = []
    for title, known in (
        ("The model", judged.model_facts),
        ("The data", judged.data_facts),
    ):
        if known:
            parts += [tag("h3", title), facts(known.items())]
    return Section("judged", "What was judged", joined(parts))


def run_folder(model: str | None, options: Options) -> Path | None:
    """Returns the training run whose curves are to be shown, if any.

    Raises:
        FileNotFoundError: when a run was asked for and has no history.
        ValueError: when its history is damaged.
    """
    if options.run is not None:
        folder = Path(options.run)
        if not (folder / HISTORY).is_file():
            raise FileNotFoundError(
                f"There is no {HISTORY} in {folder}, so it is no finished run. "
                "--run takes the folder that keras-arcface train wrote."
            )
    elif model is not None and (Path(model) / HISTORY).is_file():
        folder = Path(model)
    else:
        return None
    _history(folder)  # Now, and not after all pictures were embedded.
    return folder


def training(folder: Path | None) -> Section | None:
    """Returns a run's curves, its last values and its recipe."""
    if folder is None:
        return None
    history = _history(folder)
    values = columns(history)
    parts = [
        notes(f"{len(history):,} epochs."),
        figure(
            lambda path: plots.plot_training(values, path),
            "Loss, angle, margin strength and verification by epoch; first "
            "and last values are in the table.",
            "The course of training. What is judged in it decides which epoch "
            "is kept; it is no test.",
        ),
    ]
    angles = _angles(folder)
    if angles:
        parts.append(
            figure(
                lambda path: plots.plot_angles(angles, path),
                "Distribution of the target angle in the first, a middle and "
                "the last epoch, and angles by epoch.",
                "Angles while training, as in Figure 4a of the ArcFace paper.",
            )
        )
    parts.append(_values(values))
    if (folder / RECIPE).is_file():
        text = (folder / RECIPE).read_text("utf-8")
        parts += [tag("h3", "Recipe"), tag("pre", lines(text))]
    return Section("training", "Training", joined(parts))


def _history(folder):
    history = _json(folder / HISTORY)
    if not isinstance(history, list) or not history:
        raise ValueError(f"{folder / HISTORY} holds no epoch of a run.")
    return history


def _angles(folder):
    path = folder / angle_monitor.FILE
    if not path.is_file():
        return []
    return [
        row
        for row in _json(path)["epochs"]
        if any(row.get("target_angle_counts") or ())
    ]


def _values(by_name):
    rows = []
    for name, values in by_name.items():
        known = [value for value in values if value is not None]
        if name != "epoch" and known:
            shown = (known[0], known[-1], min(known), max(known))
            rows.append((name, *(f"{value:.5g}" for value in shown)))
    return table(
        "Values of the epochs", ("value", "first", "last", "low", "high"), rows
    )


def _json(path):
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from error


def made(judged: Judged, options: Options, command: str | None) -> Section:
    """Returns how this page was made: command, rules, machine, versions."""
    parts: list[Markup] = []
    if command:
        parts += [
            tag("h3", "Command"),
            tag("pre", command),
        ]
    rules = [*judged.rules, *_rules(options)]
    if not options.pictures:
        rules.append("pictures and names of identities were left out")
    parts += [
        tag("h3", "Rules"),
        tag("ul", *(tag("li", f"{rule}.") for rule in rules)),
        tag("h3", "Machine and versions"),
        facts(machine_facts().items()),
        notes(
            "Figures are SVG images inside the page, or PNG where an SVG "
            "would take over 250 kB; pictures are at most 112 pixels a side. "
            "The page holds no script and asks for nothing from the network."
        ),
    ]
    return Section("made", "How this page was made", joined(parts))


def _rules(options: Options):
    return (
        f"every draw has the seed {options.seed}",
        f"of more than {options.most_pairs:,} possible pairs a sample is "
        "judged; every section says which pairs it counts",
        "bootstrap resamples are 1,000, and down to 200 where there are more "
        "than 100,000 pairs",
        "all numbers are by the functions of keras_arcface.evaluation",
    )
