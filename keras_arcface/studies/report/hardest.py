"""Sections of pictures: the hardest pairs, and the nearest neighbours."""

import numpy as np

from keras_arcface.evaluation import search_gallery
from keras_arcface.evaluation.search import unit_rows
from keras_arcface.evaluation.similarity import row_lengths
from keras_arcface.studies.close_embeddings import close_embeddings
from keras_arcface.studies.report.elements import Markup
from keras_arcface.studies.report.elements import escaped
from keras_arcface.studies.report.elements import joined
from keras_arcface.studies.report.elements import table
from keras_arcface.studies.report.elements import tag
from keras_arcface.studies.report.figures import LOSSLESS_SIDE
from keras_arcface.studies.report.figures import picture
from keras_arcface.studies.report.judged import Judged
from keras_arcface.studies.report.measures import Measures
from keras_arcface.studies.report.sections import Section
from keras_arcface.studies.report.sections import notes

PAIRS = 12
QUERIES = 8
NEIGHBOURS = 7
_LONGEST = 60


class Album:
    """The pictures that a page shows, each decoded once.

    Args:
        judged: Whose pictures and names.
        rows: All that will be asked for.
    """

    def __init__(self, judged: Judged, rows: np.ndarray):
        self._judged = judged
        self._images = {}
        if judged.data is not None:
            rows = np.unique(rows)
            images = judged.data.images(rows)
            self._images = dict(zip(rows.tolist(), images, strict=True))

    def __bool__(self) -> bool:
        return bool(self._images)

    def name(self, row: int) -> str:
        """Returns what the picture is called, cut where it is very long."""
        name = str(self._judged.called(row))
        return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"

    def show(self, row: int, frame: str = "") -> Markup:
        """Returns the picture with its name as the alternative."""
        image = self._images[row]
        tiny = "tiny" if max(image.shape[:2]) <= LOSSLESS_SIDE else ""
        classes = f"{frame} {tiny}".strip() or None
        return picture(image, f"picture of {self.name(row)}", classes)


def hardest_pairs(judged: Judged, measures: Measures) -> Section:
    """Returns the genuine pairs least alike and the impostors most alike."""
    threshold, where = measures.threshold
    genuine = _least_alike(measures.scored)
    impostor, found = _most_alike(judged, measures.scored)
    rows = [row for one, two, _ in genuine + impostor for row in (one, two)]
    album = Album(judged, np.array(rows, np.int64))
    parts = [
        notes(
            f"Each picture occurs once in a list. Errors are told at the "
            f"threshold {threshold:.4f}, {where}."
        )
    ]
    for title, pairs, wrong in (
        (
            "One identity, least alike",
            genuine,
            lambda cosine: "false non-match" if cosine < threshold else "",
        ),
        (
            f"Two identities, most alike ({found})",
            impostor,
            lambda cosine: "false match" if cosine >= threshold else "",
        ),
    ):
        parts.append(tag("h3", title))
        parts.append(_pairs(album, title, pairs, wrong))
    return Section("hardest", "The hardest pairs", joined(parts))


def _pairs(album, title, pairs, wrong):
    if not album:
        return table(
            title,
            ("cosine", "left", "right", "error"),
            [
                (
                    f"{cosine:.4f}",
                    _name_in_list(album, one),
                    _name_in_list(album, two),
                    wrong(cosine),
                )
                for one, two, cosine in pairs
            ],
            words=(1, 2, 3),
        )
    return tag(
        "ul",
        *(
            tag("li", _pair(album, one, two, cosine, wrong(cosine)))
            for one, two, cosine in pairs
        ),
        class_="grid",
    )


def _name_in_list(album, row):
    name, number = album.name(row), f"row {row}"
    return name if name == number else f"{name} ({number})"


def _pair(album, one, two, cosine, wrong):
    frame = "wrong" if wrong else "right"
    names = dict.fromkeys((album.name(one), album.name(two)))
    words = [
        f"cosine {cosine:.3f}",
        *([tag("strong", wrong)] if wrong else []),
        joined((tag("bdi", name) for name in names), " / "),
    ]
    return tag(
        "figure",
        tag(
            "div", album.show(one, frame), album.show(two, frame), class_="pair"
        ),
        tag("figcaption", joined(words, " · ")),
    )


def _least_alike(scored):
    genuine = np.flatnonzero(scored.is_same)
    order = genuine[np.argsort(scored.similarity[genuine], kind="stable")]
    return _each_picture_once(
        (int(scored.left[i]), int(scored.right[i]), float(scored.similarity[i]))
        for i in order
    )


def _most_alike(judged, scored):
    """Returns pairs, and among which they are the most alike."""
    if judged.labels is not None and judged.pairs is None:
        lengths = row_lengths(judged.embeddings)
        units = unit_rows(judged.embeddings, lengths)
        pairs = close_embeddings(units, judged.labels, -1.0)
        return _each_picture_once(pairs), "of all pairs"
    impostor = np.flatnonzero(~scored.is_same)
    order = impostor[np.argsort(-scored.similarity[impostor], kind="stable")]
    pairs = (
        (int(scored.left[i]), int(scored.right[i]), float(scored.similarity[i]))
        for i in order
    )
    return _each_picture_once(pairs), "of the pairs judged"


def _each_picture_once(pairs):
    seen, chosen = set(), []
    for one, two, cosine in pairs:
        if one in seen or two in seen:
            continue
        seen |= {one, two}
        chosen.append((one, two, cosine))
        if len(chosen) == PAIRS:
            break
    return chosen


def neighbours(judged: Judged, seed: int) -> Section | None:
    """Returns pictures of some identities, each beside its nearest others."""
    if judged.labels is None or judged.data is None:
        return None
    queries = _queries(judged.labels, seed)
    count = min(NEIGHBOURS, len(judged.labels) - 1)
    found = search_gallery(
        judged.embeddings[queries], judged.embeddings, count + 1
    )
    lists = [
        _without(query, indices, scores)[:count]
        for query, indices, scores in zip(
            queries.tolist(),
            found.indices.tolist(),
            found.scores.tolist(),
            strict=True,
        )
    ]
    rows = [row for some in lists for row, _ in some]
    album = Album(judged, np.concatenate([queries, np.array(rows, np.int64)]))
    return Section(
        "neighbours",
        "Nearest neighbours",
        joined(
            (
                notes(
                    f"{len(queries)} identities with two pictures or more, "
                    f"drawn at random (seed {seed}); for one picture of each, "
                    f"the {count} most similar of all others. A solid blue "
                    "frame is the same identity, a dashed orange one another."
                ),
                *(
                    _row(judged, album, query, some)
                    for query, some in zip(queries.tolist(), lists, strict=True)
                ),
            )
        ),
    )


def _queries(labels, seed):
    rng = np.random.default_rng(seed)
    identities, counts = np.unique(labels, return_counts=True)
    able = identities[counts >= 2] if (counts >= 2).any() else identities
    chosen = rng.permutation(able)[:QUERIES]
    return np.array([np.flatnonzero(labels == i)[0] for i in chosen])


def _without(query, indices, scores):
    """Returns what was found but for the query itself."""
    found = zip(indices, scores, strict=True)
    return [(row, score) for row, score in found if row != query]


def _row(judged, album, query, found):
    items = [
        tag(
            "li",
            tag(
                "figure",
                album.show(query),
                tag("figcaption", tag("b", "query")),
            ),
            class_="query",
        )
    ]
    for row, score in found:
        same = judged.labels[row] == judged.labels[query]
        words = f"{score:.3f} {'same' if same else 'other'}"
        items.append(
            tag(
                "li",
                tag(
                    "figure",
                    album.show(row, "right" if same else "wrong"),
                    tag("figcaption", words),
                ),
            )
        )
    return joined(
        (
            tag("h3", tag("bdi", escaped(album.name(query)))),
            tag("ol", *items, class_="row"),
        )
    )
