"""Runs a comparison: all trials, then all choices, then the test half."""

import os
import sys
import uuid
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from keras_arcface.studies.compare import environment
from keras_arcface.studies.compare.agreement import check_candidates
from keras_arcface.studies.compare.agreement import check_examples
from keras_arcface.studies.compare.agreement import check_reopen
from keras_arcface.studies.compare.agreement import keep_protocol
from keras_arcface.studies.compare.contract import Candidate
from keras_arcface.studies.compare.contract import Examples
from keras_arcface.studies.compare.contract import Fit
from keras_arcface.studies.compare.ledger import SESSION
from keras_arcface.studies.compare.ledger import Ledger
from keras_arcface.studies.compare.locked import TestHalf
from keras_arcface.studies.compare.protocol import Protocol
from keras_arcface.studies.compare.records import CHOICE
from keras_arcface.studies.compare.records import FINAL
from keras_arcface.studies.compare.records import TRIAL
from keras_arcface.studies.compare.records import Records
from keras_arcface.studies.compare.report import write_report
from keras_arcface.studies.compare.searching import settings_at
from keras_arcface.studies.compare.searching import trial_point
from keras_arcface.studies.compare.splits import class_disjoint_split
from keras_arcface.studies.compare.trainings import train
from keras_arcface.studies.compare.trainings import training_seed
from keras_arcface.training.run_folder import sole_writer
from keras_arcface.utils.console import progress
from keras_arcface.utils.files import check_output_folder


def compare(
    protocol: Protocol,
    examples: Examples,
    candidates: Mapping[str, Candidate],
    fit: Fit,
    folder: str | os.PathLike,
    *,
    reopen: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Compares losses under one protocol, and writes a report.

    Every loss is tried with as many settings; the best by the mean over the
    folds' validation classes is chosen; then, and only when that is done for
    all losses, the test half is opened once for each. All of it goes into the
    folder's ledger. A comparison that was stopped goes on from there, with the
    same trainings as if it had not been.

    Args:
        protocol: What all losses share.
        examples: The data, of the protocol's hash.
        candidates: The losses of the protocol, by name.
        fit: Trains one of them.
        folder: Where to write `protocol.json`, the ledger and the report.
        reopen: By loss, why its test half is to be seen again. The report
            shows it, and goes on comparing by the first time.

    Returns:
        The values of `report.json`.

    Raises:
        ValueError: when data or losses are not those of the protocol, the
            folder holds another comparison, or a training was not the
            protocol's.
        FileExistsError: when another process is comparing in the folder.
    """
    folder = check_output_folder(folder)
    reopen = dict(reopen or {})
    check_examples(protocol, examples)
    check_candidates(protocol, candidates)
    check_reopen(protocol, reopen)
    with sole_writer(folder):
        keep_protocol(protocol, folder)
        ledger = Ledger(folder, protocol.hash, run=uuid.uuid4().hex)
        work = _Comparison(protocol, examples, candidates, fit, ledger)
        try:
            work.run(reopen)
        except KeyboardInterrupt:
            print(
                f"Stopped. {work.done} of {protocol.trainings} trainings are "
                f"in {folder}; the same command goes on from there.",
                file=sys.stderr,
            )
            raise
        return write_report(folder)


class _Comparison:
    def __init__(self, protocol, examples, candidates, fit, ledger):
        self._protocol, self._examples = protocol, examples
        self._candidates, self._fit = candidates, fit
        self._ledger, self._begun = ledger, False
        self._records = Records(protocol, ledger.rows)
        split = class_disjoint_split(examples.labels, protocol.folds)
        self._folds = split.folds
        x = examples.x[split.test]
        self._test = TestHalf(x, split.test_labels, self._append, self._records)

    @property
    def done(self) -> int:
        """Trainings that are in the ledger."""
        finals = len(self._records.of(FINAL)) * self._protocol.folds
        return len(self._records.of(TRIAL)) + finals

    def run(self, reopen: Mapping[str, str]) -> None:
        self._check_reopen(reopen)
        for job in progress(list(self._missing_trials()), "Trials"):
            self._try(*job)
        for loss in self._protocol.losses:
            self._choose(loss)
        finals = list(self._missing_finals(reopen))
        for job in progress(finals, "Reproductions"):
            self._reproduce(*job, reopen)
        self._test.close()

    def _check_reopen(self, reopen):
        for loss in reopen:
            opening = len(self._records.openings(loss))
            if not self._records.is_whole(loss, opening):
                raise ValueError(
                    f"The test half of {loss} is not done with: there is "
                    "nothing to reopen. Leave --reopen out to go on."
                )

    def _append(self, kind, **values):
        # A call that finds nothing to do leaves no line.
        if not self._begun:
            content = self._examples.content()
            here = environment.describe()
            self._ledger.append(SESSION, **here, examples=content)
            self._begun = True
        self._ledger.append(kind, **values)

    def _missing_trials(self) -> Iterator[tuple[str, int, int]]:
        for loss in self._protocol.losses:
            there = self._records.folds_of(loss)
            for trial in range(self._protocol.trials_of(loss)):
                for fold in range(self._protocol.folds):
                    if fold not in there.get(trial, {}):
                        yield loss, trial, fold

    def _missing_finals(self, reopen) -> Iterator[tuple[str, int]]:
        for loss in self._protocol.losses:
            if self._choice(loss)["trial"] is None:
                continue  # Every trial failed; the report says so.
            opening = len(self._records.openings(loss))
            there = self._records.finals(loss, opening)
            if loss in reopen and self._records.is_whole(loss, opening):
                there = {}
            for reproduction in range(1, self._protocol.seeds + 1):
                if reproduction not in there:
                    yield loss, reproduction

    def _try(self, loss: str, trial: int, fold: int) -> None:
        protocol, candidate = self._protocol, self._candidates[loss]
        point = trial_point(
            protocol.searcher,
            sorted(candidate.search_space),
            trial,
            protocol.seed,
            self._tried(loss, trial),
        )
        settings = settings_at(point, candidate.search_space)
        trained = self._train(loss, settings, 0, fold)
        self._append(
            TRIAL,
            loss=loss,
            trial=trial,
            fold=fold,
            point=point,
            settings=settings,
            **trained.facts,
        )

    def _tried(self, loss, trial):
        if self._protocol.searcher != "optuna":
            return ()  # Nothing else looks back.
        return self._records.tried(loss, before=trial)

    def _choose(self, loss: str) -> None:
        if self._records.of(CHOICE, loss):
            return
        best = self._records.best(loss)
        self._append(
            CHOICE,
            loss=loss,
            trial=None if best is None else best.number,
            settings=None if best is None else best.settings,
            validation=None if best is None else best.value,
        )

    def _reproduce(self, loss: str, reproduction: int, reopen) -> None:
        settings = self._choice(loss)["settings"]
        opening = self._open(loss, reopen)
        parts, folds = [], []
        for fold in range(self._protocol.folds):
            trained = self._train(loss, settings, reproduction, fold)
            folds.append(trained.facts)
            if trained.embed is None:
                break
            parts.append(self._test.embed(loss, trained.embed))
        failed = folds[-1]["failed"]
        self._append(
            FINAL,
            loss=loss,
            opening=opening,
            reproduction=reproduction,
            settings=settings,
            trainings=folds,
            failed=failed,
            test=None if failed else self._test.judge(loss, parts),
        )

    def _choice(self, loss):
        return self._records.of(CHOICE, loss)[0]

    def _open(self, loss, reopen):
        if self._test.is_open_for(loss):
            return len(self._records.openings(loss))
        return self._test.open(loss, reopen.get(loss))

    def _train(self, loss, settings, reproduction, fold):
        return train(
            self._fit,
            self._candidates[loss],
            settings,
            self._protocol,
            self._examples,
            self._folds[fold],
            training_seed(self._protocol, reproduction, fold),
        )
