"""The moving average of the weights, which is judged and kept.

The optimizer keeps it (`use_ema`); what trains are the weights beside it.
Averaged is what a gradient moves: the statistics of BatchNormalization, moving
averages themselves, and what a margin remembers are the model's in any case.
"""

import contextlib

from keras import ops

from keras_arcface import softmax


@contextlib.contextmanager
def averaged_weights(model):
    """Makes the weights of a model their moving average, for a while.

    To judge or to save. Afterwards, also after an error, the weights that
    train are back as they were, to the last bit. The optimizer's state stays
    what it is: a model that is saved inside can be trained on.

    Does nothing where the optimizer keeps no average, or has made no step.

    Args:
        model: A compiled model; inside `fit` too.
    """
    averages = _averages(model)
    if not averages:
        yield
        return
    before = [ops.convert_to_numpy(each) for each, _ in averages]
    try:
        for variable, average in averages:
            _copy(average, variable)
        yield
    finally:
        for (variable, _), value in zip(averages, before, strict=True):
            variable.assign(value)


@contextlib.contextmanager
def training_weights_kept(model):
    """Keeps the end of `fit` from making the weights their average.

    Keras does so whenever `fit` returns. A run that goes on, from one `fit` to
    the next or from a checkpoint, must go on with the weights that train.
    Where it truly ends, `take_averages` does it.
    """
    optimizer = model.optimizer
    if "finalize_variable_values" in vars(optimizer):
        yield  # Inside another one.
        return
    optimizer.finalize_variable_values = lambda var_list: None
    try:
        yield
    finally:
        del optimizer.finalize_variable_values


def take_averages(model):
    """Makes the weights of a model their moving average, for good.

    Does nothing where the optimizer keeps no average, or has made no step.
    """
    for variable, average in _averages(model):
        _copy(average, variable)


def start_averages(model, earlier=None):
    """Begins the averages of a model whose optimizer starts at a later step.

    Keras begins them at its step 0, and would otherwise average from zeros.

    Args:
        model: Compiled and built, the step of its optimizer set.
        earlier: What `averages_of` returned of the model before it was
            compiled anew, for averages to go on; others begin at the weights.
    """
    earlier = earlier or {}
    for variable, average in _averages(model):
        _copy(earlier.get(id(variable), variable), average)


def averages_of(model):
    """Returns the moving averages, NumPy arrays by `id` of the weight."""
    return {
        id(variable): ops.convert_to_numpy(average)
        for variable, average in _averages(model)
    }


def _averages(model):
    """Returns pairs of a weight and its average, both variables."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()  # Inside fit, variables lag behind on JAX.
    optimizer = softmax.inner_optimizer(model.optimizer)
    has_averages = getattr(optimizer, "use_ema", False) and optimizer.built
    if not has_averages:
        return []
    steps = ops.convert_to_numpy(softmax.step_counter(optimizer))
    if steps == 0:
        return []
    averages = [v for v in optimizer.variables if v.name.endswith("_average")]
    return list(zip(model.trainable_variables, averages, strict=True))


def _copy(source, target):
    # Or both would be one buffer on JAX, which a step gives away for one.
    target.assign(ops.copy(source))
