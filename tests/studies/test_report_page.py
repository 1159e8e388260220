"""The page of a report: its numbers, its safety, its shape."""

import base64
import hashlib
import re

import numpy as np
import pytest
from html_page import Page

from keras_arcface import evaluation
from keras_arcface.evaluation.tables import percent
from keras_arcface.evaluation.tables import percent_range
from keras_arcface.studies.report import report
from keras_arcface.studies.report.elements import Markup
from keras_arcface.studies.report.elements import table
from keras_arcface.studies.report.elements import tag
from keras_arcface.studies.report.figures import adaptive_svg
from keras_arcface.studies.report.figures import figure
from keras_arcface.studies.report.figures import picture
from keras_arcface.studies.report.measures import NotMeasured
from keras_arcface.studies.report.measures import lowest_reliable
from keras_arcface.training.verification import pairs_for
from keras_arcface.training.verification import report as by_folds

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></head>&amp;",
    "$\\frac{broken$ 名前",
    "\u202eevil\x1b[31m\n",
    "' onload='alert(1)",
]


def rows(identities=40, pictures=5, noise=0.6, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(identities), pictures)
    centres = rng.normal(size=(identities, 16))
    embeddings = centres[labels] + noise * rng.normal(size=(len(labels), 16))
    return embeddings.astype("float32"), labels


def write(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A report on embeddings whose identities have hostile names."""
    folder = tmp_path_factory.mktemp("report")
    embeddings, labels = rows()
    names = np.array([HOSTILE[i % 6] + f" {i}" for i in range(40)])
    source = write(
        folder / "some.npz",
        embeddings=embeddings,
        labels=names[labels],
        quality=np.linspace(0, 1, len(labels)),
        groups=np.where(labels % 2, "<b>odd</b>", "even"),
    )
    output = folder / "page.html"
    measures = report(
        None, None, output, embeddings=source, command="a < b && 'c'"
    )
    assert {p.name for p in folder.iterdir()} == {"page.html", "some.npz"}
    return measures, Page(output.read_text("utf-8"))


def test_every_section_is_there_and_reachable(judged):
    _, page = judged
    assert len(page.ids()) == len(set(page.ids()))
    links = [a["href"].removeprefix("#") for a in page.all("a")]
    assert set(links) <= set(page.ids())
    for part in (
        "judged errors thresholds verification identification retrieval "
        "geometry quality groups hardest made"
    ).split():
        assert part in links and part in page.ids()
    assert "neighbours" not in links  # There are no pictures.
    assert len(page.all("h1")) == 1 and len(page.all("main")) == 1


def test_names_are_text_whatever_they_hold(judged):
    _, page = judged
    assert not page.all("script") and not page.all("b")
    for name, attributes in page.elements:
        assert not [key for key in attributes if key.startswith("on")], name
    assert "<script>alert(1)</script>" in page.text
    assert "\\u202eevil\\x1b[31m\\n" in page.text
    assert "<b>odd</b>" in page.text
    assert "a < b && 'c'" in page.text


def test_nothing_comes_from_elsewhere_and_nothing_may(judged):
    _, page = judged
    for image in page.all("img"):
        assert image["src"].startswith("data:image/") and image["alt"]
    assert not re.search(r'(src|href)="(?!data:image/|#)', page.source)
    assert "url(" not in page.source and "@import" not in page.source
    (policy,) = (m["content"] for m in page.all("meta") if "http-equiv" in m)
    style = page.source.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert "default-src 'none'" in policy and f"'sha256-{digest}'" in policy
    assert not [a for _, a in page.elements if "style" in a]


def test_tables_say_what_they_hold(judged):
    _, page = judged
    assert len(page.all("table")) == len(page.all("caption")) >= 7
    assert all(cell.get("scope") in ("row", "col") for cell in page.all("th"))
    regions = [a for a in page.all("div") if a.get("role") == "region"]
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in regions)


def test_numbers_are_those_of_evaluation(judged):
    measures, page = judged
    embeddings, names = rows()
    labels = np.array([sorted(range(40), key=_name).index(i) for i in names])
    pairs = pairs_for(labels)
    cosines = evaluation.cosine_similarity(embeddings, pairs.left, pairs.right)
    expected = by_folds(cosines, pairs)
    assert measures.verification[0].to_dict() == expected.to_dict()
    assert percent(expected.accuracy) in page.text
    assert percent_range(expected.intervals["eer"]) in page.text
    curve = evaluation.det_curve(
        measures.scored.similarity,
        measures.scored.is_same,
        **measures.scored.sides,
        bootstrap=1000,
        about=measures.scored.rule,
    )
    assert measures.det.to_dict() == curve.to_dict()
    point = lowest_reliable(curve)
    assert point.reliable and f"TAR at FAR {point.target_fmr:g}" in page.text
    found = evaluation.retrieval_report(embeddings, labels)
    assert measures.retrieval == found
    assert percent(found.map_at_r) in page.text


def _name(identity):
    return HOSTILE[identity % 6] + f" {identity}"


def test_thresholds_hold_on_the_other_half(judged):
    measures, page = judged
    row = measures.thresholds.main
    assert measures.threshold[0] == row.found.threshold
    low, high = row.check.fmr_interval
    assert row.kept == (True if high <= row.found.target_fmr else None)
    assert percent(row.check.fnmr) in page.text
    people = measures.scored.subjects
    assert row.check.genuine_pairs + row.found.genuine_pairs <= sum(
        measures.scored.is_same
    )
    assert len(np.unique(people)) == 40


def test_quality_and_groups_are_those_of_the_file(judged):
    measures, page = judged
    scored, (threshold, _) = measures.scored, measures.threshold
    quality = np.linspace(0, 1, 200)
    curve = evaluation.error_versus_reject(
        scored.similarity,
        scored.is_same,
        quality[scored.left],
        quality[scored.right],
        threshold,
        **scored.sides,
        bootstrap=scored.resamples,
    )
    assert measures.qualities["quality given"] == curve
    assert "By the quality given: FNMR of the genuine" in page.text
    assert set(measures.groups.groups) == {"<b>odd</b>", "even"}
    assert measures.groups.threshold == threshold


def test_every_warning_stands_at_the_top_once(judged):
    measures, page = judged
    top = page.text.partition("On this page")[0]
    for result in (measures.det, measures.verification[0]):
        for warning in result.warnings:
            assert " ".join(warning.split()) in top


def test_pairs_without_identities_leave_sections_out_and_say_why(tmp_path):
    embeddings, labels = rows(20, 4)
    pairs = pairs_for(labels, 400)
    source = write(
        tmp_path / "pairs.npz",
        embeddings=embeddings,
        left=pairs.left,
        right=pairs.right,
        is_same=pairs.is_same,
    )
    measures = report(None, None, tmp_path / "p.html", embeddings=source)
    assert isinstance(measures.identification, NotMeasured)
    assert measures.det.subjects is None
    text = Page((tmp_path / "p.html").read_text("utf-8")).text
    assert text.count("Not measured: nobody says who is on the pictures") == 3
    assert "pairs that share a person count as independent" in text


def test_no_pictures_leaves_names_out_too(tmp_path):
    embeddings, labels = rows(12, 4)
    names = np.array([f"Person {i}" for i in range(12)])[labels]
    source = write(tmp_path / "n.npz", embeddings=embeddings, labels=names)
    report(None, None, tmp_path / "p.html", embeddings=source, pictures=False)
    text = (tmp_path / "p.html").read_text("utf-8")
    assert "Person" not in text
    assert "names of identities were left out" in text


def test_an_existing_page_is_kept(tmp_path):
    embeddings, labels = rows(12, 4)
    source = write(tmp_path / "n.npz", embeddings=embeddings, labels=labels)
    output = tmp_path / "p.html"
    output.write_text("mine")
    with pytest.raises(FileExistsError, match="p.html is there.*--overwrite"):
        report(None, None, output, embeddings=source)
    assert output.read_text() == "mine"
    report(None, None, output, embeddings=source, overwrite=True)
    assert output.read_text("utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"labels": np.arange(3)}, "must hold an array `embeddings`"),
        ({"embeddings": np.ones((3, 2))}, "says neither who is on"),
        (
            {"embeddings": np.ones((3, 2)), "labels": np.arange(2)},
            "`labels` must have one entry for each of the 3",
        ),
        (
            {"embeddings": np.ones((3, 2)), "labels": np.ones(3)},
            "integers or strings; float ids",
        ),
        (
            {"embeddings": np.ones((3, 2)), "left": np.arange(2)},
            "Missing: right, is_same",
        ),
        (
            {
                "embeddings": np.ones((3, 2)),
                "left": [0, 1, 0],
                "right": [1, 2, 2],
                "is_same": [0, 1, 2],
            },
            "e.npz: `is_same` must be booleans or 0/1. Received: 2",
        ),
        (
            {"embeddings": np.ones((0, 2)), "labels": np.arange(0)},
            "e.npz holds no embedding",
        ),
        (
            {"embeddings": np.ones((1, 2)), "labels": np.arange(1)},
            "no pair to judge by in e.npz",
        ),
        (
            {"embeddings": np.full((3, 2), 1e300), "labels": np.arange(3)},
            "holds NaN or infinity",
        ),
        (
            {
                "embeddings": np.ones((3, 2)),
                "labels": np.arange(3),
                "quality": ["a", "b", "c"],
            },
            "e.npz: `quality` must be numbers",
        ),
    ],
)
def test_files_that_hold_something_else_are_refused(arrays, message, tmp_path):
    source = write(tmp_path / "e.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        report(None, None, tmp_path / "p.html", embeddings=source)
    assert [path.name for path in tmp_path.iterdir()] == ["e.npz"]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"groups": "g.csv"}, "--groups .* an array `groups` in the file"),
        ({"quality": "q.csv"}, "--quality .* an array `quality` in the file"),
        ({"images": "folder"}, "--images is for a model and data"),
        ({"flip": True}, "--flip is for a model and data"),
        ({"resize": True}, "--resize is for a model and data"),
    ],
)
def test_options_that_would_do_nothing_are_refused(options, message, tmp_path):
    embeddings, labels = rows(12, 4)
    source = write(tmp_path / "e.npz", embeddings=embeddings, labels=labels)
    output = tmp_path / "p.html"
    with pytest.raises(ValueError, match=message):
        report(None, None, output, embeddings=source, **options)
    assert not output.exists()


def test_pickles_are_not_read(tmp_path):
    source = write(tmp_path / "e.npz", embeddings=np.array([{}], object))
    with pytest.raises(ValueError, match="e.npz is no .npz file of arrays"):
        report(None, None, tmp_path / "p.html", embeddings=source)


def test_elements_escape_all_but_markup():
    element = tag("p", "<&>", Markup("<i>"), title="\"'", class_="a", id=None)
    assert element == ('<p title="&quot;&#x27;" class="a">&lt;&amp;&gt;<i></p>')
    page = Page(table("<c>", ("n", "v"), [("<a>", 1)], words=(1,)))
    assert page.text == "<c> n v <a> 1"


def test_svg_keeps_its_words_and_follows_light_and_dark(tmp_path):
    from keras_arcface import plots

    same = np.arange(40) % 2 == 0
    path = tmp_path / "scores.svg"
    plots.plot_scores(np.linspace(0, 1, 40), same, path, title="fill: #000000")
    content, width, height = adaptive_svg(path.read_bytes())
    text = content.decode()
    assert width > height > 100
    assert "genuine (20 pairs)" in text and ">fill: #000000<" in text
    assert "var(--cffffff, #ffffff)" in text and "metadata" not in text
    assert not re.search(r"(fill|stroke): #(0072b2|333333)", text, re.I)


def test_large_drawings_become_png(tmp_path):
    def draw(path):
        from keras_arcface.plots import style

        with style.figure(path) as axes:
            axes[0, 0].plot(np.random.default_rng(0).normal(size=5000), "o")

    assert 'src="data:image/png' in figure(draw, "many", "dots")


@pytest.mark.parametrize(
    "side, kind, shown",
    [(32, "png", 32), (112, "jpeg", 112), (300, "jpeg", 112)],
)
def test_pictures_are_small(side, kind, shown):
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), "uint8")
    page = Page(picture(image, "a <b>", "right"))
    (found,) = page.all("img")
    assert found["src"].startswith(f"data:image/{kind};base64,")
    assert found["alt"] == "a <b>" and found["width"] == str(shown)
