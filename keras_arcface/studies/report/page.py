"""The page itself: one file, no script, nothing from the network."""

import base64
import datetime
import hashlib

from keras_arcface.studies.report.elements import Markup
from keras_arcface.studies.report.elements import paragraph
from keras_arcface.studies.report.elements import tag
from keras_arcface.studies.report.judged import Judged
from keras_arcface.studies.report.sections import Section
from keras_arcface.studies.report.style import CSS
from keras_arcface.version import __version__


def page(judged: Judged, verdict: Markup, sections: list[Section]) -> str:
    """Returns the whole page as HTML.

    A policy in its head forbids scripts, everything from elsewhere, and all
    styles but its own: should a name ever escape its quotes, nothing of it
    runs.
    """
    title = f"{judged.model} {judged.joint} {judged.source}"
    today = datetime.date.today().isoformat()
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy()),
        tag(
            "meta",
            name="viewport",
            content="width=device-width, initial-scale=1",
        ),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(CSS)),
    )
    body = tag(
        "body",
        tag(
            "header",
            tag(
                "h1",
                tag("bdi", judged.model),
                f" {judged.joint} ",
                tag("bdi", judged.source),
            ),
            paragraph(
                f"Judged on {today} by keras_arcface {__version__}",
                class_="soft",
            ),
        ),
        tag("main", verdict, _contents(sections), *map(Section.html, sections)),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _contents(sections):
    items = [
        tag("li", tag("a", section.title, href=f"#{section.id}"))
        for section in sections
    ]
    return tag(
        "nav",
        tag("h2", "On this page"),
        tag("ol", *items),
        aria_label="Contents",
    )


def _policy():
    digest = hashlib.sha256(CSS.encode()).digest()
    digest = base64.b64encode(digest).decode()
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
