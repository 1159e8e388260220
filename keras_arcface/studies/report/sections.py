"""Parts of the page: a title, what is said, and what to know before it."""

import dataclasses
import math
from collections.abc import Iterable

from keras_arcface.evaluation.tables import percent
from keras_arcface.evaluation.tables import percent_range
from keras_arcface.studies.report.elements import Markup
from keras_arcface.studies.report.elements import joined
from keras_arcface.studies.report.elements import paragraph
from keras_arcface.studies.report.elements import tag
from keras_arcface.studies.report.measures import NotMeasured


@dataclasses.dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        id: Where links lead to.
        title: Of the section and in the table of contents.
        body: What it says.
        warnings: What a reader must know before quoting one of its numbers.
    """

    id: str
    title: str
    body: Markup
    warnings: tuple[str, ...] = ()

    def html(self) -> Markup:
        """Returns the section with its warnings in front."""
        return tag(
            "section",
            tag("h2", self.title, id=f"{self.id}-title"),
            warning_box(self.warnings, "h3", "Before quoting these numbers"),
            self.body,
            id=self.id,
            aria_labelledby=f"{self.id}-title",
        )


def warning_box(warnings: Iterable[object], heading: str, title: str) -> Markup:
    """Returns a list of warnings with a title; nothing without any."""
    items = [tag("li", warning) for warning in warnings]
    if not items:
        return Markup()
    return tag(
        "div",
        tag(heading, title),
        tag("ul", *items),
        class_="warnings",
        role="note",
    )


def not_measured(id_: str, title: str, missing: NotMeasured) -> Section:
    """Returns a section that says why it has no numbers."""
    return Section(id_, title, paragraph(f"Not measured: {missing.reason}"))


def rate_cells(rate: float, interval: tuple[float, float]) -> tuple[str, str]:
    """Returns a share and its 95% interval as cells of a table."""
    return percent(rate), percent_range(interval)


def number(value: float | None, digits: int = 2) -> str:
    """Returns a number as a cell; a dash for none."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.{digits}f}"


def about_intervals(resampling: str, bootstrap: int) -> str:
    """Returns what the intervals of a section are."""
    if resampling == "subjects":
        return (
            f"Intervals are 95%, from {bootstrap:,} bootstrap resamples of "
            "identities, each with all of its pairs."
        )
    if resampling == "pairs":
        return (
            f"Intervals are 95%, from {bootstrap:,} bootstrap resamples of "
            "pairs. Nobody says who is on the pictures, so pairs that share a "
            "person count as independent and the intervals are too narrow."
        )
    return (
        "Intervals are 95%, after Wilson, as if pairs were independent; where "
        "pairs share people they are too narrow."
    )


def notes(*texts: str) -> Markup:
    """Returns small paragraphs."""
    return joined(paragraph(text, class_="soft") for text in texts if text)
