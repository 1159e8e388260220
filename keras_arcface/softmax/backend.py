"""The few things that keras.ops cannot say, backend by backend."""

import functools

import keras
from keras import ops


def compiled(function):
    """Compiles a function with XLA where that is not done around it.

    Loops then update their matrices in place and elementwise chains take one
    pass. The first argument is static and hashable, the others are tensors.

    On TensorFlow this is a function of its own, inside eager code and graphs
    alike. JAX compiles the loops themselves, and the train step around them.
    """
    if keras.backend.backend() != "tensorflow":
        return function

    @functools.lru_cache(maxsize=64)
    def compiler(static):
        import tensorflow as tf

        return tf.function(
            functools.partial(function, static),
            jit_compile=True,
            autograph=False,
        )

    @functools.wraps(function)
    def call(static, *tensors):
        return compiler(static)(*tensors)

    return call


def read(variable):
    """Returns a Keras variable's value as a tensor, without a copy.

    (What Keras itself calls its tensor is, on TensorFlow, still a variable.)
    A tensor is returned as it is.
    """
    if not isinstance(variable, keras.Variable):
        return variable
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.convert_to_tensor(variable.value)
    return variable.value


def on_accelerator():
    """Returns whether the backend has anything faster than processors."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_logical_devices()
        return any(device.device_type != "CPU" for device in devices)
    import jax

    return jax.default_backend() != "cpu"


def sum_over_replicas(tensors):
    """Returns the sums of tensors over the replicas of a `tf.distribute` run.

    Elsewhere they are returned as they are; JAX's are those of all devices.
    """
    if keras.backend.backend() != "tensorflow":
        return tensors
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return tensors
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tensors)


def pull_back(function, inputs, upstream):
    """Returns the gradient by `inputs` of sum(function(inputs) * upstream)."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            outputs = function(inputs)
        return tape.gradient(outputs, inputs, output_gradients=upstream)
    import jax

    return jax.vjp(function, inputs)[1](upstream)[0]


def add_rows(matrix, rows, updates):
    """Returns a matrix with updates added to some rows, in place where it can.

    Args:
        matrix: Float tensor `(n, dim)`.
        rows: Int tensor `(k,)`; a row may come several times.
        updates: Float tensor `(k, dim)`.
    """
    if not on_accelerator():
        # XLA's scatter copies the matrix on processors; this loop does not.
        count = ops.shape(rows)[0]
        return ops.fori_loop(0, count, _add_row(rows, updates), matrix)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.tensor_scatter_nd_add(matrix, rows[:, None], updates)
    return matrix.at[rows].add(updates)


def write_rows(variable, rows, values):
    """Overwrites some rows of a Keras variable, the others untouched.

    Args:
        variable: `keras.Variable` `(n, dim)`.
        rows: Int tensor `(k,)`, each row once.
        values: Float tensor `(k, dim)`.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        variable.value.scatter_update(tf.IndexedSlices(values, rows))
    else:
        variable.assign(variable.value.at[rows].set(values))


def _add_row(rows, updates):
    dim = updates.shape[1]

    def add(index, matrix):
        place = [rows[index], 0]
        row = ops.slice(matrix, place, [1, dim]) + updates[index]
        return ops.slice_update(matrix, place, row)

    return add
