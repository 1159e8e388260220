"""A comparison as a page of Markdown."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from keras_arcface.evaluation.tables import percent
from keras_arcface.studies.compare.judging import CONCATENATED
from keras_arcface.studies.compare.judging import READINGS
from keras_arcface.studies.compare.judging import SEPARATED
from keras_arcface.studies.compare.words import INTERVALS
from keras_arcface.studies.compare.words import METRIC_NAMES
from keras_arcface.studies.compare.words import Values
from keras_arcface.studies.compare.words import flag_sentences
from keras_arcface.studies.compare.words import in_words
from keras_arcface.studies.compare.words import mean_cell
from keras_arcface.studies.compare.words import table_rows
from keras_arcface.studies.compare.words import unfinished
from keras_arcface.utils.text import printable

MEANING = {
    SEPARATED: "Each fold's model is judged alone; the mean of them.",
    CONCATENATED: "The embeddings of all folds' models behind each other, "
    "judged as one.",
}


def markdown(values: Values, figure: str | None) -> str:
    """Returns the report.

    Args:
        values: Of `summary`.
        figure: Name of the figure's file beside the report, or None.
    """
    sections = [
        _head(values),
        _flags(values),
        *(_reading(values, reading) for reading in READINGS),
        _figure(figure),
        _again(values),
        _settings(values),
        _protocol(values),
    ]
    lines = [printable(line) for section in sections for line in section]
    return "\n".join(lines).rstrip() + "\n"


def _head(values: Values) -> Iterator[str]:
    protocol = values["protocol"]
    metric = METRIC_NAMES[protocol["metric"]]
    yield f"# {len(values['losses'])} losses on {protocol['data']}"
    yield ""
    yield (
        f"Protocol `{values['protocol_hash'][:16]}`, keras_arcface "
        f"{protocol['version']}, budget `{protocol['budget']}`. "
        f"{protocol['classes']:,} classes, {protocol['samples']:,} examples: "
        f"{protocol['folds']} folds of the first half of the classes to train "
        "and to choose by, the second half to test. "
        f"{protocol['trials']} settings of each loss ({protocol['searcher']}); "
        f"the best by validation {metric}, mean over the folds; "
        f"{protocol['seeds']} reproductions of that on every fold. "
        f"{protocol['steps']:,} steps a training, "
        f"{_duration(values['seconds'])} of training in all."
    )
    yield ""
    if values["test_half"]:
        yield (
            "The test half: {queries:,} queries of {classes:,} classes; "
            "{lone_queries:,} more are alone in their class and only to be "
            "found wrongly."
        ).format(**values["test_half"])
        yield ""
        yield INTERVALS
        yield ""
    for sentence in unfinished(values):
        yield f"**{sentence}**"
        yield ""


def _flags(values: Values) -> Iterator[str]:
    sentences = list(flag_sentences(values))
    if sentences:
        yield "## What a reader must know"
        yield ""
        yield from (f"- {sentence}" for sentence in sentences)
        yield ""


def _reading(values: Values, reading: str) -> Iterator[str]:
    rows = list(table_rows(values, reading))
    if not rows:
        return
    protocol = values["protocol"]
    yield f"## Test half, {reading}"
    yield ""
    yield (
        f"{MEANING[reading]} Percent: mean over {protocol['seeds']} "
        "reproductions and its 95% t-interval. Losses that share a letter "
        f"cannot be told apart in {METRIC_NAMES[protocol['metric']]} (paired "
        "t-tests over the reproductions, Holm's correction for all pairs of "
        "both readings)."
    )
    yield ""
    yield from _table(("loss", *METRIC_NAMES.values(), "alike"), rows)
    for sentence in in_words(values, reading):
        yield sentence
        yield ""


def _figure(figure: str | None) -> Iterator[str]:
    if figure:
        yield f"![Means with their 95% intervals]({figure})"
        yield ""


def _again(values: Values) -> Iterator[str]:
    metric = values["protocol"]["metric"]
    rows = [
        (name, again["reason"], *_second_look(again["readings"], metric))
        for name, loss in values["losses"].items()
        for again in loss["again"]
    ]
    if rows:
        yield "## Looked at again"
        yield ""
        yield (
            f"{METRIC_NAMES[metric]} of second looks at the test half. They "
            "stand here, and in no comparison."
        )
        yield ""
        yield from _table(("loss", "reason", *READINGS), rows)


def _second_look(readings: Values, metric: str) -> Iterator[str]:
    for reading in READINGS:
        yield mean_cell(readings[reading][metric]) if readings else "-"


def _settings(values: Values) -> Iterator[str]:
    metric = METRIC_NAMES[values["protocol"]["metric"]]
    yield "## Settings"
    yield ""
    yield (
        f"Validation {metric} of the first and of the best trial, mean over "
        "the folds. All trials are in report.json."
    )
    yield ""
    yield from _table(
        ("loss", "trials", "first", "best", "setting"),
        (_setting(name, loss) for name, loss in values["losses"].items()),
    )


def _setting(name: str, loss: Values) -> tuple[str, ...]:
    chosen, trials = loss["chosen"] or {}, loss["trials"]
    shares = (
        trials[0]["validation"] if trials else None,
        chosen.get("validation"),
    )
    settings = (chosen.get("settings") or {}).items()
    return (
        name,
        str(len(trials)),
        *("-" if share is None else percent(share) for share in shares),
        ", ".join(f"{key} {_short(value)}" for key, value in settings),
    )


def _protocol(values: Values) -> Iterator[str]:
    protocol, ledger = values["protocol"], values["ledger"]
    fields = {k: v for k, v in protocol.items() if k != "losses"}
    yield "## Protocol"
    yield ""
    yield from _table(
        ("field", "value"), ((k, str(v)) for k, v in fields.items())
    )
    yield "Ranges that were searched:"
    yield ""
    for name, loss in protocol["losses"].items():
        space = loss["search_space"].items()
        ranges = ", ".join(f"{key} {_range(value)}" for key, value in space)
        yield f"- {name}: {ranges or 'nothing to choose'}"
    yield ""
    yield (
        f"Protocol hash `{values['protocol_hash']}`; the ledger has "
        f"{ledger['lines']:,} lines and ends in `{ledger['head']}`. To run it "
        "again on the same data: `keras-arcface compare --from protocol.json`."
    )


def _range(range_: Values) -> str:
    ends = [range_[end] for end in ("low", "high") if end in range_]
    numbers = map(_short, ends or range_["options"])
    return f"{range_['kind']}({', '.join(numbers)})"


def _table(head: Sequence[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        cells = [cell.replace("|", r"\|") for cell in row]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
