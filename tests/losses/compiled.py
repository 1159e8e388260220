"""Value and gradient of a loss in a compiled graph, on either backend."""

import functools

import golden
import keras
import numpy as np
import registry
from keras import ops
from registry import per_sample

JAX = keras.backend.backend() == "jax"


@functools.cache
def once(name):
    """Returns `gradient`, compiled once in all tests. (For JAX: where a
    head's state stays, and compiling is most of the time.)"""
    return gradient(name, 10)


def gradient(name, size, jit_compile=False):
    """Returns a function of labels and embeddings `(size, 4)`."""
    loss = registry.ALL[name][0]()
    if isinstance(loss, keras.layers.Layer) and not loss.built:
        loss.build((None, 4))
        loss.built = True

    def mean(labels, embeddings):
        return ops.mean(per_sample(loss, labels, embeddings))

    if JAX:
        return _jax_gradient(mean)
    return _tensorflow_gradient(mean, size, jit_compile)


def gradient_of(mean):
    """Returns the same of any scalar function of labels and embeddings.

    Compiled on JAX; eager on TensorFlow, where tracing takes longer.
    """
    if JAX:
        return _jax_gradient(mean)

    def run(labels, embeddings):
        values = []

        def keep(x):
            values.append(mean(labels, x))
            return values[0]

        (grad,) = golden.gradient(keep, embeddings)
        return float(values[0]), grad

    return run


def _jax_gradient(mean):
    import jax

    def stateless(embeddings, labels):
        with keras.StatelessScope():
            return mean(labels, embeddings)

    step = jax.jit(jax.value_and_grad(stateless))

    def run(labels, embeddings):
        return [np.asarray(each) for each in step(embeddings, labels)]

    return run


def _tensorflow_gradient(mean, size, jit_compile):
    import tensorflow as tf

    signature = [
        tf.TensorSpec((size,), "int32"),
        tf.TensorSpec((size, 4), "float32"),
    ]

    @tf.function(input_signature=signature, jit_compile=jit_compile)
    def step(labels, embeddings):
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            value = mean(labels, embeddings)
        return value, tape.gradient(value, embeddings)

    def run(labels, embeddings):
        value, grad = step(labels, embeddings)
        return value.numpy(), tf.convert_to_tensor(grad).numpy()

    return run
