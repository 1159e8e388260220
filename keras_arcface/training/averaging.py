"""The moving average of the weights, which is judged and kept."""

import contextlib

from keras import ops


@contextlib.contextmanager
def averaged_weights(model):
    """Makes the weights of a model their moving average, for a while."""
    averages = _averages(model)
    before = [ops.convert_to_numpy(weight) for weight, _ in averages]
    try:
        for weight, average in averages:
            weight.assign(average)
        yield
    finally:
        for (weight, _), value in zip(averages, before, strict=True):
            weight.assign(value)


@contextlib.contextmanager
def training_weights_kept(model):
    """Keeps the end of `fit` from making the weights their average."""
    optimizer = model.optimizer
    optimizer.finalize_variable_values = lambda var_list: None
    try:
        yield
    finally:
        optimizer.__dict__.pop("finalize_variable_values", None)


def take_averages(model):
    """Makes the weights of a model their moving average, for good."""
    for weight, average in _averages(model):
        weight.assign(average)


def _averages(model):
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if not getattr(optimizer, "use_ema", False):
        return []
    averages = [v for v in optimizer.variables if v.name.endswith("_average")]
    return list(zip(model.trainable_variables, averages, strict=True))
