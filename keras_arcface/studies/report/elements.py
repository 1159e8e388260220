"""HTML from plain values: whatever is no markup yet is escaped."""

import html
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence

from keras_arcface.utils.text import printable

_VOID = ("img", "meta")


class Markup(str):
    """HTML that `tag` made. Any other text is escaped where it is put in."""


def escaped(value: object) -> Markup:
    """Returns any text as HTML; class names and paths may hold anything.

    Control characters, those that turn the direction of text among them,
    appear as escapes (`printable`).
    """
    if isinstance(value, Markup):
        return value
    return Markup(html.escape(printable(value)))


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """Returns an element; children that are no `Markup` are escaped.

    Args:
        name: Of the element.
        *children: What is in it.
        **attributes: `class_` means class, `aria_label` means aria-label. True
            gives the name alone; None and False leave it out.
    """
    words = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        quoted = html.escape(printable(value))
        words.append(key if value is True else f'{key}="{quoted}"')
    start = f"<{' '.join(words)}>"
    if name in _VOID:
        return Markup(start)
    return Markup(f"{start}{joined(children)}</{name}>")


def joined(parts: Iterable[object], between: str = "") -> Markup:
    """Returns parts one after the other, escaped where they are no markup."""
    return Markup(escaped(between).join(map(escaped, parts)))


def lines(text: str) -> Markup:
    """Returns text of several lines, for a `pre`."""
    return Markup("\n".join(map(escaped, text.splitlines())))


def paragraph(*children: object, **attributes: object) -> Markup:
    """Returns a paragraph."""
    return tag("p", *children, **attributes)


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[object]],
    words: Collection[int] = (),
) -> Markup:
    """Returns a table that scrolls in its own box where it is too wide.

    Args:
        caption: Says what the table holds.
        head: One title a column.
        rows: The first cell names its row.
        words: Columns that hold words; all others hold numbers.
    """
    kinds = ["words" if i in words else None for i in range(len(head))]
    titles = [
        tag("th", title, scope="col", class_=kind)
        for title, kind in zip(head, kinds, strict=True)
    ]
    body = [
        tag(
            "tr",
            tag("th", first, scope="row"),
            *(
                tag("td", cell, class_=kind)
                for cell, kind in zip(cells, kinds[1:], strict=True)
            ),
        )
        for first, *cells in rows
    ]
    whole = tag(
        "table",
        tag("caption", tag("span", caption)),
        tag("thead", tag("tr", *titles)),
        tag("tbody", *body),
    )
    return scrolling(whole, caption)


def scrolling(content: Markup, label: str) -> Markup:
    """Returns a box that the keyboard can reach and scroll."""
    return tag(
        "div",
        content,
        class_="scroll",
        role="region",
        tabindex="0",
        aria_label=label,
    )


def facts(rows: Iterable[tuple[str, object]]) -> Markup:
    """Returns names with what is known of each."""
    pairs = [
        tag("div", tag("dt", name), tag("dd", value)) for name, value in rows
    ]
    return tag("dl", *pairs, class_="facts")
