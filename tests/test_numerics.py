import golden
import keras
import numpy as np
import pytest
from keras import ops

from keras_arcface import numerics


def test_unit_has_length_one_in_every_dtype():
    vectors = np.array([[3.0, 4.0], [1e-5, 0.0], [12.0, 5.0]])
    for dtype in ("float16", "bfloat16", "float32"):
        result = numerics.unit(ops.cast(vectors, dtype))
        assert keras.backend.standardize_dtype(result.dtype) == "float32"
        lengths = np.linalg.norm(np.asarray(result), axis=-1)
        np.testing.assert_allclose(lengths, 1, atol=1e-6)


def test_unit_survives_what_overflows_in_half_precision():
    vectors = np.full((1, 512), 12.0, "float16")
    result = np.asarray(numerics.unit(vectors))
    np.testing.assert_allclose(np.linalg.norm(result), 1, rtol=1e-6)


def test_unit_of_a_zero_vector_is_zero_with_zero_gradient():
    zeros = np.zeros((1, 4), "float32")
    np.testing.assert_array_equal(np.asarray(numerics.unit(zeros)), zeros)
    (grad,) = golden.gradient(lambda x: ops.sum(numerics.unit(x)), zeros)
    np.testing.assert_array_equal(grad, zeros)


def test_unit_lets_no_nan_pass_as_a_number():
    result = numerics.unit(np.array([[1.0, np.nan]], "float32"))
    assert np.isnan(np.asarray(result)).all()


def test_cosines_are_the_golden_ones():
    cosine = numerics.cosine_matrix(
        golden.EMBEDDINGS.astype("float32"), golden.CENTERS.astype("float32")
    )
    np.testing.assert_allclose(np.asarray(cosine), golden.COSINE, atol=2e-7)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_target_cosine_keeps_float32_resolution(dtype):
    embeddings = golden.EMBEDDINGS.astype("float32")
    centers = golden.CENTERS.astype("float32")
    matrix = numerics.cosine_matrix(embeddings, centers, dtype)
    target = numerics.target_cosine(embeddings, centers, golden.LABELS)
    assert keras.backend.standardize_dtype(matrix.dtype) == "float32"
    np.testing.assert_allclose(np.asarray(matrix), golden.COSINE, atol=1e-2)
    np.testing.assert_allclose(np.asarray(target), golden.TARGET, atol=2e-7)


@pytest.mark.parametrize("cosine", [-1.0, 1.0, -1.0000001, 1.0000001])
def test_angle_has_a_finite_gradient_at_the_poles(cosine):
    values = np.array([cosine], "float32")
    (grad,) = golden.gradient(lambda c: ops.sum(numerics.angle(c)), values)
    assert np.isfinite(grad).all()


def test_replace_target_touches_only_the_target():
    values = np.zeros((2, 3), "float32")
    target = np.array([5.0, 7.0], "float32")
    result = numerics.replace_target(values, np.array([2, 0], "int32"), target)
    np.testing.assert_array_equal(np.asarray(result), [[0, 0, 5], [7, 0, 0]])
    taken = numerics.take_target(result, np.array([2, 0], "int32"))
    np.testing.assert_array_equal(np.asarray(taken), target)


@pytest.mark.parametrize(
    "labels, message",
    [
        (np.array([0.0, 1.0]), "must be integer class ids"),
        (np.eye(3, dtype="int32"), "one-hot"),
        (np.array([0, 3]), r"lie in \[0, 3\).*from 0 to 3"),
        (np.array([-1, 2]), "from -1 to 2"),
    ],
)
def test_bad_labels_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        numerics.class_ids(labels, 3)


def test_large_class_ids_arrive_as_they_left():
    ids = np.array([0, 2049, 85741, 2**24 + 1], "int64")
    np.testing.assert_array_equal(np.asarray(numerics.class_ids(ids)), ids)
