"""Train steps that differentiate by a sample of the class centres.

The gradient of the head has the size of the sample, and the rows that were not
drawn stay bit for bit as they are, in the class centres as in the slots of the
optimizer. Everything else of a step is Keras's own.
"""

import dataclasses
import warnings

import keras
from keras import ops

from keras_arcface.softmax.row_updates import inner_optimizer
from keras_arcface.softmax.row_updates import update_rows


def row_step(model, rate, *args):
    """Runs a train step of `ArcFaceModel` on the backend in use.

    Args:
        model: Compiled, its head with `sample`, `using` and `class_centers`.
        rate: Float, the class centres' share of the learning rate.
        *args: Of `keras.Model.train_step`.

    Returns:
        What `keras.Model.train_step` returns.
    """
    if keras.backend.backend() == "tensorflow":
        return _tensorflow_step(model, rate, *args)
    return _jax_step(model, rate, *args)


def _tensorflow_step(model, rate, data):
    import tensorflow as tf

    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas > 1:
        raise ValueError(
            "sample_rate < 1 draws other classes on each of the "
            f"{replicas} replicas, whose rows cannot be moved apart. Use "
            "compile(..., dense_update=True), or sample_rate=1.0."
        )
    images, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
    head, optimizer = model.head, model.optimizer
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    sample = head.sample(labels)
    with tf.GradientTape() as tape:
        features = model(images, training=True)
        tape.watch(sample.centers)
        with head.using(sample):
            loss = model.compute_loss(
                images, labels, features, weights, training=True
            )
        scaled = optimizer.scale_loss(loss)
    model.count_loss(loss, ops.shape(labels)[0])
    others = [
        v for v in model.trainable_variables if v is not head.class_centers
    ]
    sources = [v.value for v in others] + [sample.centers]
    *gradients, by_rows = tape.gradient(scaled, sources)
    gradients = _move_rows(model, sample.rows, gradients, by_rows, rate)
    if others:
        optimizer.apply(gradients, others)
    return model.compute_metrics(images, labels, features, weights)


def _jax_step(model, rate, state, data):
    import jax

    trainable, fixed, slots, metrics = state
    images, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
    head, optimizer = model.head, model.optimizer
    place = [v is head.class_centers for v in model.trainable_variables]
    place = place.index(True)
    scope = _scope(model, trainable, fixed, slots)
    with scope:
        sample = head.sample(labels)
    fixed = _current(scope, model.non_trainable_variables)

    def loss_of(others, centers):
        values = [*others[:place], trainable[place], *others[place:]]
        with head.using(dataclasses.replace(sample, centers=centers)):
            return model.compute_loss_and_updates(
                values,
                fixed,
                metrics,
                images,
                labels,
                weights,
                training=True,
                optimizer_variables=slots,
            )

    others = [*trainable[:place], *trainable[place + 1 :]]
    (_, aux), (gradients, by_rows) = jax.value_and_grad(
        loss_of, argnums=(0, 1), has_aux=True
    )(others, sample.centers)
    loss, features, fixed, metrics = aux
    scope = _scope(model, trainable, fixed, slots)
    with scope:
        gradients = _move_rows(model, sample.rows, gradients, by_rows, rate)
    trainable = _current(scope, model.trainable_variables)
    slots = _current(scope, optimizer.variables)
    if others:
        gradients = [*gradients[:place], None, *gradients[place:]]
        with warnings.catch_warnings():
            # The class centres have no gradient here: their step is done.
            warnings.filterwarnings("ignore", "Gradients do not exist")
            trainable, slots = optimizer.stateless_apply(
                slots, gradients, trainable
            )
    scope = keras.StatelessScope(
        list(zip(model.metrics_variables, metrics, strict=True))
    )
    with scope:
        model.count_loss(loss, labels.shape[0])
        logs = model.compute_metrics(images, labels, features, weights)
    metrics = _current(scope, model.metrics_variables)
    return logs, (trainable, fixed, slots, metrics)


def _move_rows(model, rows, gradients, by_rows, rate):
    """Moves the sampled centres; returns the gradients left for Keras."""
    optimizer = model.optimizer
    gradients, by_rows, finite = _unscaled(optimizer, gradients, by_rows)
    centers = model.head.class_centers
    update_rows(
        inner_optimizer(optimizer), centers, rows, by_rows, rate, finite
    )
    if not gradients:
        _count_step(optimizer, finite)
    return gradients


def _count_step(optimizer, finite):
    """Does what is left of a step in which nothing but the centres trains."""
    counter = inner_optimizer(optimizer).iterations
    counter.assign_add(ops.cast(finite, counter.dtype))
    if optimizer is inner_optimizer(optimizer):
        return
    # As LossScaleOptimizer does, which takes no step without gradients.
    steps, scale = optimizer.step_counter, optimizer.dynamic_scale
    grows = ops.equal(steps, optimizer.dynamic_growth_steps - 1)
    change = ops.where(finite, ops.where(grows, 2.0, 1.0), 0.5)
    scale.assign(scale * change)
    goes_on = ops.logical_and(finite, ops.logical_not(grows))
    steps.assign(ops.where(goes_on, steps + 1, 0))


def _scope(model, trainable, fixed, slots):
    variables = [
        *model.trainable_variables,
        *model.non_trainable_variables,
        *model.optimizer.variables,
    ]
    values = [*trainable, *fixed, *slots]
    return keras.StatelessScope(list(zip(variables, values, strict=True)))


def _current(scope, variables):
    return [scope.get_current_value(v) for v in variables]


def _unscaled(optimizer, gradients, by_rows):
    """Returns gradients for Keras, the rows' own, and whether all are finite.

    Keras takes its part scaled, and skips a step that is not finite; it must
    skip where only the rows' gradient overflowed, too.
    """
    if optimizer is inner_optimizer(optimizer):
        scale = optimizer.loss_scale_factor
        return gradients, by_rows / scale if scale else by_rows, True
    rows_finite = ops.all(ops.isfinite(by_rows))
    gradients = [
        g if g is None else ops.where(rows_finite, g, float("nan"))
        for g in gradients
    ]
    finite = optimizer.check_finite([*gradients, by_rows])
    return gradients, by_rows / optimizer.dynamic_scale, finite
