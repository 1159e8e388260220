"""The lines of a ledger, by what they are about."""

from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_arcface.studies.compare.ledger import LedgerError
from keras_arcface.studies.compare.protocol import Protocol
from keras_arcface.studies.compare.searching import Tried

TRIAL, CHOICE, OPENING, FINAL = "trial", "choice", "opening", "final"
Row = dict[str, Any]
# What a line of each kind has to hold.
_TRAINING = (
    "seed",
    "validation",
    "looks",
    "embedding_dim",
    "steps",
    "best_step",
    "batch_size",
    "augmentation",
    "seconds",
    "failed",
)
_FIELDS = {
    TRIAL: ("loss", "trial", "fold", "point", "settings", *_TRAINING),
    CHOICE: ("loss", "trial", "settings", "validation"),
    OPENING: (
        "loss",
        "opening",
        "reason",
        "classes",
        "queries",
        "lone_queries",
    ),
    FINAL: (
        "loss",
        "opening",
        "reproduction",
        "settings",
        "trainings",
        "failed",
        "test",
    ),
}


class Trial(NamedTuple):
    """A setting of a loss over all folds.

    `value` is the mean of the metric over the folds' validation classes; None
    where a training failed.
    """

    number: int
    point: tuple[float, ...]
    settings: dict[str, Any]
    value: float | None


class Records:
    """Answers what has been done, from the rows of a ledger.

    Args:
        protocol: Of the ledger.
        rows: Its rows, in their order. Those added to the list later are seen.

    Raises:
        LedgerError: naming the line that lacks something.
    """

    def __init__(self, protocol: Protocol, rows: Sequence[Row]):
        for row in rows:
            _refuse_lacking(row, _FIELDS.get(row["kind"], ()))
            for training in row.get("trainings", ()):
                _refuse_lacking({**row, **training}, _TRAINING)
        self.protocol = protocol
        self.rows = rows

    def of(self, kind: str, loss: str | None = None) -> list[Row]:
        """Returns the rows of a kind, and of a loss where one is given."""
        return [
            row
            for row in self.rows
            if row["kind"] == kind and (loss is None or row["loss"] == loss)
        ]

    def folds_of(self, loss: str) -> dict[int, dict[int, Row]]:
        """Returns the first row by trial and fold."""
        trials: dict[int, dict[int, Row]] = {}
        for row in self.of(TRIAL, loss):
            trials.setdefault(row["trial"], {}).setdefault(row["fold"], row)
        return trials

    def trials(self, loss: str) -> list[Trial]:
        """Returns the trials of a loss that have all their folds."""
        return [
            _trial(number, folds)
            for number, folds in sorted(self.folds_of(loss).items())
            if len(folds) == self.protocol.folds
        ]

    def tried(self, loss: str, before: int) -> list[Tried]:
        """Returns what a searcher may know before a trial."""
        return [
            Tried(trial.point, trial.value)
            for trial in self.trials(loss)
            if trial.number < before
        ]

    def all_tried(self, loss: str) -> bool:
        """Whether a loss has had all its trials."""
        return len(self.trials(loss)) >= self.protocol.trials_of(loss)

    def best(self, loss: str) -> Trial | None:
        """Returns the trial with the best mean on the validation classes.

        The first of equally good ones; None where every trial failed.
        """
        done = [t for t in self.trials(loss) if t.value is not None]
        return max(done, key=lambda trial: trial.value, default=None)

    def openings(self, loss: str) -> list[Row]:
        """Returns how often, when and why a loss saw the test half."""
        return self.of(OPENING, loss)

    def finals(self, loss: str, opening: int) -> dict[int, Row]:
        """Returns the rows of an opening by reproduction."""
        rows: dict[int, Row] = {}
        for row in self.of(FINAL, loss):
            if row["opening"] == opening:
                rows.setdefault(row["reproduction"], row)
        return rows

    def is_whole(self, loss: str, opening: int) -> bool:
        """Whether an opening has all its reproductions."""
        return len(self.finals(loss, opening)) >= self.protocol.seeds


def _refuse_lacking(row: Row, fields: Sequence[str]) -> None:
    lacking = [name for name in fields if name not in row]
    if lacking:
        raise LedgerError(
            f"Line {row['number']} of the ledger, a {row['kind']}, says "
            f"nothing of {', '.join(lacking)}: no comparison wrote it."
        )


def _trial(number: int, folds: dict[int, Row]) -> Trial:
    first = next(iter(folds.values()))
    values = [row["validation"] for row in folds.values()]
    failed = any(value is None for value in values)
    return Trial(
        number,
        tuple(first["point"]),
        first["settings"],
        None if failed else float(np.mean(values)),
    )
