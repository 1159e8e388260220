"""The toy of Figure 3: its pictures, its numbers, a very small training."""

import numpy as np
import pytest

from keras_arcface.data import ImageData
from keras_arcface.studies.toy import LOSSES
from keras_arcface.studies.toy import SETS
from keras_arcface.studies.toy import ToyPictures
from keras_arcface.studies.toy import ToySettings
from keras_arcface.studies.toy import TrainedToy
from keras_arcface.studies.toy import judge
from keras_arcface.studies.toy import start_toy
from keras_arcface.studies.toy import to_text
from keras_arcface.studies.toy import toy
from keras_arcface.studies.toy import train_toy
from keras_arcface.studies.toy.judging import mean_and_interval

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

LITTLE = ToySettings(start_epochs=1, epochs=2, batch_size=32)


def at_angles(degrees, labels, classes):
    """Returns pictures whose every pixel is half their angle."""
    shape = (len(degrees), 8, 8, 3)
    half = np.asarray(degrees).reshape(-1, 1, 1, 1) // 2
    return ImageData(
        np.broadcast_to(half, shape).astype(np.uint8),
        np.asarray(labels),
        [f"class {c}" for c in range(classes)],
    )


def angles_as_features(images, training=False):
    radians = np.radians(2.0 * np.asarray(images)[:, 0, 0, 0])
    return 3 * np.stack([np.cos(radians), np.sin(radians)], axis=1)


@pytest.fixture
def known():
    """Two trained classes around 100 and 200, two unseen ones."""
    training = at_angles([90, 110, 190, 210], [0, 0, 1, 1], 2)
    held_out = at_angles([96, 104, 160, 140], [0, 0, 1, 1], 2)
    unseen = at_angles([100, 104, 10, 20], [0, 0, 1, 1], 2)
    return ToyPictures("digits", training, held_out, unseen)


def test_the_numbers_of_known_angles(known):
    toy_ = TrainedToy(angles_as_features, np.eye(2))
    found = judge(toy_, known)
    # 5% of the way between two pictures, on both sides: 2 x 1 degree.
    assert found["training"]["gap_mean"] == pytest.approx(82)
    assert found["training"]["raw_smallest"] == pytest.approx(80)
    assert found["training"]["accuracy"] == 1.0
    # Of the held-out pictures one at 140 is nearer to the other class.
    assert found["held_out"]["accuracy"] == 0.75
    assert found["held_out"]["raw_smallest"] == pytest.approx(36)
    assert found["unseen"]["inside"] == 0.5
    assert found["unseen"]["auc"] == 1.0
    assert found["unseen"]["gap"] == pytest.approx(80.7)


def test_an_interval_is_students():
    found = mean_and_interval([1.0, 2.0, 3.0])
    half = 4.30265273 / np.sqrt(
        3
    )  # The 97.5% quantile of 2 degrees of freedom.
    np.testing.assert_allclose(found["interval"], [2 - half, 2 + half])
    assert mean_and_interval([1.0])["interval"] is None


@pytest.mark.parametrize("name", SETS)
def test_eight_classes_train_and_two_stay_unseen(name):
    found = SETS[name](0, 24)
    assert found.training.num_classes == found.held_out.num_classes == 8
    assert found.unseen.num_classes == 2 and len(set(found.names)) == 10
    assert set(found.training.counts) == {18}
    assert set(found.held_out.counts) == {6}
    pictures = [
        {image.tobytes() for image in part.images()}
        for part in (found.training, found.held_out, found.unseen)
    ]
    assert len(set.union(*pictures)) == sum(map(len, pictures)) == 240
    other = SETS[name](1, 24).held_out.images()
    assert not np.array_equal(found.held_out.images(), other)


def test_digits_are_whole_and_bright():
    found = SETS["digits"]()
    parts = (found.training, found.held_out, found.unseen)
    assert sum(map(len, parts)) == 1797
    assert found.names == list("0123456789")
    assert found.unseen.images().max() == 255


def test_a_very_small_toy(tmp_path, capsys):
    found = toy(
        tmp_path,
        sets=["digits"],
        dims=[2],
        seeds=1,
        most=16,
        settings=LITTLE,
        suffix=".svg",
    )
    (only,) = found["toys"]
    assert tuple(only["losses"]) == LOSSES
    for loss in only["losses"].values():
        for part in ("training", "held_out"):
            gaps = loss[part]
            assert -360 <= gaps["gap_smallest"]["mean"]
            assert (
                gaps["gap_smallest"]["mean"] <= gaps["gap_mean"]["mean"] < 180
            )
            assert 0 <= gaps["accuracy"]["mean"] <= 1
        assert 0 <= loss["unseen"]["inside"]["mean"] <= 1
    minus = only["arcface_minus"]["softmax"]["training"]
    gaps = {
        name: only["losses"][name]["training"]["gap_mean"]["mean"]
        for name in LOSSES
    }
    assert minus["mean"] == pytest.approx(gaps["ArcFace"] - gaps["softmax"])
    drawing = (tmp_path / "toy_digits_plane.svg").read_text("utf-8")
    assert all(f">{loss}<" in drawing for loss in LOSSES)
    assert f"gap {gaps['ArcFace']:.1f}°" in drawing
    assert "9 (never seen)" in drawing
    text = to_text(found)
    assert "digits, 2-D, 1 seed" in text and "one seed: no interval" in text
    assert max(map(len, text.splitlines())) <= 89


def test_the_text_says_what_cannot_be_told_apart():
    def each(values):
        return mean_and_interval(values)

    names = ("gap_mean", "gap_smallest", "raw_smallest", "accuracy")
    part = {name: each([0.9, 1.0]) for name in names}
    unseen = {name: each([0.1, 0.2]) for name in ("gap", "auc", "inside")}
    loss = {"training": part, "held_out": part, "unseen": unseen}
    text = to_text(
        {
            "seeds": 2,
            "seconds": 1.0,
            "settings": vars(LITTLE),
            "toys": [
                {
                    "data": "digits",
                    "dim": 3,
                    "losses": dict.fromkeys(LOSSES, loss),
                    "arcface_minus": {
                        "softmax": {
                            "training": each([-1.0, 2.0]),
                            "held_out": each([5.0, 5.1]),
                        }
                    },
                }
            ],
        }
    )
    training, held_out = text.split("minus that of softmax:")[1].split("\n")[
        1:3
    ]
    assert "cannot be told apart" in training
    assert "cannot be told apart" not in held_out and "+5.0" in held_out


def test_losses_go_on_from_one_start():
    pictures = SETS["digits"](0, 8)
    still = ToySettings(
        start_epochs=0, epochs=1, batch_size=48, learning_rate=0.0
    )
    start = start_toy(pictures, 2, 7, still)
    for loss in ("softmax", "ArcFace"):
        trained = train_toy(pictures, loss, start, 7, still)
        np.testing.assert_array_equal(
            trained.backbone.layers[2].get_weights()[0],
            start.backbone.layers[2].get_weights()[0],
        )
        np.testing.assert_allclose(
            unit(trained.centers), unit(start.centers), rtol=1e-5
        )


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"sets": ["faces"]}, "sets must be of .*digits.*faces"),
        ({"dims": [4]}, r"dims must be of \[2, 3\]"),
        ({"seeds": 0}, "seeds must be at least 1"),
    ],
)
def test_mistakes(options, message):
    with pytest.raises(ValueError, match=message):
        toy(**options)


def test_an_unknown_loss(known):
    with pytest.raises(ValueError, match="loss must be one of softmax"):
        train_toy(known, "sphereface", TrainedToy(None, np.eye(8, 2)))
