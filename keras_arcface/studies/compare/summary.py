"""What a ledger adds up to: means, intervals, and who is told apart."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_arcface.evaluation.significance import alike_groups
from keras_arcface.evaluation.significance import corrected
from keras_arcface.evaluation.significance import paired_differences
from keras_arcface.evaluation.significance import t_interval
from keras_arcface.evaluation.tables import jsonable
from keras_arcface.studies.compare import audit
from keras_arcface.studies.compare.judging import READINGS
from keras_arcface.studies.compare.ledger import SESSION
from keras_arcface.studies.compare.protocol_checks import METRICS
from keras_arcface.studies.compare.records import CHOICE
from keras_arcface.studies.compare.records import FINAL
from keras_arcface.studies.compare.records import OPENING
from keras_arcface.studies.compare.records import TRIAL
from keras_arcface.studies.compare.records import Records
from keras_arcface.studies.compare.records import Row

Values = dict[str, Any]


def summary(records: Records) -> Values:
    """Returns all that a report says, as plain values.

    Losses whose numbers are unfit to compare are printed with the reason, and
    take no part in any difference.
    """
    protocol, rows = records.protocol, records.rows
    losses = {name: _loss(records, name) for name in protocol.losses}
    fit = [name for name, loss in losses.items() if loss["compared"]]
    values = {
        "protocol_hash": protocol.hash,
        "protocol": protocol.to_dict(),
        "ledger": {
            "lines": len(rows),
            "head": rows[-1]["hash"] if rows else protocol.hash,
        },
        "test_half": _test_half(records),
        "finished": all(loss["finished"] for loss in losses.values()),
        "flags": audit.flags_of_all(records),
        "losses": losses,
        **_comparisons(losses, fit, protocol.metric),
        "sessions": [_session(row) for row in records.of(SESSION)],
        "seconds": round(sum(map(_seconds, rows)), 1),
    }
    return jsonable(values)


def _test_half(records: Records) -> Values | None:
    """Returns what the test half holds; None while it is closed."""
    for row in records.of(OPENING):
        names = ("classes", "queries", "lone_queries")
        return {name: row[name] for name in names}
    return None


def _loss(records: Records, name: str) -> Values:
    declared = records.protocol.losses[name]
    trials, openings = records.trials(name), records.openings(name)
    choice = next(iter(records.of(CHOICE, name)), None)
    first = _finals(records, name, 1)
    flags = audit.flags_of(records, name)
    failed = choice is not None and choice["trial"] is None
    whole = bool(openings) and records.is_whole(name, 1)
    return {
        "kind": declared["kind"],
        "trials": [
            {
                "trial": trial.number,
                "settings": trial.settings,
                "validation": trial.value,
            }
            for trial in trials
        ],
        "chosen": choice
        and {key: choice[key] for key in ("trial", "settings", "validation")},
        "embedding_dim": _dim(first),
        "readings": _readings(first),
        "again": [
            {
                "opening": row["opening"],
                "reason": row["reason"],
                "readings": _readings(_finals(records, name, row["opening"])),
            }
            for row in openings[1:]
        ],
        "flags": flags,
        "notes": audit.notes_of(records, name)
        + (["diverged in every trial"] if failed else []),
        "finished": whole or failed,
        "compared": whole and not flags,
    }


def _finals(records: Records, loss: str, opening: int) -> list[Row]:
    rows = records.finals(loss, opening)
    return [rows[n] for n in sorted(rows) if rows[n]["failed"] is None]


def _dim(finals: Sequence[Row]) -> int | None:
    return finals[0]["trainings"][0]["embedding_dim"] if finals else None


def _readings(finals: Sequence[Row]) -> Values:
    if not finals:
        return {}
    return {
        reading: {
            metric: _mean([row["test"][reading][metric] for row in finals])
            for metric in METRICS
        }
        for reading in READINGS
    }


def _mean(values: list[float]) -> Values:
    result = t_interval(values)
    return {
        "mean": result.mean,
        "interval": result.interval,
        "deviation": result.deviation,
        "values": values,
    }


def _comparisons(
    losses: Mapping[str, Values], fit: Sequence[str], metric: str
) -> Values:
    """Returns differences and groups, corrected over both readings."""
    found = {}
    for reading in READINGS:
        values = {
            name: losses[name]["readings"][reading][metric]["values"]
            for name in fit
        }
        found[reading] = paired_differences(values)
    both = corrected([pair for reading in READINGS for pair in found[reading]])
    differences, groups = {}, {}
    for reading in READINGS:
        mine, both = both[: len(found[reading])], both[len(found[reading]) :]
        order = by_mean({name: losses[name] for name in fit}, reading, metric)
        groups[reading] = [list(g) for g in alike_groups(order, mine)]
        differences[reading] = [
            {**dataclasses.asdict(pair), "told_apart": pair.told_apart}
            for pair in mine
        ]
    return {"differences": differences, "groups": groups}


def by_mean(
    losses: Mapping[str, Values], reading: str, metric: str
) -> list[str]:
    """Returns the losses that have a mean, the highest first."""
    means = {
        name: loss["readings"][reading][metric]["mean"]
        for name, loss in losses.items()
        if loss["readings"]
    }
    return sorted(means, key=means.get, reverse=True)


def _session(row: Row) -> Values:
    chain = ("number", "protocol", "kind", "previous", "hash")
    return {name: value for name, value in row.items() if name not in chain}


def _seconds(row: Row) -> float:
    if row["kind"] == TRIAL:
        return row["seconds"]
    if row["kind"] == FINAL:
        return sum(training["seconds"] for training in row["trainings"])
    return 0.0
