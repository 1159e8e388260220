"""The report of a comparison, made from its ledger and from nothing else."""

import os
from pathlib import Path
from typing import Any

from keras_arcface.plots.intervals import plot_intervals
from keras_arcface.studies.compare import protocol as protocols
from keras_arcface.studies.compare.judging import READINGS
from keras_arcface.studies.compare.ledger import read
from keras_arcface.studies.compare.markdown import markdown
from keras_arcface.studies.compare.protocol import Protocol
from keras_arcface.studies.compare.records import Records
from keras_arcface.studies.compare.summary import summary
from keras_arcface.studies.compare.words import METRIC_NAMES
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.files import write_json

TEXT, VALUES, FIGURE = "report.md", "report.json", "intervals.svg"


def read_comparison(folder: str | os.PathLike) -> dict[str, Any]:
    """Returns what the ledger of a comparison adds up to.

    Raises:
        FileNotFoundError: when there is no comparison.
        LedgerError: when the ledger is not what a comparison wrote.
        ValueError: when the protocol was edited.
    """
    folder = Path(folder)
    if not (folder / protocols.FILE).is_file():
        raise FileNotFoundError(
            f"{folder} holds no comparison: there is no {protocols.FILE}."
        )
    protocol = Protocol.load(folder / protocols.FILE)
    return summary(Records(protocol, read(folder, protocol.hash)))


def write_report(folder: str | os.PathLike) -> dict[str, Any]:
    """Writes `report.md`, `report.json` and a figure beside the ledger.

    The same ledger gives the same files.

    Returns:
        The values of `report.json`.

    Raises:
        FileNotFoundError: when there is no comparison.
        LedgerError: when the ledger is not what a comparison wrote.
        ValueError: when the protocol was edited.
    """
    folder = Path(folder)
    values = read_comparison(folder)
    figure = _draw(values, folder / FIGURE)
    write_json(folder / VALUES, values)
    with atomic_path(folder / TEXT) as temporary:
        text = markdown(values, FIGURE if figure else None)
        temporary.write_text(text, "utf-8")
    return values


def _draw(values: dict[str, Any], path: Path) -> bool:
    metric, losses = values["protocol"]["metric"], values["losses"]
    panels = {
        reading: {
            name: (
                loss["readings"][reading][metric]["mean"],
                loss["readings"][reading][metric]["interval"],
            )
            for name, loss in losses.items()
            if loss["readings"]
        }
        for reading in READINGS
    }
    if not panels[READINGS[0]]:
        return False
    baselines = [n for n, loss in losses.items() if loss["kind"] == "baseline"]
    plot_intervals(
        panels,
        path,
        xlabel=f"{METRIC_NAMES[metric]}, test half",
        reference=baselines,
    )
    return True
