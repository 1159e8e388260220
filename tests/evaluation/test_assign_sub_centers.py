import numpy as np
import pytest

from keras_arcface.evaluation import assign_sub_centers

# Two classes with two sub-centres each, class-major.
CENTERS = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])


def at(degrees, length=3.0):
    radians = np.radians(degrees)
    return length * np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_the_dominant_center_is_the_one_most_are_near():
    degrees = [0, 10, 20, 85, 180, 260, 270, 280]
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    result = assign_sub_centers(at(degrees), labels, CENTERS, 2)
    np.testing.assert_array_equal(result.nearest, [0, 0, 0, 1, 0, 1, 1, 1])
    np.testing.assert_array_equal(result.dominant, [0, 1])
    np.testing.assert_array_equal(result.counts, [[3, 1], [1, 3]])
    np.testing.assert_allclose(
        result.degrees, [0, 10, 20, 85, 90, 10, 0, 10], atol=1e-5
    )
    np.testing.assert_array_equal(
        result.clean(75), [True, True, True, False, False, True, True, True]
    )
    assert result.clean(180).all()


def test_a_class_without_a_picture_has_no_dominant_center():
    result = assign_sub_centers(at([0, 5]), np.array([0, 0]), CENTERS, 2)
    np.testing.assert_array_equal(result.dominant, [0, -1])


def test_one_center_a_class_is_the_plain_angle():
    labels = np.array([0, 3])
    result = assign_sub_centers(at([30, 260]), labels, CENTERS, 1)
    np.testing.assert_allclose(result.degrees, [30, 10], atol=1e-5)


@pytest.mark.parametrize(
    "use, message",
    [
        (
            lambda: assign_sub_centers(
                np.ones((2, 3)), np.array([0, 0]), CENTERS, 2
            ),
            "same dim",
        ),
        (
            lambda: assign_sub_centers(at([0]), np.array([0]), CENTERS, 3),
            "no multiple",
        ),
        (
            lambda: assign_sub_centers(at([0]), np.array([2]), CENTERS, 2),
            r"lie in \[0, 2\)",
        ),
        (
            lambda: assign_sub_centers(at([0]), np.array([0.0]), CENTERS, 2),
            "integer class id",
        ),
        (
            lambda: assign_sub_centers(
                at([0]), np.array([0]), CENTERS, 2
            ).clean(0),
            r"\(0, 180\]",
        ),
    ],
)
def test_bad_arguments_are_named(use, message):
    with pytest.raises(ValueError, match=message):
        use()
