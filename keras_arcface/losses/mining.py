"""Miners: which pairs and triplets of a batch a loss shall see."""

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.losses import distances
from keras_arcface.losses import reduce
from keras_arcface.losses.pairs import make_pairs
from keras_arcface.margins.checks import check_number
from keras_arcface.ranges import Uniform


@keras.saving.register_keras_serializable(package="keras_arcface")
class Miner:
    """Base of the miners: narrows `Pairs`, without a gradient.

    A subclass implements `choose(distance, pairs)`. Give a miner to any pair
    loss as `miner=`; or call it on embeddings and labels to see its choice.

    A loss on triplets takes the triplets of a triplet miner, and of any other
    the kept positives of each anchor with its kept negatives. A loss on pairs
    takes the pairs that are kept, each once, also where a triplet miner has
    one in several triplets (which pytorch-metric-learning counts that often).

    Args:
        distance: `"euclidean"`, of unit embeddings, in [0, 2], the default;
            `"squared_euclidean"`, `"cosine"` or `"angle"`, as in `TripletLoss`.

    Call arguments:
        embeddings: Float tensor `(batch, dim)`, of any length.
        labels: Int tensor `(batch,)`, class ids.

    Returns:
        `Pairs`, whose `positives` and `negatives` `(batch, batch)` are the
        pairs that are kept, and whose `negative_index` or `gap` are the
        triplets, where the miner has any.
    """

    def __init__(self, distance="euclidean"):
        self.distance = distances.check_distance(distance)

    def __call__(self, embeddings, labels):
        return self.mine(make_pairs(embeddings, numerics.class_ids(labels)))

    def mine(self, pairs):
        """Returns `Pairs` with what the miner keeps of them."""
        matrix = distances.ON_THE_SPHERE[self.distance]
        distance = matrix(
            ops.stop_gradient(pairs.query), ops.stop_gradient(pairs.reference)
        )
        return pairs._replace(**self.choose(distance, pairs))

    def choose(self, distance, pairs):
        """Returns what replaces which fields of `Pairs`, by name."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement choose(distance, pairs)."
        )

    def get_config(self):
        return {"distance": self.distance}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable(package="keras_arcface")
class BatchHardMiner(Miner):
    """Keeps each anchor's farthest positive and nearest negative.

    Of an anchor without the one or the other, it keeps nothing. Of equally
    hard pairs the first is kept, so that every anchor weighs the same.

    Reference:
    - [Hermans et al., 2017, Eq. 5](https://arxiv.org/abs/1703.07737)

    Args:
        distance: As in `Miner`.
    """

    search_space = {}

    def choose(self, distance, pairs):
        whole = has_triplet(pairs)
        return {
            "positives": _first_largest(distance, pairs.positives) & whole,
            "negatives": _first_largest(-distance, pairs.negatives) & whole,
        }


@keras.saving.register_keras_serializable(package="keras_arcface")
class PairMarginMiner(Miner):
    """Keeps positives beyond one distance, and negatives within another.

    Args:
        positive_margin: Float, distance. Defaults to `0.2`.
        negative_margin: Float, distance. Defaults to `0.8`.
        distance: As in `Miner`.
    """

    search_space = {
        "positive_margin": Uniform(0.0, 0.5),
        "negative_margin": Uniform(0.5, 1.4),
    }

    def __init__(
        self, positive_margin=0.2, negative_margin=0.8, distance="euclidean"
    ):
        super().__init__(distance)
        self.positive_margin = check_number("positive_margin", positive_margin)
        self.negative_margin = check_number("negative_margin", negative_margin)

    def choose(self, distance, pairs):
        return {
            "positives": pairs.positives & (distance > self.positive_margin),
            "negatives": pairs.negatives & (distance < self.negative_margin),
        }

    def get_config(self):
        return {
            **super().get_config(),
            "positive_margin": self.positive_margin,
            "negative_margin": self.negative_margin,
        }


@keras.saving.register_keras_serializable(package="keras_arcface")
class MultiSimilarityMiner(Miner):
    """Keeps the pairs that are hard against the anchor's hardest opposite.

        positive kept if s_ap - epsilon < max_n s_an
        negative kept if s_an + epsilon > min_p s_ap

    s is the cosine. Of an anchor without the one or the other, it keeps
    nothing.

    Reference:
    - [Wang et al., 2019, section 3.3](https://arxiv.org/abs/1904.06627)

    Args:
        epsilon: Float, in units of cosine. Defaults to `0.1`.
    """

    search_space = {"epsilon": Uniform(0.0, 0.4)}

    def __init__(self, epsilon=0.1):
        super().__init__("cosine")
        self.epsilon = check_number("epsilon", epsilon)

    def choose(self, distance, pairs):
        nearest = reduce.masked_min(distance, pairs.negatives)
        farthest = reduce.masked_max(distance, pairs.positives)
        whole = has_triplet(pairs)
        far = distance + self.epsilon > ops.expand_dims(nearest, 1)
        near = distance - self.epsilon < ops.expand_dims(farthest, 1)
        return {
            "positives": pairs.positives & whole & far,
            "negatives": pairs.negatives & whole & near,
        }

    def get_config(self):
        return {"epsilon": self.epsilon}


def _first_largest(values, mask):
    """Returns a mask of the largest of each row where `mask`, each once."""
    counted = ops.where(mask, values, reduce.NOTHING)
    column = ops.expand_dims(ops.argmax(counted, axis=1), 1)
    columns = ops.arange(ops.shape(values)[1], dtype=column.dtype)
    return mask & ops.equal(columns, column)


def has_triplet(pairs):
    """Returns which anchors have a positive and a negative, `(batch, 1)`."""
    return ops.any(pairs.positives, axis=1, keepdims=True) & ops.any(
        pairs.negatives, axis=1, keepdims=True
    )
