"""A slim MobileFaceNet that starts from the weights of a full one."""

import numpy as np

ALL = slice(None)


def inherit(student, teacher):
    """Gives a slim MobileFaceNet the weights of a full one, where they fit.

    The slim network has the full one's channels between its blocks and half of
    those inside, and no linear 1 x 1 convolutions. Of the channels inside,
    those with the greatest share in a block's output are kept; the linear
    convolutions are multiplied into what follows them; blocks that it lacks
    are left out, which residuals allow. The result is no good network, but a
    far better start for distillation than random weights.

    The statistics of batch normalization are the teacher's and no longer
    right: train before judging.

    Args:
        student: `MobileFaceNet(layout="slim")`, changed in place.
        teacher: `MobileFaceNet(layout="sirius_tf")` with at least as many
            blocks at each resolution, and the student's embedding_dim,
            input_shape and pixel scaling.

    Raises:
        ValueError: for other networks.
    """
    _check(student, teacher)
    for name in ("stem", "stage1"):
        _copy(student, teacher, name)
    for name in _bottlenecks(student):
        kept = _strongest(student, teacher, name)
        _copy(student, teacher, f"{name}_expand", outputs=kept)
        _copy(student, teacher, f"{name}_depthwise", inputs=kept, outputs=kept)
        _copy(student, teacher, f"{name}_project", inputs=kept)
    conv, norm = (
        student.get_layer(f"down2_expand_{kind}") for kind in ("conv", "bn")
    )
    kernel, shift = _folded(
        teacher.get_layer("stage1_pointwise_conv"),
        teacher.get_layer("stage1_pointwise_bn"),
        conv.get_weights()[0],
    )
    conv.set_weights([kernel])
    _set_norm(norm, norm, shift=shift)
    _inherit_head(student, teacher)


def _inherit_head(student, teacher):
    ours, theirs = student.get_layer("head"), teacher.get_layer("head")
    kernel, shift = _folded(
        theirs.pointwise_conv,
        theirs.pointwise_normalization,
        theirs.dense.get_weights()[0],
    )
    share = _scale(theirs.normalization) * np.linalg.norm(kernel, axis=1)
    kept = _largest(share, ours.dense.kernel.shape[0])
    _copy(student, teacher, "last", outputs=kept)
    ours.depthwise.set_weights([theirs.depthwise.get_weights()[0][:, :, kept]])
    _set_norm(ours.normalization, theirs.normalization, kept)
    ours.dense.set_weights([kernel[kept]])
    _set_norm(ours.features, theirs.features, shift=shift)


def _check(student, teacher):
    layouts = [getattr(m, "layout", None) for m in (student, teacher)]
    if layouts != ["slim", "sirius_tf"]:
        raise ValueError(
            'inherit takes a MobileFaceNet(layout="slim") and a teacher with '
            f'layout="sirius_tf". Received: layouts {layouts}.'
        )
    for name in ("input_shape", "output_shape", "pixel_scaling", "head"):
        ours, theirs = getattr(student, name), getattr(teacher, name)
        if ours != theirs:
            raise ValueError(
                f"Student and teacher differ in {name}: {ours} and {theirs}. "
                "Make the student with the teacher's."
            )
    fewer = all(a <= b for a, b in zip(student.blocks, teacher.blocks))
    # The first stage of one block is another layer than one of several.
    first = (student.blocks[0], teacher.blocks[0])
    if not fewer or first != (1, 1):
        raise ValueError(
            "The student must have no more blocks than the teacher, and both "
            f"one at the first resolution. Received: {student.blocks} and "
            f"{teacher.blocks}."
        )


def _bottlenecks(model):
    ending = "_project_conv"
    names = [layer.name for layer in model.layers]
    return [n.removesuffix(ending) for n in names if n.endswith(ending)]


def _strongest(student, teacher, name):
    """The channels inside a bottleneck with most share in what it gives."""
    kernel = teacher.get_layer(f"{name}_project_conv").get_weights()[0][0, 0]
    kernel = kernel * _affine(teacher.get_layer(f"{name}_project_bn"))[0]
    inside = _scale(teacher.get_layer(f"{name}_depthwise_bn"))
    share = inside * np.linalg.norm(kernel, axis=1)
    return _largest(share, student.get_layer(f"{name}_expand_conv").filters)


def _largest(share, count):
    return np.sort(np.argsort(-share, kind="stable")[:count])


def _copy(student, teacher, name, inputs=ALL, outputs=ALL):
    """Copies convolution, BN and slopes; of a depthwise one by its inputs."""
    kernel = teacher.get_layer(f"{name}_conv").get_weights()[0]
    convolution = student.get_layer(f"{name}_conv")
    depthwise = kernel.shape[-1] == 1
    kernel = kernel[:, :, inputs]
    convolution.set_weights([kernel if depthwise else kernel[..., outputs]])
    bn = f"{name}_bn"
    _set_norm(student.get_layer(bn), teacher.get_layer(bn), outputs)
    slopes = f"{name}_prelu"
    if any(layer.name == slopes for layer in student.layers):
        values = teacher.get_layer(slopes).get_weights()[0][..., outputs]
        student.get_layer(slopes).set_weights([values])


def _set_norm(ours, theirs, kept=ALL, shift=0.0):
    """Copies a BN; `shift` is what no longer comes before it."""
    gamma, beta, mean, variance = (w[kept] for w in theirs.get_weights())
    ours.set_weights([gamma, beta, mean - shift, variance])


def _folded(convolution, norm, following):
    """Returns one kernel for a linear 1 x 1 convolution and what follows it.

    And what the following kernel makes of the constant between them.
    """
    factor, constant = _affine(norm)
    first = convolution.get_weights()[0][0, 0] * factor
    return first @ following, constant @ following.reshape(following.shape[-2:])


def _affine(norm):
    """Returns factor and constant of a BN at inference."""
    gamma, beta, mean, variance = norm.get_weights()
    factor = gamma / np.sqrt(variance + norm.epsilon)
    return factor, beta - mean * factor


def _scale(norm):
    return np.abs(norm.get_weights()[0])
