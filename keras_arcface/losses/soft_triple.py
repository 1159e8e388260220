"""SoftTriple: several centres for each class."""

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.losses.checks import check_positive
from keras_arcface.losses.proxy_head import ProxyHead
from keras_arcface.losses.proxy_head import is_own
from keras_arcface.losses.proxy_head import take_own
from keras_arcface.margins.checks import check_count
from keras_arcface.margins.checks import check_number
from keras_arcface.ranges import Choice
from keras_arcface.ranges import LogUniform
from keras_arcface.ranges import Uniform


@keras.saving.register_keras_serializable(package="keras_arcface")
class SoftTriple(ProxyHead):
    """SoftTriple: a softmax over classes that have several centres each.

        S_c = sum_k softmax_k(s_ck / gamma) s_ck
        loss = -log softmax(scale (S - margin [c = y]))_y + tau R

    s_ck is the cosine of the embedding with centre k of class c, and R the
    mean distance of the centres within a class, which merges those that are
    not needed. Value and gradient are those of pytorch-metric-learning and of
    the authors' code, which sets tau = 0.2.

    Reference:
    - [Qian et al., 2019, Eqs. 7 and 9](https://arxiv.org/abs/1909.05235)

    Args:
        num_classes: Int > 1.
        centers: Int > 0, centres for each class. Defaults to `10`.
        scale: Float > 0 (lambda in the paper). Defaults to `20.0`.
        gamma: Float > 0, temperature of the choice of a centre. Defaults to
            `0.1`.
        margin: Float, in units of cosine. Defaults to `0.01`.
        tau: Float, weight of R. Defaults to `0.0`.
        proxies_initializer: Defaults to a uniform of variance 1 / (3 dim), as
            the authors' code.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments and Returns:
        See `EmbeddingHead`. Logits are scale S.
    """

    search_space = {
        "centers": Choice((2, 5, 10)),
        "scale": LogUniform(8.0, 128.0),
        "gamma": LogUniform(0.02, 1.0),
        "margin": Uniform(0.0, 0.5),
        "tau": Choice((0.0, 0.2)),
    }

    def __init__(
        self,
        num_classes,
        centers=10,
        scale=20.0,
        gamma=0.1,
        margin=0.01,
        tau=0.0,
        proxies_initializer=None,
        **kwargs,
    ):
        super().__init__(num_classes, proxies_initializer, **kwargs)
        self.centers = check_count("centers", centers)
        self.proxies_per_class = self.centers
        self.scale = check_positive("scale", scale)
        self.gamma = check_positive("gamma", gamma)
        self.margin = check_number("margin", margin)
        self.tau = check_number("tau", tau)

    def default_initializer(self):
        # Of (rows, dim), what Keras takes for the fan out is dim.
        return keras.initializers.VarianceScaling(1 / 3, "fan_out", "uniform")

    def logits(self, embeddings):
        cosine = numerics.cosine_matrix(embeddings, self.proxies)
        cosine = ops.reshape(cosine, (-1, self.num_classes, self.centers))
        choice = ops.softmax(cosine / self.gamma, axis=2)
        return self.scale * ops.sum(choice * cosine, axis=2)

    def sample_losses(self, embeddings, labels, training):
        own = ops.cast(is_own(labels, self.num_classes), embeddings.dtype)
        logits = self.logits(embeddings) - self.scale * self.margin * own
        loss = ops.logsumexp(logits, axis=1) - take_own(logits, labels)
        if self.tau == 0 or self.centers == 1:
            return loss
        return loss + self.tau * self._spread()

    def _spread(self):
        """Returns R: the sum of distances over C K (K - 1), each pair once."""
        centers = ops.reshape(
            numerics.unit(self.proxies), (self.num_classes, self.centers, -1)
        )
        cosine = ops.einsum("ckd,cld->ckl", centers, centers)
        square = ops.relu(2.0 - 2.0 * cosine)
        # Centres this near are one: their distance has no direction.
        equal = square <= 1e-6
        distance = ops.sqrt(ops.where(equal, 1.0, square))
        return ops.mean(ops.where(equal, 0.0, distance)) * (
            self.centers / (2.0 * (self.centers - 1))
        )

    def get_config(self):
        return {
            **super().get_config(),
            "centers": self.centers,
            "scale": self.scale,
            "gamma": self.gamma,
            "margin": self.margin,
            "tau": self.tau,
        }
