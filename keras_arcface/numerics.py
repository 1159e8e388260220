"""Float32 geometry on the unit sphere: the floor that everything stands on.

Every function keeps float32 and float64 as they are and raises half precision
to float32, whatever the dtype policy. Labels are integers throughout.
"""

import keras
import numpy as np
from keras import ops

# Two units in the last place below 1 in float32. A bound nearer than 3e-8
# would round to 1, where the derivative of arccos is infinite.
COSINE_LIMIT = 1.0 - 1e-7

# Squared length below which a vector has no direction in float32.
_NO_DIRECTION = 1e-24


def at_least_float32(tensor):
    """Returns a float tensor in float32, or float64 if it is that already."""
    tensor = ops.convert_to_tensor(tensor)
    if keras.backend.standardize_dtype(tensor.dtype) == "float64":
        return tensor
    return ops.cast(tensor, "float32")


def straight_through(inputs, value):
    """Returns `value` with the gradient of `inputs`."""
    return inputs + ops.stop_gradient(value - inputs)


def norm(vectors):
    """Returns the Euclidean length of the last axis, at least float32.

    The gradient of a vector without direction (length below 1e-12) is zero,
    not NaN.

    Args:
        vectors: Float tensor `(..., dim)`.

    Returns:
        Float tensor `(..., 1)`.
    """
    vectors = at_least_float32(vectors)
    square = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
    # "No direction" rather than "direction": a NaN must stay one.
    no_direction = square <= _NO_DIRECTION
    length = ops.sqrt(ops.where(no_direction, 1.0, square))
    return ops.where(no_direction, 0.0, length)


def unit(vectors):
    """Scales the last axis to length one, at least in float32.

    A vector without direction (length below 1e-12) gives zeros with a zero
    gradient: a dead feature neither becomes NaN nor gets an enormous push.

    Args:
        vectors: Float tensor `(..., dim)` of any float dtype.

    Returns:
        Float tensor `(..., dim)`.
    """
    vectors = at_least_float32(vectors)
    length = norm(vectors)
    no_direction = length <= 0
    return ops.where(
        no_direction, 0.0, vectors / ops.where(no_direction, 1.0, length)
    )


def clip_cosine(cosine):
    """Clips to +-(1 - 1e-7), where arccos and its derivative are finite."""
    return ops.clip(cosine, -COSINE_LIMIT, COSINE_LIMIT)


def angle(cosine):
    """Returns the angle in radians; gradients are finite at cosine = +-1."""
    return ops.arccos(clip_cosine(at_least_float32(cosine)))


def exact_angle(cosine):
    """Returns the angle in radians, 0 and pi at the poles themselves.

    `angle` stops 4.5e-4 short of them, which a logit that is linear in the
    angle would show. The gradient is that of `angle`.
    """
    near = angle(cosine)
    exact = ops.arccos(ops.clip(at_least_float32(cosine), -1.0, 1.0))
    return near + ops.stop_gradient(exact - near)


def sine(cosine):
    """Returns the sine of the angle of a clipped cosine.

    (1 - c)(1 + c) keeps the digits that 1 - c^2 loses near +-1.
    """
    return ops.sqrt((1.0 - cosine) * (1.0 + cosine))


def cosine_matrix(embeddings, class_centers, matmul_dtype="float32"):
    """Returns the cosine of every embedding with every class centre.

    Only the product itself runs in `matmul_dtype`; both sides are normalised
    in float32 first, and the result is float32.

    Args:
        embeddings: Float tensor `(batch, dim)`, of any length.
        class_centers: Float tensor `(num_classes, dim)`, of any length.
        matmul_dtype: Dtype of the product, for example `"float16"`.

    Returns:
        Float tensor `(batch, num_classes)`, at least float32.
    """
    embeddings = unit(embeddings)
    class_centers = unit(class_centers)
    if str(matmul_dtype) in ("float16", "bfloat16"):
        embeddings = ops.cast(embeddings, matmul_dtype)
        class_centers = ops.cast(class_centers, matmul_dtype)
    return at_least_float32(
        ops.matmul(embeddings, ops.transpose(class_centers))
    )


def nearest_sub_center(cosine, sub_centers):
    """Returns the largest cosine of each class's sub-centres.

    Args:
        cosine: Float tensor `(batch, classes * sub_centers)`, class-major.
        sub_centers: Int, sub-centres a class.

    Returns:
        Float tensor `(batch, classes)`.
    """
    if sub_centers == 1:
        return cosine
    classes = cosine.shape[-1] // sub_centers
    return ops.max(ops.reshape(cosine, (-1, classes, sub_centers)), axis=-1)


def target_cosine(embeddings, class_centers, labels, sub_centers=1):
    """Returns the cosine of each embedding with the centre of its own class.

    Always computed in float32, so that the margin sees full resolution even
    where the matrix of all cosines was multiplied in half precision (there,
    the largest cosine below 1 is an angle of 5 degrees in bfloat16).

    Args:
        embeddings: Float tensor `(batch, dim)`.
        class_centers: Float tensor `(num_classes * sub_centers, dim)`,
            class-major.
        labels: Int tensor `(batch,)`.
        sub_centers: Int, sub-centres a class; the nearest one counts.

    Returns:
        Float tensor `(batch,)`.
    """
    return ops.max(
        own_cosines(embeddings, class_centers, labels, sub_centers), axis=-1
    )


def own_cosines(embeddings, class_centers, labels, sub_centers):
    """Returns the cosines with all sub-centres of the own class, in float32.

    Args:
        embeddings: Float tensor `(batch, dim)`.
        class_centers: Float tensor `(num_classes * sub_centers, dim)`,
            class-major.
        labels: Int tensor `(batch,)`.
        sub_centers: Int, sub-centres a class.

    Returns:
        Float tensor `(batch, sub_centers)`.
    """
    rows = ops.expand_dims(labels * sub_centers, -1) + ops.arange(
        sub_centers, dtype=labels.dtype
    )
    own_centers = unit(ops.take(class_centers, rows, axis=0))
    return ops.sum(ops.expand_dims(unit(embeddings), 1) * own_centers, axis=-1)


def take_rows(matrix, rows):
    """Returns rows of a tensor or variable, without reading all of it.

    For variables of which rows are read and written. On TensorFlow either
    makes every later read of the whole variable a copy.

    Args:
        matrix: Float tensor or `keras.Variable` `(n, dim)`.
        rows: Int tensor of any shape.

    Returns:
        Float tensor `(*rows.shape, dim)`.
    """
    if isinstance(matrix, keras.Variable):
        matrix = matrix.value
    return ops.take(matrix, rows, axis=0)


def take_target(values, labels):
    """Returns `values[i, labels[i]]`: `(batch, classes)` to `(batch,)`."""
    return ops.squeeze(
        ops.take_along_axis(values, ops.expand_dims(labels, -1), axis=-1), -1
    )


def replace_target(values, labels, target):
    """Returns `values` with `values[i, labels[i]]` replaced by `target[i]`."""
    classes = ops.arange(values.shape[-1], dtype=labels.dtype)
    is_target = ops.equal(classes, ops.expand_dims(labels, -1))
    return ops.where(is_target, ops.expand_dims(target, -1), values)


def class_ids(labels, num_classes=None):
    """Returns labels as an int32 tensor `(batch,)`, after checking them.

    Args:
        labels: Integer tensor or array, `(batch,)` or `(batch, 1)`.
        num_classes: Where given, labels known at this moment (that is, not
            inside a compiled graph) must lie in `[0, num_classes)`; inside a
            graph, others become -1.

    Raises:
        ValueError: for labels that are not integers, are one-hot, or lie
            outside the classes.
    """
    labels = ops.convert_to_tensor(labels)
    if len(labels.shape) == 2 and labels.shape[-1] == 1:
        labels = ops.squeeze(labels, -1)
    if len(labels.shape) != 1:
        raise ValueError(
            "labels must be class ids of shape (batch,). Received: "
            f"shape={tuple(labels.shape)}. For one-hot labels pass "
            "labels.argmax(-1)."
        )
    if "int" not in keras.backend.standardize_dtype(labels.dtype):
        raise ValueError(
            "labels must be integer class ids, because floats lose large ids. "
            f"Received: dtype={labels.dtype}. Cast them with "
            'labels.astype("int32").'
        )
    values = concrete(labels) if num_classes else None
    if values is not None and values.size:
        low, high = values.min(), values.max()
        if low < 0 or high >= num_classes:
            raise ValueError(
                f"labels must lie in [0, {num_classes}), the number of "
                f"classes. Received: labels from {low} to {high}."
            )
    if num_classes:
        # Looked at before the cast, which would wrap 2**32 + 3 round to 3.
        known = ops.logical_and(labels >= 0, labels < num_classes)
        return ops.where(known, ops.cast(labels, "int32"), -1)
    return ops.cast(labels, "int32")


def check_batch(labels, embeddings):
    """Raises where labels and embeddings are known to differ in number."""
    given, wanted = labels.shape[0], embeddings.shape[0]
    if None not in (given, wanted) and given != wanted:
        raise ValueError(
            "labels must hold one class id for each embedding. Received: "
            f"{given} labels and {wanted} embeddings."
        )


def concrete(tensor):
    """Returns a tensor's NumPy value, or None inside a graph being traced."""
    on_tensorflow = keras.backend.backend() == "tensorflow"
    if on_tensorflow and not hasattr(tensor, "numpy"):
        return None
    try:
        return np.asarray(ops.convert_to_numpy(tensor))
    except (TypeError, ValueError):
        # How a JAX tracer and a KerasTensor say that they are symbolic.
        return None
