"""What is unfair about a comparison, found in its ledger.

The chain of a ledger shows lines that were changed. This looks at what lines
say that nobody changed: whether each loss was dealt with as the protocol has
it, and whether anything was chosen by the test half.
"""

import math
from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from keras_arcface import ranges
from keras_arcface.studies.compare.ledger import SESSION
from keras_arcface.studies.compare.protocol import Protocol
from keras_arcface.studies.compare.protocol import canonical
from keras_arcface.studies.compare.records import CHOICE
from keras_arcface.studies.compare.records import FINAL
from keras_arcface.studies.compare.records import OPENING
from keras_arcface.studies.compare.records import TRIAL
from keras_arcface.studies.compare.records import Records
from keras_arcface.studies.compare.records import Row
from keras_arcface.studies.compare.searching import settings_at
from keras_arcface.studies.compare.searching import trial_point
from keras_arcface.studies.compare.trainings import training_seed

# Of the protocol, what a training says of itself.
_DONE_ALIKE = ("steps", "batch_size", "augmentation")
_NEAR = 1e-3


def flags_of_all(records: Records) -> list[str]:
    """Returns what concerns the comparison as a whole, in sentences."""
    return [*_other_losses(records), *_sessions(records)]


def flags_of(records: Records, loss: str) -> list[str]:
    """Returns what makes a loss's numbers unfit to compare, in sentences.

    Only of what is there: that trials are still to come is no flag, unless
    the test half was opened.
    """
    found = []
    for look in (
        _trial_counts,
        _points,
        _choice,
        _order,
        _trainings,
        _reproductions,
    ):
        found += look(records, loss)
    return found


def notes_of(records: Records, loss: str) -> list[str]:
    """Returns what a reader must know that makes nothing unfit."""
    notes = [
        f"was looked at again on the test half on {row['time'][:10]}: "
        f"{row['reason']}. The first look counts"
        for row in records.openings(loss)[1:]
    ]
    failed = [t for t in records.trials(loss) if t.value is None]
    if failed:
        count = len(records.trials(loss))
        notes.append(f"diverged in {len(failed)} of {count} trials")
    return notes


def _other_losses(records: Records) -> Iterator[str]:
    kinds = (TRIAL, CHOICE, OPENING, FINAL)
    named = {row.get("loss") for row in records.rows if row["kind"] in kinds}
    for loss in sorted(map(str, named - set(records.protocol.losses))):
        yield f"{loss} is in the ledger and not in the protocol"


def _sessions(records: Records) -> Iterator[str]:
    sessions = records.of(SESSION)
    for name, what in (
        ("examples", "the content of the examples"),
        ("code", "the code of this package"),
        ("backend", "the backend"),
        ("packages", "the versions of its packages"),
    ):
        if len({canonical(row.get(name)) for row in sessions}) > 1:
            yield f"{what} changed between sessions"


def _trial_counts(records: Records, loss: str) -> Iterator[str]:
    asked = records.protocol.trials_of(loss)
    numbers = set(records.folds_of(loss))
    had = len(records.trials(loss))
    if records.openings(loss) and had < asked:
        yield f"had {had} trials of {asked} before the test half was opened"
    beyond = numbers - set(range(asked))
    if beyond:
        yield f"had {len(beyond)} trials more than the {asked} of every loss"
    rows = Counter((r["trial"], r["fold"]) for r in records.of(TRIAL, loss))
    for (trial, fold), times in sorted(rows.items()):
        if times > 1:
            yield f"trained trial {trial} on fold {fold} {times} times"


def _points(records: Records, loss: str) -> Iterator[str]:
    """Settings that no searcher drew were picked by somebody."""
    protocol = records.protocol
    space = {
        name: ranges.from_dict(values)
        for name, values in protocol.losses[loss]["search_space"].items()
    }
    firsts: dict[int, tuple[float, ...]] = {}
    for row in records.of(TRIAL, loss):
        trial, point = row["trial"], tuple(row["point"])
        if point != firsts.setdefault(trial, point):
            yield f"trial {trial} has other settings on other folds"
        elif protocol.searcher != "optuna" and point != trial_point(
            protocol.searcher, sorted(space), trial, protocol.seed
        ):
            yield f"trial {trial} is not where {protocol.searcher} puts it"
        elif not _same_settings(row["settings"], settings_at(point, space)):
            yield f"trial {trial} has settings that were not drawn"


def _same_settings(there: Mapping[str, Any], drawn: Mapping[str, Any]) -> bool:
    """Another machine's exponential may differ in the last digit."""
    return set(there) == set(drawn) and all(
        math.isclose(value, drawn[name], rel_tol=1e-9)
        if isinstance(value, float) and isinstance(drawn[name], float)
        else canonical(value) == canonical(drawn[name])
        for name, value in there.items()
    )


def _choice(records: Records, loss: str) -> Iterator[str]:
    choices, best = records.of(CHOICE, loss), records.best(loss)
    if len(choices) > 1:
        yield f"was chosen {len(choices)} times"
    if not choices:
        if records.openings(loss):
            yield "was tested before a setting was chosen"
        return
    chosen = choices[0]["settings"]
    if canonical(chosen) != canonical(best and best.settings):
        yield "has a setting that is not the best by validation"
    for row in records.of(FINAL, loss):
        if canonical(row["settings"]) != canonical(chosen):
            yield (
                f"was tested with another setting than the chosen one "
                f"(reproduction {row['reproduction']})"
            )


def _order(records: Records, loss: str) -> Iterator[str]:
    """Nothing may be tried, of any loss, once a test half was open."""
    first = min((row["number"] for row in records.of(OPENING)), default=None)
    if first is None:
        if records.of(FINAL, loss):
            yield "has test results and the test half was never opened"
        return
    late = [r for r in records.of(TRIAL, loss) if r["number"] > first]
    if late:
        yield f"had {len(late)} trainings after a test half was opened"
    late = [r for r in records.of(CHOICE, loss) if r["number"] > first]
    if late:
        yield "was chosen after a test half was opened"


def _trainings(records: Records, loss: str) -> Iterator[str]:
    """Every training was the protocol's, and its checkpoint validation's."""
    protocol, said = records.protocol, set()
    baseline = protocol.losses[loss]["kind"] == "baseline"
    for seed, row in _all_trainings(records, loss):
        if row["failed"] is not None:
            continue
        if row["looks"] and abs(row["validation"] - max(row["looks"])) > _NEAR:
            said.add("has a checkpoint that is not the best by validation")
        if not baseline or row["steps"] is not None:
            said.update(_done_otherwise(protocol, row))
        if row["seed"] != seed:
            said.add("was trained with seeds that others were not")
    yield from sorted(said)


def _done_otherwise(protocol: Protocol, row: Row) -> Iterator[str]:
    for name in _DONE_ALIKE:
        if row[name] != getattr(protocol, name):
            yield f"was trained with {name}={row[name]!r}"
    if len(row["looks"]) != protocol.looks:
        yield (
            f"was judged {len(row['looks'])} times in a training, not "
            f"{protocol.looks}"
        )
    if row["embedding_dim"] != protocol.embedding_dim:
        yield f"has embeddings of length {row['embedding_dim']}"


def _all_trainings(records: Records, loss: str) -> Iterator[tuple[int, Row]]:
    protocol = records.protocol
    for row in records.of(TRIAL, loss):
        yield training_seed(protocol, 0, row["fold"]), row
    for row in records.of(FINAL, loss):
        for fold, training in enumerate(row["trainings"]):
            yield training_seed(protocol, row["reproduction"], fold), training


def _reproductions(records: Records, loss: str) -> Iterator[str]:
    asked = set(range(1, records.protocol.seeds + 1))
    for opening in range(1, len(records.openings(loss)) + 1):
        rows = [
            row for row in records.of(FINAL, loss) if row["opening"] == opening
        ]
        times = Counter(row["reproduction"] for row in rows)
        twice = sorted(number for number, count in times.items() if count > 1)
        if twice or set(times) - asked:
            yield f"was tested more often than {len(asked)} times"
        failed = [row for row in rows if row["failed"] is not None]
        for row in rows:
            models = len(row["trainings"])
            if row["failed"] is None and models != records.protocol.folds:
                yield (
                    f"was tested with {models} models, not "
                    f"{records.protocol.folds} (reproduction "
                    f"{row['reproduction']})"
                )
        if failed and opening == 1:
            yield f"diverged in {len(failed)} of {len(rows)} reproductions"
    if records.openings(loss):
        yield from _no_interval(records.finals(loss, 1), asked)


def _no_interval(rows: dict[int, Row], asked: set[int]) -> Iterator[str]:
    tested = [row for row in rows.values() if row["failed"] is None]
    if len(tested) < 2:
        yield (
            f"has {len(tested)} reproductions of {len(asked)}, and so no "
            "interval"
        )
    elif len(rows) < len(asked):
        yield f"has {len(rows)} reproductions of {len(asked)}"
