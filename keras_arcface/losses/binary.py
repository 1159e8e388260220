"""One class against each other one: losses that need no softmax."""

import math

from keras import ops

from keras_arcface import numerics


def uniface(cosine, margin, scale, bias, clamp=False):
    """Returns what a class costs as the right one, and as a wrong one.

        right = log(1 + exp(-(s (c - m) - b))),   wrong = log(1 + exp(s c - b))

    Args:
        cosine: Float tensor of any shape.
        margin: Float or scalar tensor, in units of cosine.
        scale: Float, s.
        bias: Scalar tensor, b, the one threshold of all classes.
        clamp: Whether to clip both exponents to +-s, as the released code
            does; beyond, there is no gradient.

    Returns:
        Two tensors of the shape of `cosine`.

    Reference:
    - Zhou et al., 2023, "UniFace: Unified Cross-Entropy Loss for Deep Face
      Recognition", ICCV
    """
    cosine = numerics.at_least_float32(cosine)
    right = bias - scale * (cosine - margin)
    wrong = scale * cosine - bias
    if clamp:
        right = ops.clip(right, -scale, scale)
        wrong = ops.clip(wrong, -scale, scale)
    return ops.softplus(right), ops.softplus(wrong)


def sphereface2(cosine, margin, scale, bias, t=3.0, balance=0.7, weight=50.0):
    """Returns what a class costs as the right one, and as a wrong one.

        g(c) = 2 ((c + 1) / 2)^t - 1
        right = w/r balance log(1 + exp(-(r (g(c) - m) + b)))
        wrong = w/r (1 - balance) log(1 + exp(r (g(c) + m) + b))

    This is SphereFace2-C. As in the authors' code, the derivative of what g
    and the margin change is 1.

    Args:
        cosine: Float tensor of any shape.
        margin: Float or scalar tensor, in units of g.
        scale: Float, r.
        bias: Scalar tensor, b.
        t: Float, how much g stretches the large cosines.
        balance: Float in (0, 1), weight of the right class.
        weight: Float, w, of the whole loss.

    Returns:
        Two tensors of the shape of `cosine`.

    Reference:
    - [Wen et al., 2022](https://arxiv.org/abs/2108.01513)
    """
    cosine = numerics.at_least_float32(cosine)
    stretched = 2.0 * ops.power(ops.relu(cosine + 1.0) / 2.0, t) - 1.0
    right = numerics.straight_through(cosine, stretched - margin)
    wrong = numerics.straight_through(cosine, stretched + margin)
    right = balance * ops.softplus(-(scale * right + bias))
    wrong = (1.0 - balance) * ops.softplus(scale * wrong + bias)
    return weight / scale * right, weight / scale * wrong


def sphereface2_bias(num_classes, margin, scale, t=3.0, balance=0.7):
    """Returns the bias that is at rest where all cosines are 0.

    There, the right class pulls it up as much as the wrong ones pull it down.
    The closed form of the authors' code, which loses its digits with few
    classes: there, the same root written the other way round.
    """
    z = balance / ((1.0 - balance) * max(num_classes - 1, 1))
    middle = 2.0 * 0.5**t - 1.0
    right, wrong = scale * (middle - margin), scale * (middle + margin)
    root = math.sqrt((1.0 - z) ** 2 + 4.0 * z * math.exp(right - wrong))
    if z > 1.0:
        return math.log(z - 1.0 + root) - right - math.log(2.0)
    return math.log(2.0 * z) - wrong - math.log(1.0 - z + root)
