"""Losses that weigh a pair against all others of its anchor, by cosine."""

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.losses import reduce
from keras_arcface.losses.checks import check_positive
from keras_arcface.losses.pairs import PairLoss
from keras_arcface.margins.checks import check_number
from keras_arcface.ranges import LogUniform
from keras_arcface.ranges import Uniform


@keras.saving.register_keras_serializable(package="keras_arcface")
class NTXentLoss(PairLoss):
    """Normalised temperature-scaled cross entropy (SimCLR, InfoNCE).

        loss = mean over positive pairs of
               -log(e^(s_ap / t) / (e^(s_ap / t) + sum_n e^(s_an / t)))

    s is the cosine. Each positive is alone against the anchor's negatives:
    with two views of every picture this is SimCLR's loss, with class ids its
    form for several positives. Value and gradient are those of
    pytorch-metric-learning, but not cut off at 87.

    Reference:
    - [Chen et al., 2020, Eq. 1](https://arxiv.org/abs/2002.05709)

    Args:
        temperature: Float > 0. Defaults to `0.07`.
        miner: A `Miner`; all pairs without. Defaults to `None`.
        **kwargs: Of `PairLoss`: reduction, name, dtype.
    """

    search_space = {"temperature": LogUniform(0.01, 1.0)}

    def __init__(self, temperature=0.07, miner=None, **kwargs):
        super().__init__(miner, **kwargs)
        self.temperature = check_positive("temperature", temperature)

    def pair_loss(self, pairs):
        similarity = _cosine(pairs) / self.temperature
        rivals = reduce.masked_logsumexp(similarity, pairs.negatives)
        loss = ops.softplus(ops.expand_dims(rivals, 1) - similarity)
        return reduce.averaged(
            reduce.masked_sum(loss, pairs.positives),
            reduce.count(pairs.positives, loss.dtype),
        )

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}


@keras.saving.register_keras_serializable(package="keras_arcface")
class SupConLoss(PairLoss):
    """Supervised contrastive loss, the paper's form with the sum outside.

        loss_a = mean over positives p of
                 -log(e^(s_ap / t) / sum_k e^(s_ak / t))

    k runs over all pairs of the anchor, positive and negative; s is the
    cosine. The mean is over the anchors whose loss is positive; a batch of one
    class gives 0. Value and gradient are those of pytorch-metric-learning. The
    authors' code multiplies by t / 0.07 besides.

    Reference:
    - [Khosla et al., 2020, Eq. 2](https://arxiv.org/abs/2004.11362)

    Args:
        temperature: Float > 0. Defaults to `0.1`.
        miner: A `Miner`; all pairs without. Defaults to `None`.
        **kwargs: Of `PairLoss`: reduction, name, dtype.
    """

    search_space = {"temperature": LogUniform(0.01, 1.0)}

    def __init__(self, temperature=0.1, miner=None, **kwargs):
        super().__init__(miner, **kwargs)
        self.temperature = check_positive("temperature", temperature)

    def pair_loss(self, pairs):
        similarity = _cosine(pairs) / self.temperature
        either = ops.logical_or(pairs.positives, pairs.negatives)
        total = reduce.masked_logsumexp(similarity, either)
        surprise = ops.expand_dims(total, 1) - similarity
        number = reduce.count(pairs.positives, surprise.dtype)
        loss = reduce.masked_sum(surprise, pairs.positives)
        loss = loss / ops.maximum(number, 1.0)
        loss = ops.where(ops.any(pairs.negatives), loss, 0.0)
        return reduce.averaged(ops.relu(loss), ops.cast(loss > 0, loss.dtype))

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}


@keras.saving.register_keras_serializable(package="keras_arcface")
class MultiSimilarityLoss(PairLoss):
    """Multi-Similarity loss.

        loss_a = log(1 + sum_p e^(-alpha (s_ap - base))) / alpha
               + log(1 + sum_n e^(beta (s_an - base))) / beta

    s is the cosine; the mean is over all anchors. The paper trains it with
    `MultiSimilarityMiner(0.1)`. Value and gradient are those of
    pytorch-metric-learning.

    Reference:
    - [Wang et al., 2019](https://arxiv.org/abs/1904.06627)

    Args:
        alpha: Float > 0, sharpness for positives. Defaults to `2.0`.
        beta: Float > 0, sharpness for negatives. Defaults to `50.0`.
        base: Float, the cosine at which a pair begins to count. Defaults to
            `0.5`.
        miner: A `Miner`; all pairs without. Defaults to `None`.
        **kwargs: Of `PairLoss`: reduction, name, dtype.
    """

    search_space = {
        "alpha": LogUniform(0.5, 50.0),
        "beta": LogUniform(5.0, 100.0),
        "base": Uniform(0.0, 1.0),
    }

    def __init__(self, alpha=2.0, beta=50.0, base=0.5, miner=None, **kwargs):
        super().__init__(miner, **kwargs)
        self.alpha = check_positive("alpha", alpha)
        self.beta = check_positive("beta", beta)
        self.base = check_number("base", base)

    def pair_loss(self, pairs):
        excess = _cosine(pairs) - self.base
        pull = reduce.masked_logsumexp(-self.alpha * excess, pairs.positives)
        push = reduce.masked_logsumexp(self.beta * excess, pairs.negatives)
        return ops.softplus(pull) / self.alpha + ops.softplus(push) / self.beta

    def get_config(self):
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "beta": self.beta,
            "base": self.base,
        }


def _cosine(pairs):
    return numerics.cosine_matrix(pairs.query, pairs.reference)
