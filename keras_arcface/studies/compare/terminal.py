"""A comparison for a terminal."""

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from keras_arcface.evaluation.tables import aligned
from keras_arcface.studies.compare.judging import READINGS
from keras_arcface.studies.compare.words import INTERVALS
from keras_arcface.studies.compare.words import METRIC_NAMES
from keras_arcface.studies.compare.words import flag_sentences
from keras_arcface.studies.compare.words import in_words
from keras_arcface.studies.compare.words import table_rows
from keras_arcface.studies.compare.words import unfinished
from keras_arcface.utils.text import printable


def to_text(values: Mapping[str, Any]) -> str:
    """Returns both readings as tables, and what they say in words.

    Args:
        values: Of `summary`.
    """
    return "\n".join(printable(line) for line in _lines(values))


def _lines(values: Mapping[str, Any]) -> Iterator[str]:
    yield from unfinished(values)
    for reading in READINGS:
        rows = list(table_rows(values, reading))
        if not rows:
            continue
        yield ""
        yield f"Test half, {reading}:"
        head = ("", *METRIC_NAMES.values(), "alike")
        yield from (f"  {line}" for line in aligned([head, *rows]))
        yield from in_words(values, reading)
    if values["test_half"]:
        yield ""
        yield INTERVALS
    for sentence in flag_sentences(values):
        yield f"Note: {sentence}"
