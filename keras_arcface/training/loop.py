"""A training loop of our own, for where Keras's fit does not run.

Keras 3 cannot fit under `tf.distribute.MultiWorkerMirroredStrategy`
(https://github.com/keras-team/keras/issues/20585). What this runs is the
model's own `train_step`, with the callbacks, the logs and their order of
`fit`; TensorFlow only. It runs under every strategy, and under none.
"""

import functools

import keras
import numpy as np


def fit(
    model, dataset, callbacks=None, *, epochs, steps_per_epoch, initial_epoch=0
):
    """Trains as `keras.Model.fit` does.

    Where several workers train together, all of them call this alike, with
    callbacks that do alike. Metrics are means over all replicas, as in fit.
    An epoch's end asks all workers whether one of them wants to stop; within
    an epoch callbacks should stop by what the logs say, alike everywhere.

    Args:
        model: Compiled `keras.Model`, built in the strategy's scope.
        dataset: Batches `(images, labels)`, as many as there are steps: a
            `tf.data.Dataset`, of whole batches that the replicas share, or
            what the strategy made of one.
        callbacks: Keras callbacks, or a `keras.callbacks.CallbackList`.
        epochs: Number of the last epoch, plus one.
        steps_per_epoch: Int.
        initial_epoch: Number of the first epoch. Defaults to `0`.

    Returns:
        The `keras.callbacks.History`.
    """
    strategy = model.distribute_strategy
    if not isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = keras.callbacks.CallbackList(
            callbacks,
            add_history=True,
            model=model,
            epochs=epochs,
            steps=steps_per_epoch,
            verbose=0,
        )
    batches = iter(_distributed(dataset, strategy))
    _build(model, strategy, batches.element_spec)
    step = make_step(model)
    model.stop_training = False
    callbacks.on_train_begin()
    logs = None
    for epoch in range(initial_epoch, epochs):
        model.reset_metrics()
        callbacks.on_epoch_begin(epoch)
        for number in range(steps_per_epoch):
            callbacks.on_train_batch_begin(number)
            logs = step(batches)
            callbacks.on_train_batch_end(number, logs)
            if model.stop_training:
                break
        logs = _epoch_logs(model, logs)
        callbacks.on_epoch_end(epoch, logs)
        if _anyone_stops(model, strategy):
            model.stop_training = True
            break
    model.optimizer.finalize_variable_values(model.trainable_variables)
    callbacks.on_train_end(logs)
    return model.history


def make_step(model):
    """Returns a function of an iterator that runs one step on all replicas.

    Returns:
        `step(iterator) -> logs`, scalars that are means over the replicas.
    """
    import tensorflow as tf

    strategy = model.distribute_strategy

    def on_replica(batch):
        logs = model.train_step(batch)
        if strategy.num_replicas_in_sync == 1:
            return logs
        # All of them in one message.
        values = [tf.cast(value, "float32") for value in logs.values()]
        values = tf.distribute.get_replica_context().all_reduce(
            tf.distribute.ReduceOp.MEAN, tf.stack(values)
        )
        return dict(zip(logs, tf.unstack(values), strict=True))

    def on_all(batch):
        logs = strategy.run(on_replica, args=(batch,))
        local = strategy.experimental_local_results
        return {name: local(value)[0] for name, value in logs.items()}

    if model.run_eagerly:
        return lambda iterator: on_all(next(iterator))
    if model.jit_compile:
        # The iterator itself is nothing for XLA.
        on_all = tf.function(on_all, jit_compile=True, autograph=False)
    return tf.function(lambda iterator: on_all(next(iterator)), autograph=False)


def sum_over_replicas(strategy, values):
    """Returns the sums of numbers over all replicas of all workers.

    Every worker must ask; a worker's replicas all give its own numbers.

    Args:
        strategy: `tf.distribute.Strategy`.
        values: Numbers.

    Returns:
        NumPy float64, as many.
    """
    import tensorflow as tf

    if strategy.num_replicas_in_sync == 1:
        return np.asarray(values, "float64")
    return _adder(strategy)(tf.constant(values, "float64")).numpy()


@functools.cache
def _adder(strategy):
    """Returns the graph of a sum; made anew each time it would pile up."""
    import tensorflow as tf

    @tf.function(autograph=False)
    def add(values):
        def on_replica():
            return tf.distribute.get_replica_context().all_reduce(
                tf.distribute.ReduceOp.SUM, tf.identity(values)
            )

        return strategy.experimental_local_results(strategy.run(on_replica))[0]

    return add


def _distributed(dataset, strategy):
    import tensorflow as tf

    if isinstance(dataset, tf.data.Dataset):
        return strategy.experimental_distribute_dataset(dataset)
    return dataset


def _build(model, strategy, element_spec):
    """Makes all variables before the first step, where fit makes them too."""

    def on_one(spec):
        spec = getattr(spec, "_value_specs", [spec])[0]
        return keras.KerasTensor(spec.shape, spec.dtype.name)

    batch = tuple(on_one(spec) for spec in element_spec)
    with strategy.scope():
        model._symbolic_build(data_batch=batch)


def _epoch_logs(model, logs):
    """Returns the metrics of the epoch, in the logs' own names."""
    results = model.get_metrics_result()
    logs = results if set(results) == set(logs) else logs
    return {name: float(value) for name, value in logs.items()}


def _anyone_stops(model, strategy):
    stops = [float(bool(model.stop_training))]
    return bool(sum_over_replicas(strategy, stops)[0])
