"""Templates and their protocols, against the loops of the protocol."""

import numpy as np
import pytest

from keras_arcface.evaluation import cosine_similarity
from keras_arcface.evaluation import det_curve
from keras_arcface.evaluation import identification_report
from keras_arcface.evaluation import template_embeddings
from keras_arcface.evaluation import template_identification
from keras_arcface.evaluation import template_similarity
from keras_arcface.evaluation import template_subjects
from keras_arcface.evaluation import template_verification

MODULE = "keras_arcface.evaluation.templates"


def pictures(seed=0, templates=12, media=5, count=90, dim=6):
    """Rows with template and medium; media numbers recur in templates."""
    rng = np.random.default_rng(seed)
    template = 100 + 7 * rng.integers(0, templates, count)
    embeddings = rng.normal(size=(count, dim)) + 5
    lengths = rng.uniform(0.1, 20, (count, 1))
    return embeddings * lengths, template, rng.integers(0, media, count)


def naive(embeddings, template, media, keep_lengths, quality, weighting):
    embeddings = embeddings.copy()
    if not keep_lengths:
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    if quality is not None and weighting == "picture":
        embeddings *= quality[:, None]
    vectors = []
    for number in np.unique(template):
        total = 0
        for medium in np.unique(media[template == number]):
            some = (template == number) & (media == medium)
            mean = embeddings[some].mean(axis=0)
            if quality is not None and weighting == "media":
                mean = mean * quality[some].mean()
            total = total + mean
        vectors.append(total / np.linalg.norm(total))
    return np.array(vectors)


@pytest.mark.parametrize("chunk", [1, 10, 32768])
@pytest.mark.parametrize(
    "keep, with_quality, weighting, flags",
    [
        (True, False, "picture", "F2 N1 D0"),
        (False, False, "picture", "F2 N0 D0"),
        (True, True, "picture", "F2 N1 D1"),
        (False, True, "media", "F2 N0 DM"),
    ],
)
def test_equals_the_loop_of_the_protocol(
    monkeypatch, chunk, keep, with_quality, weighting, flags
):
    monkeypatch.setattr(f"{MODULE}.CHUNK_ROWS", chunk)
    data = pictures()
    quality = None
    if with_quality:
        quality = np.random.default_rng(1).uniform(0.01, 1, 90)
    made = template_embeddings(
        *data,
        flip_summed=True,
        keep_lengths=keep,
        quality=quality,
        weighting=weighting,
    )
    np.testing.assert_allclose(
        made.embeddings, naive(*data, keep, quality, weighting), atol=1e-6
    )
    np.testing.assert_array_equal(made.ids, np.unique(data[1]))
    np.testing.assert_array_equal(
        made.pictures, np.unique(data[1], return_counts=True)[1]
    )
    assert made.media.sum() == len(set(zip(*data[1:], strict=True)))
    assert made.flags == flags and flags in made.summary()


def test_frames_of_a_video_do_not_outvote_a_photograph():
    rows = np.array([[1.0, 0]] * 9 + [[0, 1.0]])
    made = template_embeddings(
        rows, np.zeros(10, int), [5] * 9 + [6], flip_summed=False
    )
    assert made.embeddings[0].tolist() == pytest.approx([0.5**0.5] * 2)
    assert made.flags == "F0 N1 D0"


def test_unknown_templates_are_named():
    made = template_embeddings(*pictures(), flip_summed=False)
    assert made.ids[made.rows([107, 100])].tolist() == [107, 100]
    for unknown in (99, 101, 10**6):
        with pytest.raises(ValueError, match=f"{unknown} at place 1"):
            template_similarity(made, [100, unknown], [100, 100])


@pytest.mark.parametrize(
    "change, message",
    [
        ({"weighting": "frames"}, "`weighting` must be one of"),
        ({"quality": np.ones(3)}, "one value an image"),
        ({"quality": -np.ones(90)}, "at least 0. Received: -1.0 at image 0"),
        ({"quality": np.zeros(90)}, "Template 100 has no direction"),
        ({"media": np.zeros(90)}, "`media` must hold one integer"),
        ({"template": [0]}, "`template` must hold one integer"),
    ],
)
def test_unusable_arguments_are_refused(change, message):
    usual = dict(
        zip(("embeddings", "template", "media"), pictures(), strict=True)
    )
    with pytest.raises(ValueError, match=message):
        template_embeddings(**usual | change, flip_summed=False)


# === 1:1 ===


def subjects_world(seed=0, subjects=20, noise=3.0, dim=16):
    """Five templates of one picture for each subject."""
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(subjects), 5)
    centres = rng.normal(size=(subjects, dim))
    rows = centres[subject] + noise * rng.normal(size=(subject.size, dim))
    template = 1000 + rng.permutation(subject.size)
    made = template_embeddings(
        rows, template, np.zeros(subject.size, int), flip_summed=False
    )
    order = np.argsort(template)
    return made, subject[order]


def pairs(subject, ids):
    left, right = np.triu_indices(subject.size, k=1)
    return ids[left], ids[right], subject[left] == subject[right]


@pytest.mark.parametrize("elements", [1, 250, 8_000_000])
@pytest.mark.parametrize("some", [slice(None), slice(None, None, 400)])
def test_similarity_is_the_cosine_of_the_rows(monkeypatch, elements, some):
    protocols = "keras_arcface.evaluation.template_protocols"
    monkeypatch.setattr(f"{protocols}.BLOCK_ELEMENTS", elements)
    made, subject = subjects_world()
    left, right, _ = (x[some] for x in pairs(subject, made.ids))
    shuffled = np.random.default_rng(0).permutation(left.size)
    left, right = left[shuffled], right[shuffled]
    scores = template_similarity(made, left, right)
    expected = cosine_similarity(
        made.embeddings, made.rows(left), made.rows(right)
    )
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert scores.dtype == np.float32


def test_verification_is_det_with_subjects_of_the_list():
    made, subject = subjects_world(noise=1.2)
    left, right, is_same = pairs(subject, made.ids)
    curve = template_verification(
        made, left, right, is_same, (0.1, 0.01), bootstrap=40
    )
    scores = template_similarity(made, left, right)
    known = det_curve(
        scores, is_same, (0.1, 0.01), bootstrap=40,
        subject_left=subject[made.rows(left)],
        subject_right=subject[made.rows(right)],
    )  # fmt: skip
    assert [p.fnmr for p in curve.points] == [p.fnmr for p in known.points]
    assert (curve.resampling, curve.subjects) == ("subjects", 20)
    assert curve.summary().startswith("100 templates of 100 pictures")
    plain = template_verification(made, left, right, is_same)
    assert plain.resampling == "none"
    assert len(plain.points) == 6


def test_subjects_are_what_genuine_pairs_join():
    # 1-2-3-4 in a chain that is given out of order; 9 alone.
    left = np.array([3, 1, 2, 9, 5])
    right = np.array([4, 2, 3, 1, 6])
    one, two = template_subjects(left, right, [1, 1, 1, 0, 1])
    assert one[0] == one[1] == two[0] == two[3]
    assert len({one[0], one[3], one[4]}) == 3


def test_a_long_chain_is_one_subject():
    order = np.random.default_rng(0).permutation(500)
    one, two = template_subjects(order, order + 1, np.ones(500, bool))
    assert set(one) == set(two) == {0}


# === 1:N ===


def test_two_galleries_as_the_protocol_has_them():
    made, subject = subjects_world(noise=1.2)
    probe = np.ones(100, bool)
    probe[np.unique(subject, return_index=True)[1]] = False
    first = ~probe & (subject < 10)
    second = ~probe & (subject >= 10)
    galleries = [(made.ids[some], subject[some]) for some in (first, second)]
    report = template_identification(
        made, made.ids[probe], subject[probe], galleries,
        max_rank=5, fpir_targets=(0.2,), bootstrap=0,
    )  # fmt: skip
    alone = [
        identification_report(
            made.embeddings[probe], subject[probe],
            made.embeddings[some], subject[some],
            max_rank=5, fpir_targets=(0.2,), bootstrap=0,
        )
        for some in (first, second)
    ]  # fmt: skip
    assert report.rank_k(1) == np.mean([one.rank_k(1) for one in alone])
    assert report.open_set[0].fnir == pytest.approx(
        np.mean([one.open_set[0].fnir for one in alone])
    )
    mated = probe.sum()
    assert (report.mated_searches, report.nonmated_searches) == (mated, mated)


def test_the_lists_of_insightface_are_judged(tmp_path):
    """From `read_ijb` to a curve."""
    from keras_arcface.data.templates import read_ijb

    made, subject = subjects_world(noise=0.5)
    left, right, is_same = pairs(subject, made.ids)
    lines = {
        "face_tid_mid": [f"{i}.jpg {t} {i}" for i, t in enumerate(made.ids)],
        "name_5pts_score": [
            f"{i}.jpg " + "1 " * 10 + "0.9" for i in range(100)
        ],
        "template_pair_label": [
            f"{a} {b} {int(c)}"
            for a, b, c in zip(left, right, is_same, strict=True)
        ],
    }
    for name, rows in lines.items():
        (tmp_path / f"ijbc_{name}.txt").write_text("\n".join(rows))
    lists = read_ijb(tmp_path)
    again = template_embeddings(
        made.embeddings, lists.template, lists.media,
        flip_summed=True, quality=lists.score,
    )  # fmt: skip
    curve = template_verification(
        again, lists.left, lists.right, lists.is_same, (0.01,)
    )
    assert curve.at(0.01).tar > 0.9
    assert "F2 N1 D1" in curve.about
