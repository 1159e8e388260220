"""Margins drawn at random, sample by sample (ElasticFace)."""

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.margins.arcface import TAILS
from keras_arcface.margins.arcface import arcface
from keras_arcface.margins.checks import check_angle
from keras_arcface.margins.checks import check_choice
from keras_arcface.margins.checks import check_number
from keras_arcface.margins.cosface import check_cosine_margin
from keras_arcface.margins.cosface import cosface
from keras_arcface.margins.margin import Margin
from keras_arcface.ranges import LogUniform
from keras_arcface.ranges import Uniform

PLUS = (None, "paper", "reference")
_DEFAULT_MARGIN = {"arc": 0.5, "cos": 0.35}


def assign_margins(margins, cosine, plus="paper"):
    """Returns drawn margins, handed out by how hard the samples are.

    Args:
        margins: Float tensor `(batch,)`, as drawn.
        cosine: Float tensor `(batch,)`, target cosines.
        plus: `"paper"`: the sample with the lowest cosine gets the largest
            margin. `"reference"`: as the released code does, which indexes by
            the order instead of by the rank and thereby hands them out
            without regard to the cosine.

    Returns:
        Float tensor `(batch,)`.
    """
    rising = ops.sort(margins)
    order = ops.argsort(-cosine)  # From the easiest sample to the hardest.
    if plus == "reference":
        return ops.take(rising, order)
    return ops.take(rising, ops.argsort(order))


@keras.saving.register_keras_serializable(package="keras_arcface")
class ElasticFace(Margin):
    """ArcFace or CosFace with a margin drawn for every sample anew.

        margin_i ~ Normal(margin, deviation)

    Leaves classes room where a fixed margin asks too much. The "+" of the
    paper gives the largest of the batch's margins to the hardest sample; the
    released code has an index the wrong way round there, which
    `plus="reference"` reproduces. The random state is saved with the layer.

    The strength scales the drawn margins.

    Args:
        kind: `"arc"` (radians) or `"cos"` (units of cosine). Defaults to
            `"arc"`.
        margin: Mean of the margins. Defaults to 0.5 for `"arc"`, 0.35 for
            `"cos"`.
        deviation: Float >= 0. Defaults to `0.05`; the paper's "+" has 0.0175
            for `"arc"` and 0.02 for `"cos"`.
        plus: None, `"paper"` or `"reference"`. Defaults to `None`.
        tail: For `"arc"`, as of `ArcFace`. Defaults to `"raw"`, as the paper.
        seed: Int or None.
        **kwargs: Of `Margin`.

    Raises:
        ValueError: for a value outside its range or an unknown option.

    Reference:
    - [Boutros et al., 2022](https://arxiv.org/abs/2109.09416)
    """

    search_space = {
        "margin": Uniform(0.05, 0.7),
        "deviation": LogUniform(0.01, 0.1),
    }

    keeps_state = True

    def __init__(
        self,
        kind="arc",
        margin=None,
        deviation=0.05,
        plus=None,
        tail="raw",
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.kind = check_choice("kind", kind, tuple(_DEFAULT_MARGIN))
        check = check_angle if kind == "arc" else check_cosine_margin
        margin = _DEFAULT_MARGIN[kind] if margin is None else margin
        self.margin = check(margin)
        self.deviation = check_number("deviation", deviation, 0.0)
        self.plus = check_choice("plus", plus, PLUS)
        self.tail = check_choice("tail", tail, TAILS)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, cosine, labels=None, norm=None, draw=None):
        draw = self.draw(cosine) if draw is None else draw
        return self.penalize(cosine, ops.convert_to_tensor(self.strength), draw)

    def draw(self, cosine):
        """Returns a margin for every sample, `(batch,)`."""
        margins = keras.random.normal(
            ops.shape(cosine),
            self.margin,
            self.deviation,
            dtype=cosine.dtype,
            seed=self.seed_generator,
        )
        if self.plus is None:
            return margins
        return assign_margins(margins, ops.stop_gradient(cosine), self.plus)

    def penalize(self, cosine, strength=1.0, margins=None):
        """Returns the penalised cosines under `margins` (`None`: the mean)."""
        cosine = numerics.at_least_float32(cosine)
        margins = self.margin if margins is None else margins
        if self.kind == "arc":
            return arcface(cosine, margins * strength, self.tail)
        return cosface(cosine, margins * strength)

    def save_own_variables(self, store):
        super().save_own_variables(store)
        # Keras leaves the state of random generators out of its files.
        store["seed_state"] = self.seed_generator.state

    def load_own_variables(self, store):
        if len(store.keys()) > 0:
            self.seed_generator.state.assign(store["seed_state"])
            self.strength.assign(store["0"])

    def get_config(self):
        return {
            **super().get_config(),
            "kind": self.kind,
            "margin": self.margin,
            "deviation": self.deviation,
            "plus": self.plus,
            "tail": self.tail,
            "seed": self.seed,
        }
