"""The test half: locked until every choice is made, opened once a loss."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_arcface.studies.compare.contract import Embed
from keras_arcface.studies.compare.judging import checked
from keras_arcface.studies.compare.judging import readings_of
from keras_arcface.studies.compare.records import CHOICE
from keras_arcface.studies.compare.records import OPENING
from keras_arcface.studies.compare.records import Records


class LockedError(ValueError):
    """The test half stays closed."""


class TestHalf:
    """Holds the examples of the test half, and gives them to nobody.

    Args:
        x: Examples of the test half.
        labels: Their classes `(n,)`.
        append: Writes a line into the ledger, as `Ledger.append` does.
        records: Of the same ledger.
    """

    # Its name is no test's.
    __test__ = False

    def __init__(
        self,
        x: np.ndarray,
        labels: np.ndarray,
        append: Callable[..., object],
        records: Records,
    ):
        self._x, self._labels = x, labels
        self._append, self._records = append, records
        self._open: str | None = None

    def open(self, loss: str, reason: str | None = None) -> int:
        """Opens the test half for a loss and writes that down.

        An opening that was begun and not ended (the comparison was stopped)
        goes on; it is not a second one.

        Returns:
            Which opening of this loss it is, from 1.

        Raises:
            LockedError: before all losses have had all their trials and the
                choice is made; and for a second opening without a reason.
        """
        self._refuse_early(loss)
        openings = self._records.openings(loss)
        number = len(openings)
        if openings and not self._records.is_whole(loss, number):
            self._open = loss
            return number
        if openings and not reason:
            raise LockedError(
                f"The test half was opened for {loss} on "
                f"{openings[-1]['time']}, and all its reproductions are done. "
                "Whoever looks again chooses by it. Give a reason "
                "(--reopen LOSS=REASON); the report will show it."
            )
        self._append(
            OPENING,
            loss=loss,
            opening=number + 1,
            reason=reason if openings else None,
            **self._facts(),
        )
        self._open = loss
        return number + 1

    def is_open_for(self, loss: str) -> bool:
        """Whether the test half is open for this loss."""
        return self._open == loss

    def close(self) -> None:
        """Ends an opening."""
        self._open = None

    def embed(self, loss: str, embed: Embed) -> np.ndarray:
        """Returns the embeddings of the test half, `(n, dim)`."""
        self._refuse_closed(loss)
        return checked(embed(self._x), len(self._x))

    def judge(self, loss: str, parts: Sequence[np.ndarray]) -> dict[str, Any]:
        """Returns both readings of the embeddings of all folds' models."""
        self._refuse_closed(loss)
        return readings_of(parts, self._labels)

    def _facts(self):
        """Returns what the test half holds, for the reader."""
        members = np.unique(self._labels, return_counts=True)[1]
        lone = int((members == 1).sum())
        return {
            "classes": len(members) - lone,
            "queries": int(members.sum()) - lone,
            "lone_queries": lone,
        }

    def _refuse_closed(self, loss):
        if not self.is_open_for(loss):
            raise LockedError(f"The test half is not open for {loss}.")

    def _refuse_early(self, loss):
        records = self._records
        waiting = [
            name
            for name in records.protocol.losses
            if not records.all_tried(name)
        ]
        if waiting:
            raise LockedError(
                "The test half stays closed until every loss has had its "
                f"trials. Waiting for: {', '.join(waiting)}."
            )
        if not records.of(CHOICE, loss):
            raise LockedError(
                f"The test half stays closed: no setting of {loss} is chosen."
            )
