"""Clipping the gradient of some variables, the class centres' untouched."""

from keras import ops

from keras_arcface import numerics
from keras_arcface.softmax.backend import sum_over_replicas
from keras_arcface.softmax.row_updates import inner_optimizer


def set_clipping(optimizer, variables, clipped, limit):
    """Makes an optimizer clip the gradient of some variables, taken together.

    Where their global norm is over the limit, they are all scaled down to it.
    Of what the optimizer would step by: the unscaled gradient under loss
    scaling, the average under gradient accumulation, the sum over replicas
    (which are therefore added up once more than without clipping).

    Args:
        optimizer: Any Keras optimizer.
        variables: Function that returns all variables it moves, in its order.
        clipped: Function that returns those whose gradient is clipped.
        limit: Float > 0, the greatest norm; None undoes an earlier call.
    """
    if optimizer is None:
        return
    optimizer = inner_optimizer(optimizer)
    optimizer.__dict__.pop("apply", None)
    if limit is None:
        return
    plain = optimizer.apply

    def apply(gradients, trainable_variables=None):
        known = list(trainable_variables or variables())
        chosen = {id(variable) for variable in clipped()}
        places = [
            place
            for place, pair in enumerate(zip(gradients, known, strict=True))
            if pair[0] is not None and id(pair[1]) in chosen
        ]
        gradients = list(gradients)
        if places:
            some = [gradients[place] for place in places]
            some = _clipped(optimizer, known, places, some, limit)
            for place, gradient in zip(places, some, strict=True):
                gradients[place] = gradient
        plain(gradients, trainable_variables)

    optimizer.apply = apply


def _clipped(optimizer, known, places, gradients, limit):
    limit = limit * (optimizer.loss_scale_factor or 1.0)
    if not optimizer.gradient_accumulation_steps:
        factor = _factor(gradients, limit)
        return [_scaled(gradient, factor) for gradient in gradients]
    earlier, is_due = _accumulated(optimizer, known, places)
    sums = [g + e for g, e in zip(gradients, earlier, strict=True)]
    factor = _factor(sums, limit * optimizer.gradient_accumulation_steps)
    factor = ops.where(is_due, factor, 1.0)
    # Keras adds `earlier` to what it gets: factor * (gradient + earlier).
    return [
        _scaled(gradient, factor) + _scaled(before, factor - 1.0)
        for gradient, before in zip(gradients, earlier, strict=True)
    ]


def _factor(gradients, limit):
    """Returns what the gradients are to be multiplied by, at most 1."""
    gradients = sum_over_replicas(gradients)
    squares = [
        ops.sum(ops.square(numerics.at_least_float32(g))) for g in gradients
    ]
    norm = ops.sqrt(ops.sum(ops.stack(squares)))
    return ops.minimum(1.0, limit / ops.maximum(norm, 1e-30))


def _scaled(gradient, factor):
    return gradient * ops.cast(factor, gradient.dtype)


def _accumulated(optimizer, known, places):
    """Returns the gradients of earlier batches, and whether a step is due."""
    if not optimizer.built:
        optimizer.build(known)
    slots = [
        variable
        for variable in optimizer.variables
        if variable.name.endswith("gradient_accumulator")
    ]
    if len(slots) != len(known):
        raise ValueError(
            "The gradients to be clipped are not those the optimizer "
            f"accumulates: it was built on {len(slots)} variables and moves "
            f"{len(known)}. Compile the model after changing `trainable`."
        )
    scale = optimizer.loss_scale_factor or 1.0
    earlier = [slots[place] * scale for place in places]
    batches = step_counter(optimizer) + 1
    return earlier, batches % optimizer.gradient_accumulation_steps == 0


def step_counter(optimizer):
    """Returns the variable that counts an optimizer's batches.

    Unlike `iterations`, it counts also those that accumulate.
    """
    variables = inner_optimizer(optimizer).variables
    return next(v for v in variables if v.name == "iteration")
