"""A learning rate of their own for the class centres."""

from keras import ops

from keras_arcface.softmax.row_updates import inner_optimizer


def set_center_rate(optimizer, class_centers, rate):
    """Makes an optimizer move one variable at a multiple of its rate.

    Weight decay included, as with a parameter group of PyTorch.

    Args:
        optimizer: Any Keras optimizer.
        class_centers: Function that returns the variable.
        rate: Float > 0, the multiple; 1 undoes an earlier call.
    """
    if optimizer is None:
        return
    optimizer = inner_optimizer(optimizer)
    optimizer.__dict__.pop("update_step", None)
    if rate == 1.0:
        return
    plain = optimizer.update_step

    def update_step(gradient, variable, learning_rate):
        key = optimizer._var_key
        if key(variable) != key(class_centers()):
            plain(gradient, variable, learning_rate)
            return
        decay = optimizer.weight_decay
        if decay and optimizer._use_weight_decay(variable):
            # Keras has decayed it already, at the plain rate.
            decayed = decay * ops.cast(learning_rate, variable.dtype)
            more = (1.0 - rate * decayed) / (1.0 - decayed)
            optimizer.assign(variable, variable * more)
        plain(gradient, variable, learning_rate * rate)

    optimizer.update_step = update_step
