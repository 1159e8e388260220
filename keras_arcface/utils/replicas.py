"""Running a model beside a `tf.distribute` strategy, not through it."""


def on_one_device(model):
    """Returns a function from a batch to a model's outputs, on one device.

    Under `tf.distribute`, Keras's `predict_on_batch` gives every replica the
    whole batch and returns each sample once a replica; with several workers
    it waits for all of them.
    """
    strategy = getattr(model, "distribute_strategy", None)
    if getattr(strategy, "num_replicas_in_sync", 1) == 1:
        return model.predict_on_batch
    import tensorflow as tf

    return tf.function(
        lambda batch: model(batch, training=False),
        autograph=False,
        reduce_retracing=True,
    )
