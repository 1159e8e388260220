"""Losses with one proxy, a learned point, for each class."""

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.losses import distances
from keras_arcface.losses import reduce
from keras_arcface.losses.checks import check_positive
from keras_arcface.losses.proxy_head import ProxyHead
from keras_arcface.losses.proxy_head import is_own
from keras_arcface.losses.proxy_head import take_own
from keras_arcface.margins.checks import check_choice
from keras_arcface.margins.checks import check_number
from keras_arcface.ranges import LogUniform
from keras_arcface.ranges import Uniform


@keras.saving.register_keras_serializable(package="keras_arcface")
class ProxyNCA(ProxyHead):
    """ProxyNCA: neighbourhood components with one proxy for each class.

        loss = -log(e^(-scale D_y) / sum_j e^(-scale D_j))

    D_j is the squared Euclidean distance of the unit embedding to the unit
    proxy of class j. The sum is over all classes, as in
    pytorch-metric-learning, whose value and gradient this has; the paper's is
    over the classes other than y, `denominator="negatives"`, which is not
    bounded below.

    Reference:
    - [Movshovitz-Attias et al., 2017, Eq. 4](https://arxiv.org/abs/1703.07464)

    Args:
        num_classes: Int > 1.
        scale: Float > 0, the inverse temperature. Defaults to `1.0`; ProxyNCA++
            (arXiv:2004.01113) has 9.
        denominator: `"all"`, the default, or `"negatives"`.
        proxies_initializer: Defaults to a normal of deviation 1.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments and Returns:
        See `EmbeddingHead`. Logits are -scale D.

    Example:

    >>> head = keras_arcface.losses.ProxyNCA(10)
    >>> tuple(head(np.ones((2, 4), "float32")).shape)
    (2, 10)
    """

    search_space = {"scale": LogUniform(1.0, 64.0)}

    def __init__(
        self,
        num_classes,
        scale=1.0,
        denominator="all",
        proxies_initializer=None,
        **kwargs,
    ):
        super().__init__(num_classes, proxies_initializer, **kwargs)
        self.scale = check_positive("scale", scale)
        self.denominator = check_choice(
            "denominator", denominator, ("all", "negatives")
        )

    def logits(self, embeddings):
        return -self.scale * distances.unit_squared_euclidean(
            embeddings, self.proxies
        )

    def sample_losses(self, embeddings, labels, training):
        logits = self.logits(embeddings)
        counted = ops.ones_like(logits, dtype="bool")
        if self.denominator == "negatives":
            counted = ops.logical_not(is_own(labels, self.num_classes))
        total = reduce.masked_logsumexp(logits, counted)
        return total - take_own(logits, labels)

    def get_config(self):
        return {
            **super().get_config(),
            "scale": self.scale,
            "denominator": self.denominator,
        }


@keras.saving.register_keras_serializable(package="keras_arcface")
class ProxyAnchor(ProxyHead):
    """Proxy Anchor: every proxy against all embeddings of the batch.

        loss = mean_{p in P+} log(1 + sum_{x of p} e^(-alpha (s - margin)))
             + mean_p log(1 + sum_{x not of p} e^(alpha (s + margin)))

    s is the cosine of embedding and proxy, P+ the classes in the batch. The
    mean over the batch is this value, which is that of
    pytorch-metric-learning; a sample's own loss is its share of every proxy's
    logarithm, in the proportion of its exponential.

    Reference:
    - [Kim et al., 2020, Eq. 4](https://arxiv.org/abs/2003.13911)

    Args:
        num_classes: Int > 1.
        margin: Float, in units of cosine. Defaults to `0.1`.
        alpha: Float > 0, sharpness. Defaults to `32.0`.
        proxies_initializer: Defaults to a normal of variance 2 / num_classes,
            as the authors' code.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments and Returns:
        See `EmbeddingHead`. Logits are alpha s.
    """

    search_space = {
        "margin": Uniform(0.0, 0.5),
        "alpha": LogUniform(8.0, 128.0),
    }

    def __init__(
        self,
        num_classes,
        margin=0.1,
        alpha=32.0,
        proxies_initializer=None,
        **kwargs,
    ):
        super().__init__(num_classes, proxies_initializer, **kwargs)
        self.margin = check_number("margin", margin)
        self.alpha = check_positive("alpha", alpha)

    def default_initializer(self):
        # Of (num_classes, dim), what Keras takes for fan in is the classes.
        return keras.initializers.VarianceScaling(
            2.0, "fan_in", "untruncated_normal"
        )

    def logits(self, embeddings):
        return self.alpha * numerics.cosine_matrix(embeddings, self.proxies)

    def sample_losses(self, embeddings, labels, training):
        logits = self.logits(embeddings)
        shift = self.alpha * self.margin
        own = is_own(labels, self.num_classes)
        pull = _shares(shift - logits, own)
        push = _shares(shift + logits, ops.logical_not(own))
        present = reduce.count(ops.any(own, axis=0), logits.dtype, axis=None)
        loss = pull / ops.maximum(present, 1.0) + push / self.num_classes
        return loss * ops.cast(ops.shape(logits)[0], loss.dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "alpha": self.alpha,
        }


def _shares(exponents, mask):
    """Shares every column's log(1 + sum(exp)) among its rows, then sums these.

    Returns `(batch,)`. The shares are constants that add up to one, so value
    and gradient of the sum are those of the logarithms.
    """
    total = reduce.masked_logsumexp(exponents, mask, axis=0)
    share = ops.exp(ops.where(mask, exponents - total, reduce.NOTHING))
    return ops.sum(ops.stop_gradient(share) * ops.softplus(total), axis=1)
