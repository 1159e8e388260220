import numpy as np
import pytest

from keras_arcface.faces import TEMPLATE
from keras_arcface.faces import LandmarkError
from keras_arcface.faces import similarity_transform


def moved(points, degrees, scale, shift):
    turn = np.deg2rad(degrees)
    rotation = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    return scale * points @ np.transpose(rotation) + shift


def apply(matrix, points):
    return points @ matrix[:, :2].T + matrix[:, 2]


def umeyama(source, target):
    """As in the paper, by singular values; without its scaling by the rank."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, d, vt = np.linalg.svd(b.T @ a / len(a))
    signs = np.array([1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ np.diag(signs) @ vt
    scale = (d * signs).sum() / (a**2).sum(1).mean()
    linear = scale * rotation
    return np.column_stack([linear, target.mean(0) - linear @ source.mean(0)])


@pytest.mark.parametrize("degrees", [0, 30, -100, 180])
@pytest.mark.parametrize("scale", [0.05, 1, 20])
def test_a_moved_template_comes_back(degrees, scale):
    landmarks = moved(TEMPLATE, degrees, scale, [300, -7])
    back = apply(similarity_transform(landmarks), landmarks)
    np.testing.assert_allclose(back, TEMPLATE, atol=1e-9)


def test_it_is_umeyama_on_noisy_points():
    rng = np.random.default_rng(0)
    for _ in range(20):
        clean = moved(TEMPLATE, rng.uniform(-60, 60), 3, [40, 90])
        noisy = clean + rng.normal(0, 8, (5, 2))
        np.testing.assert_allclose(
            similarity_transform(noisy), umeyama(noisy, TEMPLATE), rtol=1e-9
        )


def test_many_faces_at_once_are_as_one_by_one():
    faces = np.stack([moved(TEMPLATE, d, 2, [d, 5]) for d in (0, 10, 20, 30)])
    faces = faces.reshape(2, 2, 5, 2)
    together = similarity_transform(faces)
    assert together.shape == (2, 2, 2, 3)
    np.testing.assert_allclose(
        together[1, 0], similarity_transform(faces[1, 0])
    )


def unlike_a_face():
    """Five points without a trace of the template or its mirror image."""
    centred = TEMPLATE - TEMPLATE.mean(0)
    known = np.column_stack([np.ones(5), centred])
    rest = np.random.default_rng(0).normal(0, 50, (5, 2))
    return rest - known @ np.linalg.lstsq(known, rest)[0]


MIRRORED = TEMPLATE * [-1, 1]


@pytest.mark.parametrize(
    "landmarks, message",
    [
        (MIRRORED, "left and right, or x and y"),
        (TEMPLATE[:, ::-1], "left and right, or x and y"),
        (TEMPLATE[[1, 0, 2, 4, 3]], "left and right, or x and y"),
        (np.stack([TEMPLATE, MIRRORED]), "left and right"),
        (np.ones((5, 2)), "one point"),
        (TEMPLATE * 1e-4, "one point"),
        (unlike_a_face(), "not arranged as those of a face"),
    ],
)
def test_what_is_no_face_is_refused(landmarks, message):
    with pytest.raises(LandmarkError, match=message):
        similarity_transform(landmarks)


@pytest.mark.parametrize("squeeze", [0.3, 0.0, -0.1])
def test_a_profile_is_a_face(squeeze):
    profile = (TEMPLATE - 56) * [squeeze, 1] + 100
    matrix = similarity_transform(profile)
    assert matrix[0, 0] > 0.2 and abs(matrix[1, 0]) < 0.2


@pytest.mark.parametrize(
    "landmarks, message",
    [
        (np.full((5, 2), np.nan), "finite"),
        (TEMPLATE.ravel(), r"shape=\(10,\)"),
        (TEMPLATE[:4], r"shape=\(4, 2\)"),
    ],
)
def test_wrong_arrays_are_refused(landmarks, message):
    with pytest.raises(ValueError, match=message):
        similarity_transform(landmarks)
