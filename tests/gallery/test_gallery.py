"""The gallery against naive loops and a dictionary."""

import numpy as np
import pytest

from keras_arcface import Gallery
from keras_arcface import SmallNet
from keras_arcface.gallery import Candidate
from keras_arcface.gallery import pooling


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def rows(count, dim=8, seed=0):
    return np.random.default_rng(seed).normal(size=(count, dim))


def naive_template(embeddings, quality=None):
    total = np.zeros(np.shape(embeddings)[1])
    for number, embedding in enumerate(embeddings):
        weight = 1.0 if quality is None else quality[number]
        total += weight * embedding / np.sqrt((embedding**2).sum())
    return unit(total)


def test_a_template_is_the_mean_direction_of_the_pictures():
    embeddings, quality = rows(5), [1, 0.5, 0, 2, 3]
    gallery = Gallery()
    gallery.enroll("plain", embeddings)
    gallery.enroll("weighted", embeddings * [[9], [1], [7], [3], [2]])
    gallery.remove("weighted")
    gallery.enroll("weighted", embeddings, quality=quality)
    for name, weights in (("plain", None), ("weighted", quality)):
        expected = naive_template(embeddings, weights)
        np.testing.assert_allclose(gallery.template(name), expected, atol=1e-6)
    kept = gallery.describe("weighted")
    assert (kept.pictures, kept.weight) == (5, 6.5)
    cosines = unit(embeddings) @ naive_template(embeddings, quality)
    assert kept.agreement == pytest.approx(np.dot(quality, cosines) / 6.5)


def test_lengths_do_not_count_and_one_picture_agrees_with_itself():
    gallery = Gallery()
    gallery.enroll("a", [3, 0, 0])
    gallery.enroll("b", [[1000, 0, 0], [0, 1e-3, 0]])
    np.testing.assert_allclose(gallery.template("b"), [0.5**0.5, 0.5**0.5, 0])
    assert gallery.describe("a").agreement == 1


@pytest.mark.parametrize("chunk", [1, 3, 32768])
def test_many_at_once_are_as_one_by_one(monkeypatch, chunk):
    monkeypatch.setattr(pooling, "CHUNK_ROWS", chunk)
    embeddings, quality = rows(40), np.linspace(0.1, 2, 40)
    names = [f"n{i}" for i in np.random.default_rng(1).integers(0, 9, 40)]
    gallery = Gallery()
    gallery.enroll_many(np.array(names), embeddings, quality=quality)
    assert list(gallery) == list(dict.fromkeys(names))
    for name in gallery:
        mine = [i for i, other in enumerate(names) if other == name]
        expected = naive_template(embeddings[mine], quality[mine])
        np.testing.assert_allclose(gallery.template(name), expected, atol=1e-6)
        assert gallery.describe(name).pictures == len(mine)


def test_pictures_added_later_are_as_if_they_had_been_there():
    embeddings, quality = rows(30), np.linspace(0.2, 3, 30)
    gallery = Gallery()
    gallery.enroll("at once", embeddings, quality=quality)
    gallery.enroll("later", embeddings[0], quality=quality[0])
    for first, last in ((1, 2), (2, 17), (17, 30)):
        gallery.add(
            "later", embeddings[first:last], quality=quality[first:last]
        )
    one, other = gallery.template("at once"), gallery.template("later")
    np.testing.assert_allclose(other, one, atol=1e-6)
    one, other = gallery.describe("at once"), gallery.describe("later")
    assert other.pictures == one.pictures == 30
    assert other.weight == pytest.approx(one.weight)
    assert other.agreement == pytest.approx(one.agreement, abs=1e-6)


@pytest.mark.parametrize("engine", ["exact", "faiss"])
def test_identify_is_the_nearest_above_the_threshold(engine):
    if engine == "faiss":
        pytest.importorskip("faiss")
    gallery, templates = Gallery(engine=engine), unit(rows(50))
    gallery.enroll_many([f"n{i}" for i in range(50)], templates)
    probes = rows(20, seed=3)
    cosines = unit(probes) @ templates.T
    threshold = float(np.median(cosines.max(1)))
    found = gallery.identify(probes, 3, threshold=threshold)
    for result, cosine in zip(found, cosines, strict=True):
        best = np.argsort(-cosine)[:3]
        assert [c.name for c in result.candidates] == [f"n{i}" for i in best]
        similar = [c.similarity for c in result.candidates]
        np.testing.assert_allclose(similar, cosine[best], atol=1e-6)
        known = cosine[best[0]] >= threshold
        assert result.name == (f"n{best[0]}" if known else None)
        assert result.similarity == similar[0]
    assert {result.name is None for result in found} == {True, False}


def test_a_similarity_equal_to_the_threshold_is_known():
    gallery = Gallery()
    gallery.enroll("a", [1.0, 0.0])
    (found,) = gallery.identify([1.0, 0.0], threshold=1.0)
    assert found == ("a", (Candidate("a", 1.0),), 1.0)
    (found,) = gallery.identify([1.0, 0.0], threshold=1.0000001)
    assert found.name is None and found.candidates[0].name == "a"


def test_few_or_nobody_enrolled():
    gallery = Gallery(dim=2)
    assert gallery.identify(np.eye(2), 5, threshold=0.1) == [
        (None, (), 0.1),
        (None, (), 0.1),
    ]
    assert gallery.identify([1, 0], threshold=0)[0].similarity is None
    gallery.enroll("a", [1, 0])
    assert len(gallery.identify([1, 0], 5, threshold=0)[0].candidates) == 1


class Model:
    """What a gallery ought to be: a dictionary of lists."""

    def __init__(self):
        self.pictures = {}

    def enroll(self, name, embeddings, quality):
        self.pictures[name] = [(embeddings, quality)]

    def add(self, name, embeddings, quality):
        self.pictures[name].append((embeddings, quality))

    def template(self, name):
        embeddings, quality = zip(*self.pictures[name], strict=True)
        return naive_template(np.concatenate(embeddings), np.hstack(quality))

    def count(self, name):
        return sum(len(embeddings) for embeddings, _ in self.pictures[name])


def check_equal(gallery, model, rng):
    assert set(gallery) == set(model.pictures) and len(set(gallery)) == len(
        gallery
    )
    assert all(name in gallery for name in model.pictures)
    templates = {name: model.template(name) for name in model.pictures}
    for name, template in templates.items():
        np.testing.assert_allclose(gallery.template(name), template, atol=3e-6)
        assert gallery.describe(name).pictures == model.count(name)
    probe = rng.normal(size=4)
    (found,) = gallery.identify(probe, 2, threshold=0.6)
    best = sorted(
        ((t @ unit(probe), name) for name, t in templates.items()), reverse=True
    )
    for candidate, (similarity, _) in zip(found.candidates, best, strict=False):
        assert candidate.similarity == pytest.approx(similarity, abs=1e-5)
    if best and abs(best[0][0] - 0.6) > 1e-5:
        assert (found.name is None) == (best[0][0] < 0.6)
    if not best:
        assert found.candidates == ()


@pytest.mark.parametrize("seed", range(12))
def test_any_sequence_of_changes_is_that_of_a_dictionary(seed, tmp_path):
    rng = np.random.default_rng(seed)
    gallery, model = Gallery(dim=4), Model()
    names = [f"name {i}" for i in range(6)] + ["名前", "\n", "a" * 1000]
    for _ in range(60):
        name = names[rng.integers(len(names))]
        embeddings = rng.normal(size=(rng.integers(1, 4), 4))
        quality = rng.uniform(0.5, 2, len(embeddings))
        move = rng.choice(
            ["enroll", "add", "remove", "file"], p=[0.5, 0.2, 0.2, 0.1]
        )
        if move == "file":
            gallery.save(tmp_path / "g")
            gallery = Gallery.load(tmp_path / "g")
        elif (name in gallery) == (move == "enroll"):
            before = [gallery.template(each).tobytes() for each in gallery]
            with pytest.raises(ValueError, match="enrolled"):
                if move == "remove":
                    gallery.remove(name)
                else:
                    getattr(gallery, move)(name, embeddings, quality=quality)
            after = [gallery.template(each).tobytes() for each in gallery]
            assert after == before
        elif move == "remove":
            gallery.remove(name)
            del model.pictures[name]
        else:
            getattr(gallery, move)(name, embeddings, quality=quality)
            getattr(model, move)(name, embeddings, quality)
        check_equal(gallery, model, rng)
    assert len(gallery) > 1


def test_the_last_takes_the_place_of_one_removed():
    gallery = Gallery()
    gallery.enroll_many(list("abcd"), np.eye(4))
    gallery.remove("b")
    assert gallery.names == ("a", "d", "c")
    gallery.remove("c")
    assert gallery.names == ("a", "d") and "c" not in gallery
    found = gallery.search(np.eye(4), 2)
    assert found.indices[0, 0] == 0 and found.indices[3, 0] == 1


def test_templates_are_searched_where_they_lie():
    gallery = Gallery()
    gallery.enroll_many(["a", "b"], np.eye(2))
    gallery.search([1, 0])
    index = gallery._index
    gallery.search([0, 1])
    assert gallery._index is index
    assert np.shares_memory(index.gallery, gallery._people.store.templates)


def test_growing_by_one_copies_seldom():
    gallery, places = Gallery(dim=2), set()
    for number in range(3000):
        gallery.enroll(str(number), [1.0, number])
        places.add(gallery._people.store.templates.ctypes.data)
    assert len(places) < 60


MISTAKES = [
    (lambda g: g.enroll("a", [1, 0, 0]), "'a' is enrolled already"),
    (lambda g: g.enroll_many(["x", "a"], np.eye(3)[:2]), "'a' is enrolled"),
    (lambda g: g.enroll("b", [1, 0]), "must have 3 dimensions"),
    (lambda g: g.enroll("b", np.empty((0, 3))), "at least one"),
    (lambda g: g.enroll("b", [0, 0, 0]), "all zeros"),
    (lambda g: g.enroll("b", [[1, 0, 0], [np.nan, 0, 0]]), "NaN"),
    (lambda g: g.enroll("b", [[1, 0, 0], [-1, 0, 0]]), "'b' has no direction"),
    (lambda g: g.enroll("b", [1, 0, 0], quality=0), "'b' has no direction"),
    (lambda g: g.enroll("b", [1, 0, 0], quality=-1), "at least 0"),
    (lambda g: g.enroll("b", [1, 0, 0], quality=[1, 1]), "one value"),
    (lambda g: g.enroll("", [1, 0, 0]), "not empty"),
    (lambda g: g.enroll(7, [1, 0, 0]), "must be a string"),
    (lambda g: g.enroll("b" * 1001, [1, 0, 0]), "1,000 characters"),
    (lambda g: g.enroll_many("bc", np.eye(3)[:2]), "one name an embedding"),
    (lambda g: g.enroll_many(["b"], np.eye(3)[:2]), "1 names and 2"),
    (lambda g: g.enroll_many(3, np.eye(3)[:2]), "Received: 3"),
    (lambda g: g.add("b", [1, 0, 0]), "Nobody is enrolled as 'b'"),
    (lambda g: g.add("a", [-1, 0, 0]), "'a' has no direction"),
    (lambda g: g.add("a", [1, 0]), "must have 3 dimensions"),
    (lambda g: g.remove("b"), "Nobody is enrolled as 'b'"),
    (lambda g: g.describe("b"), "Nobody is enrolled as 'b'"),
    (lambda g: g.identify([1, 0, 0]), "no threshold"),
    (lambda g: g.identify([1, 0], threshold=0), "`probes` must have 3"),
    (lambda g: g.identify([1, 0, 0], 0, threshold=0), "`k` must be"),
    (lambda g: g.identify([1, 0, 0], threshold=np.nan), "finite"),
    (lambda g: g.identify([1, 0, 0], threshold=0, fpir=0.1), "`fpir`"),
    (lambda g: g.identify([1, 0, 0], threshold="0.5"), "Received: thre.*'0.5'"),
    (lambda g: g.identify([1, 0, 0], "2", threshold=0), "Received: '2'"),
    (lambda g: g.identify([1, 0, 0], 1.5, threshold=0), "Received: 1.5"),
    (lambda g: g.identify([1, 0, 0], True, threshold=0), "Received: True"),
    (lambda g: g.search([1, 0, 0], 2), "`k` must be from 1 to the 1"),
    (lambda g: g.search([1, 0, 0], "1"), "Received: '1'"),
    (lambda g: g.search([1, 0, 0], True), "Received: True"),
    (lambda g: Gallery().search([1, 0]), "is empty"),
    (lambda g: Gallery(engine="annoy"), "`engine` must be"),
    (lambda g: Gallery(dim=0), "`dim` must be"),
    (lambda g: Gallery(model=7), "`model` must be"),
    (lambda g: Gallery(model=SmallNet), "`model` must be"),
]


@pytest.mark.parametrize("act, message", MISTAKES)
def test_a_mistake_is_named_and_changes_nothing(act, message):
    gallery = Gallery()
    gallery.enroll("a", [1.0, 0.0, 0.0])
    with pytest.raises(ValueError, match=message):
        act(gallery)
    assert gallery.names == ("a",) and gallery.describe("a").pictures == 1
    np.testing.assert_array_equal(gallery.template("a"), [1, 0, 0])
    assert gallery.identify([2, 0, 0], threshold=1)[0].name == "a"
