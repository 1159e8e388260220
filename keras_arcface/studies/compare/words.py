"""What a comparison says, in sentences and cells; no winner among them."""

import string
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_arcface.evaluation.tables import percent
from keras_arcface.evaluation.tables import percent_range
from keras_arcface.studies.compare.protocol_checks import METRICS
from keras_arcface.studies.compare.summary import by_mean

METRIC_NAMES = {
    "map_at_r": "MAP@R",
    "r_precision": "R-Precision",
    "precision_at_1": "Precision@1",
}
INTERVALS = (
    "Intervals and tests are over seeds of one split, with the one setting of "
    "each loss that its trials found: they say what other first weights and "
    "another order of the examples would give, and not what other classes, "
    "other data or another search would. Folds share most of their classes and "
    "are no samples of their own: only their mean counts as one."
)
_BASELINE = "softmax"
Values = Mapping[str, Any]


def in_words(values: Values, reading: str) -> Iterator[str]:
    """Yields sentences on who is told apart from whom, in one reading."""
    names = [
        name
        for name in by_mean(
            values["losses"], reading, values["protocol"]["metric"]
        )
        if values["losses"][name]["compared"]
    ]
    if len(names) < 2:
        return
    sides = _sides(names, values["differences"][reading])
    best = names[0]
    alike = [name for name in names[1:] if name not in sides[best]]
    yield f"The highest mean is that of {best}. " + (
        f"It cannot be told apart from {listed(alike)}."
        if alike
        else "It is told apart from all others."
    )
    if _BASELINE in names:
        yield from _beside_baseline(names, sides[_BASELINE])


def _sides(names, pairs):
    """Returns by name which others are told apart from it, and by how much."""
    sides = {name: {} for name in names}
    for pair in pairs:
        if pair["told_apart"]:
            first, second = pair["first"], pair["second"]
            sides[first][second] = pair["difference"]
            sides[second][first] = -pair["difference"]
    return sides


def _beside_baseline(names, apart):
    better = [n for n in names if apart.get(n, 0) < 0]
    worse = [n for n in names if apart.get(n, 0) > 0]
    alike = [n for n in names if n not in apart and n != _BASELINE]
    for found, word in (
        (better, "Better than"),
        (worse, "Worse than"),
        (alike, "Cannot be told apart from"),
    ):
        if found:
            yield f"{word} {_BASELINE}: {listed(found)}."


def unfinished(values: Values) -> Iterator[str]:
    """Yields a sentence where a comparison is not at its end."""
    if not values["finished"]:
        waiting = [
            name
            for name, loss in values["losses"].items()
            if not loss["finished"]
        ]
        yield (
            "This comparison is not finished. Still to come: "
            f"{listed(waiting)}."
        )


def flag_sentences(values: Values) -> Iterator[str]:
    """Yields what a reader must know before quoting a number."""
    yield from (f"{flag}." for flag in values["flags"])
    for name, loss in values["losses"].items():
        if loss["flags"]:
            yield f"{name} is not compared: it {'; it '.join(loss['flags'])}."
        yield from (f"{name} {note}." for note in loss["notes"])


def table_rows(values: Values, reading: str) -> Iterator[tuple[str, ...]]:
    """Yields a row a loss: name, the metrics, and its letters.

    Methods that share a letter cannot be told apart.
    """
    letters = _letters(values["groups"][reading])
    metric = values["protocol"]["metric"]
    for name in by_mean(values["losses"], reading, metric):
        loss = values["losses"][name]
        cells = [mean_cell(loss["readings"][reading][m]) for m in METRICS]
        kind = " (baseline)" if loss["kind"] == "baseline" else ""
        alike = letters.get(name, "") if loss["compared"] else "not compared"
        yield (name + kind, *cells, alike)


def _letters(groups: Sequence[Sequence[str]]) -> dict[str, str]:
    """Returns the letters of every method, one for each of its groups."""
    found: dict[str, list[str]] = {}
    for index, group in enumerate(groups):
        again, place = divmod(index, len(string.ascii_lowercase))
        letter = string.ascii_lowercase[place] + (str(again) if again else "")
        for name in group:
            found.setdefault(name, []).append(letter)
    return {name: " ".join(letters) for name, letters in found.items()}


def mean_cell(number: Values) -> str:
    """Returns a mean in percent with its interval.

    What does not depend on a seed has none: it is the same every time.
    """
    if number["interval"] is None:
        return f"{percent(number['mean'])} (no interval)"
    mean = percent(number["mean"]).rstrip("%")
    if number["deviation"] == 0:
        return f"{mean} (every time)"
    return f"{mean} {percent_range(number['interval'])}"


def listed(names: Sequence[str]) -> str:
    """Returns names as a sentence has them."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
