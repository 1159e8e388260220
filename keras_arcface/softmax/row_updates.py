"""An optimizer's step on some rows of the class centres, the others frozen.

Keras's optimizers move a whole variable: even where the gradient of a row is
zero, momentum and weight decay move it. Here the sampled rows, and theirs of
the optimizer's slots, are taken out, moved as the optimizer would move a
variable of these rows alone, and put back.

The step number of Adam's bias correction is that of the optimizer, as in the
lazy Adam of TensorFlow Addons, not one for every row.
"""

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.softmax.backend import write_rows

_INSTEAD = "or use compile(..., dense_update=True), which moves all centres."


def check_optimizer(optimizer):
    """Refuses an optimizer that cannot move some rows and freeze the others.

    Raises:
        ValueError: for anything but SGD, Adam and AdamW, and for options that
            need a gradient of all rows.
    """
    optimizer = inner_optimizer(optimizer)
    if not _has_known_rule(type(optimizer)):
        raise ValueError(
            "A head with sample_rate < 1 trains with SGD, CoupledSGD, Adam or "
            "AdamW, which can move the sampled class centres alone. Received: "
            f"optimizer={type(optimizer).__name__}. Take one of these, "
            + _INSTEAD
        )
    for name, why in (
        ("use_ema", "averages every class centre"),
        ("gradient_accumulation_steps", "sums gradients of other samples"),
        ("global_clipnorm", "needs the gradients of all variables"),
        ("amsgrad", "is not supported row by row"),
    ):
        if getattr(optimizer, name, None):
            raise ValueError(
                f"With sample_rate < 1, {name} of the optimizer {why}. "
                f"Received: {name}={getattr(optimizer, name)!r}. Leave it "
                "out, " + _INSTEAD
            )


def _has_known_rule(kind):
    """Returns whether a class steps as `_sgd` or `_adam` do."""
    owner = next(c for c in kind.__mro__ if "update_step" in vars(c))
    known = (keras.optimizers.SGD, keras.optimizers.Adam)
    return owner in known or "coupled_gradient" in vars(owner)


def inner_optimizer(optimizer):
    """Returns the optimizer inside a LossScaleOptimizer, or itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def update_rows(optimizer, variable, rows, gradient, rate=1.0, finite=True):
    """Moves some rows of a variable by one step of its optimizer.

    To be called before the optimizer's own step, which counts.

    Args:
        optimizer: SGD, Adam or a kin of theirs, built on the variable.
        variable: `keras.Variable` `(n, dim)`.
        rows: Int tensor `(k,)`, each row once.
        gradient: Float tensor `(k, dim)`, of the loss, not scaled.
        rate: Float, times the optimizer's learning rate.
        finite: Bool tensor; where False, nothing moves.
    """
    slots = _slots(optimizer, variable)
    before = [numerics.take_rows(each, rows) for each in (variable, *slots)]
    learning_rate = ops.cast(optimizer.learning_rate, "float32") * rate
    values, *kept = before
    gradient = _clipped(optimizer, gradient)
    if optimizer.weight_decay and optimizer._use_weight_decay(variable):
        values = values * (1.0 - optimizer.weight_decay * learning_rate)
    if hasattr(optimizer, "coupled_gradient"):
        gradient = optimizer.coupled_gradient(gradient, values)
    rule = _adam if isinstance(optimizer, keras.optimizers.Adam) else _sgd
    after = rule(optimizer, gradient, learning_rate, values, *kept)
    for each, old, new in zip((variable, *slots), before, after, strict=True):
        write_rows(each, rows, ops.where(finite, new, old))


def _slots(optimizer, variable):
    # Keras says that an optimizer of another model cannot be used again.
    optimizer._check_variables_are_known([variable])
    index = optimizer._get_variable_index(variable)
    if isinstance(optimizer, keras.optimizers.Adam):
        return [optimizer._momentums[index], optimizer._velocities[index]]
    return [optimizer.momentums[index]] if optimizer.momentum else []


def _clipped(optimizer, gradient):
    if optimizer.clipnorm:
        length = ops.sqrt(ops.sum(ops.square(gradient)))
        return gradient * ops.minimum(
            1.0, optimizer.clipnorm / ops.maximum(length, 1e-30)
        )
    if optimizer.clipvalue:
        return ops.clip(gradient, -optimizer.clipvalue, optimizer.clipvalue)
    return gradient


def _sgd(optimizer, gradient, learning_rate, values, momentum=None):
    step = learning_rate * gradient
    if momentum is None:
        return [values - step]
    momentum = optimizer.momentum * momentum - step
    if optimizer.nesterov:
        return [values + optimizer.momentum * momentum - step, momentum]
    return [values + momentum, momentum]


def _adam(optimizer, gradient, learning_rate, values, mean, square):
    step = ops.cast(optimizer.iterations + 1, "float32")
    first = 1.0 - ops.power(ops.cast(optimizer.beta_1, "float32"), step)
    second = 1.0 - ops.power(ops.cast(optimizer.beta_2, "float32"), step)
    alpha = learning_rate * ops.sqrt(second) / first
    mean = mean + (gradient - mean) * (1 - optimizer.beta_1)
    square = square + (ops.square(gradient) - square) * (1 - optimizer.beta_2)
    values = values - mean * alpha / (ops.sqrt(square) + optimizer.epsilon)
    return [values, mean, square]
