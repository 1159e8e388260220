"""Miners that choose triplets."""

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.losses import reduce
from keras_arcface.losses.addons_triplet import semi_hard_index
from keras_arcface.losses.mining import Miner
from keras_arcface.losses.search import chosen_counts
from keras_arcface.losses.search import count_below
from keras_arcface.losses.triplet_counts import triplet_counts
from keras_arcface.margins.checks import check_choice
from keras_arcface.margins.checks import check_number
from keras_arcface.ranges import Choice
from keras_arcface.ranges import Uniform


@keras.saving.register_keras_serializable(package="keras_arcface")
class SemiHardMiner(Miner):
    """Gives every positive pair its semi-hard negative.

    The nearest negative that lies farther from the anchor than the positive;
    where there is none, the farthest of all, as TensorFlow Addons has it.

    Reference:
    - [Schroff et al., 2015, section 3.2](https://arxiv.org/abs/1503.03832)

    Args:
        distance: As in `Miner`.
    """

    search_space = {}

    def choose(self, distance, pairs):
        index, valid = semi_hard_index(
            distance, pairs.positives, pairs.negatives
        )
        return of_index(index, valid)


@keras.saving.register_keras_serializable(package="keras_arcface")
class TripletMarginMiner(Miner):
    """Keeps the triplets whose gap, D_an - D_ap, lies within bounds.

        kind "all"         gap <= margin
        kind "hard"        gap <= 0
        kind "semihard"    0 < gap <= margin
        kind "easy"        gap > margin

    These are those of pytorch-metric-learning. A loss goes through them anchor
    by anchor, so that no more than a matrix is held; time is cubic in the
    batch.

    Args:
        margin: Float, in units of the distance. Defaults to `0.2`.
        kind: One of the above. Defaults to `"all"`.
        distance: As in `Miner`.
    """

    search_space = {"margin": Choice((0.05, 0.1, 0.2, 0.4))}

    def __init__(self, margin=0.2, kind="all", distance="euclidean"):
        super().__init__(distance)
        self.margin = check_number("margin", margin)
        self.kind = check_choice(
            "kind", kind, ("all", "hard", "semihard", "easy")
        )

    def choose(self, distance, pairs):
        endless = float("inf")
        low, high = {
            "all": (-endless, self.margin),
            "hard": (-endless, min(0.0, self.margin)),
            "semihard": (0.0, self.margin),
            "easy": (self.margin, endless),
        }[self.kind]
        mined = pairs._replace(gap=(distance, low, high))
        of_positive, of_negative = triplet_counts(distance, mined)
        return {
            "positives": of_positive > 0,
            "negatives": of_negative > 0,
            "gap": mined.gap,
        }

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "kind": self.kind,
        }


@keras.saving.register_keras_serializable(package="keras_arcface")
class DistanceWeightedMiner(Miner):
    """Gives every positive pair a negative, drawn evenly over distances.

    Points on a sphere of many dimensions lie nearly all at a distance of
    sqrt(2). The chance of a negative at the Euclidean distance D is the inverse
    of their density, so that near and far are drawn alike:

        1 / q(D),   q(D) = D^(dim - 2) (1 - D^2 / 4)^((dim - 3) / 2)

    The draw is a function of `seed` and of the embeddings alone: the same on
    every call with the same batch, another one at the next step of training.

    pytorch-metric-learning draws the positives as well; here each takes part
    once.

    Reference:
    - [Wu et al., 2017, section 4.1](https://arxiv.org/abs/1706.07567)

    Args:
        cutoff: Float, the distance below which the chance no longer grows.
            Defaults to `0.5`.
        nonzero_loss_cutoff: Float, the distance from which on a negative is
            never drawn. Defaults to `1.4`.
        seed: Int. Defaults to `0`.
    """

    search_space = {
        "cutoff": Uniform(0.2, 0.8),
        "nonzero_loss_cutoff": Uniform(1.0, 1.8),
    }

    def __init__(self, cutoff=0.5, nonzero_loss_cutoff=1.4, seed=0):
        super().__init__("euclidean")
        self.cutoff = check_number("cutoff", cutoff)
        self.nonzero_loss_cutoff = check_number(
            "nonzero_loss_cutoff", nonzero_loss_cutoff
        )
        self.seed = seed

    def choose(self, distance, pairs):
        log_chance = self._log_chance(distance, pairs.query.shape[-1])
        drawn = pairs.negatives & (distance < self.nonzero_loss_cutoff)
        # To the largest of the row: the rest may vanish, but not the row.
        largest = reduce.masked_max(log_chance, drawn)
        log_chance = log_chance - ops.expand_dims(largest, 1)
        chance = ops.exp(ops.where(drawn, log_chance, reduce.NOTHING))
        some = ops.any(drawn, axis=1, keepdims=True)
        return of_index(
            self._draw(chance, drawn, pairs), pairs.positives & some
        )

    def _draw(self, chance, drawn, pairs):
        """Returns a column for every pair, in proportion to the chances."""
        order = ops.argsort(ops.where(drawn, -chance, 1.0), axis=1)
        cumulated = ops.cumsum(
            ops.take_along_axis(chance, order, axis=1), axis=1
        )
        place = count_below(
            cumulated, self._dice(pairs) * cumulated[:, -1:], inclusive=True
        )
        # Rounding must not lead to a column that is not to be drawn.
        last = ops.sum(ops.cast(drawn, "int32"), axis=1, keepdims=True) - 1
        place = ops.maximum(ops.minimum(place, last), 0)
        return ops.take_along_axis(order, place, axis=1)

    def _log_chance(self, distance, dim):
        distance = ops.maximum(distance, self.cutoff)
        # A negative at D = 2 is never drawn; its logarithm shall be finite.
        height = ops.maximum(1.0 - ops.square(distance) / 4.0, 1e-12)
        return -(dim - 2.0) * ops.log(distance) - (dim - 3.0) / 2.0 * ops.log(
            height
        )

    def _dice(self, pairs):
        """Returns uniform numbers in [0, 1) for all pairs.

        A fixed table, turned for each anchor by what its embedding leaves
        after the comma, when it is much magnified: without state, so the same
        on every backend.
        """
        shape = ops.shape(pairs.positives)
        dtype = pairs.query.dtype
        table = keras.random.uniform(shape, dtype=dtype, seed=self.seed)
        query = numerics.unit(ops.stop_gradient(pairs.query))
        turn = 1e4 * ops.sum(ops.abs(query), axis=1, keepdims=True)
        dice = table + (turn - ops.floor(turn))
        return dice - ops.floor(dice)

    def get_config(self):
        return {
            "cutoff": self.cutoff,
            "nonzero_loss_cutoff": self.nonzero_loss_cutoff,
            "seed": self.seed,
        }


def of_index(index, positives):
    """Returns the fields of `Pairs` for one negative to each positive."""
    return {
        "positives": positives,
        "negatives": chosen_counts(positives, index) > 0,
        "negative_index": index,
    }
