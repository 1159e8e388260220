"""Where ours differs from an original, on purpose.

Each entry says what the original does and what ours does instead, part by
part, and both are tested: one that no longer deviates fails. Parts that an
entry does not name must agree as everywhere.
"""

import math
from dataclasses import dataclass
from dataclasses import field

import cases
import numpy as np

# Of an array, and of the other side's.
CHECKS = {
    "NaN": lambda array, other: np.isnan(array).any(),
    "infinite": lambda array, other: np.isinf(array).any(),
    "above 1000": lambda array, other: np.abs(array).max() > 1000,
    "zero": lambda array, other: not array.any(),
    "not zero": lambda array, other: array.any(),
    "finite": lambda array, other: np.isfinite(array).all(),
    "half": lambda array, other: array == 2,
    "float32": lambda array, other: array == 4,
    "theirs and more": lambda array, other: array[other].all(),
    "theirs times the batch": lambda array, other: np.allclose(
        array, len(cases.LABELS) * other, rtol=1e-5
    ),
    "theirs, and 0 for the zero vector": lambda array, other: (
        not array[cases.ZERO_ROW].any()
        and np.allclose(
            np.delete(array, cases.ZERO_ROW, axis=0),
            np.delete(other, cases.ZERO_ROW, axis=0),
            rtol=1e-4,
            atol=1e-6,
        )
    ),
}


@dataclass(frozen=True)
class Deviation:
    """One thing that an original does and ours does not.

    Args:
        original: `"tfa"` or `"pml"`.
        losses: Names of losses.
        cases: Names of cases.
        theirs: `{part: name of a check}`, what the original gives.
        ours: The same for ours.
        reason: Why, in a sentence or two.
        together: What to call the losses, where they are many.
    """

    original: str
    losses: tuple
    cases: tuple
    theirs: dict
    ours: dict
    reason: str
    together: str = ""
    parts: tuple = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "parts", tuple(self.theirs))


NONE = Deviation("", (), (), {}, {}, "")

BOTH = ("value", "gradient")


def both(check):
    """Returns the same check for the value and the gradient."""
    return dict.fromkeys(BOTH, check)


# === TensorFlow Addons ===

METRICS = ("L2", "squared-L2", "angular", "callable")
SEMI_HARD = (
    *(f"TripletSemiHardLoss({metric})" for metric in METRICS),
    "TripletSemiHardLoss(L2, margin=0.2)",
)
SOFT = tuple(f"TripletHardLoss({metric}, soft)" for metric in METRICS[:3])
HARD = (*(f"TripletHardLoss({metric})" for metric in METRICS[:3]), *SOFT)
REDUCED = tuple(
    f"{name}(reduction=sum)"
    for name in ("TripletSemiHardLoss", "TripletHardLoss", "LiftedStructLoss")
)
ON_THE_SPHERE = (
    "TripletSemiHardLoss(angular)",
    "TripletHardLoss(angular)",
    "TripletHardLoss(angular, soft)",
)
TIES = (
    "Of several equally near negatives Addons gives each a share of the "
    "gradient; ours chooses one. The value is the same."
)

OF_ADDONS = [
    Deviation(
        "tfa",
        REDUCED,
        ("ordinary",),
        both("finite"),
        both("theirs times the batch"),
        "Addons swallows `reduction=` and gives the mean; ours sums.",
    ),
    Deviation(
        "tfa",
        SEMI_HARD,
        ("all_different",),
        both("NaN"),
        both("zero"),
        "0/0 without a positive pair, and NaN weights after the step.",
    ),
    Deviation(
        "tfa",
        SEMI_HARD,
        ("same_class",),
        both("not zero"),
        both("zero"),
        "Without a negative there is no triplet; Addons takes the anchor "
        "itself for the negative and gives margin + D_ap.",
    ),
    Deviation(
        "tfa",
        SEMI_HARD,
        ("duplicates", "unit_duplicates"),
        {"gradient": "finite"},
        {"gradient": "finite"},
        TIES,
    ),
    Deviation(
        "tfa",
        ("TripletSemiHardLoss(callable)",),
        ("collapsed", "zero_vector"),
        {"gradient": "finite"},
        {"gradient": "finite"},
        TIES,
    ),
    Deviation(
        "tfa",
        HARD,
        ("same_class",),
        {"value": "not zero"},
        {"value": "zero"},
        "Without a negative there is no triplet; Addons takes the farthest "
        "positive for one and gives the margin, a constant.",
    ),
    Deviation(
        "tfa",
        ("TripletHardLoss(callable)",),
        ("same_class",),
        both("not zero"),
        both("zero"),
        "The same; where a distance can be negative, with a gradient.",
    ),
    Deviation(
        "tfa",
        (*SOFT, "TripletHardLoss(angular)"),
        ("all_different",),
        both("not zero"),
        both("zero"),
        "Without a positive there is no triplet; Addons takes the anchor "
        "itself for the positive and pushes the nearest negative away.",
    ),
    Deviation(
        "tfa",
        ("TripletHardLoss(callable)",),
        ("all_different",),
        {"value": "not zero"},
        {"value": "zero"},
        "The same; where a distance can be negative, it gives the margin.",
    ),
    Deviation(
        "tfa",
        ("TripletHardLoss(callable)",),
        ("uneven",),
        both("finite"),
        both("finite"),
        "For an anchor without a positive D_ap is the row's least entry in "
        "Addons, 0 in ours; of a distance that is the same.",
    ),
    Deviation(
        "tfa",
        ("TripletHardLoss(callable)",),
        ("zero_vector",),
        {"gradient": "finite"},
        {"gradient": "finite"},
        "Where the farthest positive is at the row's least entry, Addons loses "
        "part of the gradient to entries that are masked out.",
    ),
    Deviation(
        "tfa",
        ("TripletHardLoss(L2, soft)", "TripletHardLoss(squared-L2, soft)"),
        ("long",),
        {"value": "infinite", "gradient": "NaN"},
        both("finite"),
        "log1p(exp(x)) overflows past x = 88; ours is softplus(x).",
    ),
    Deviation(
        "tfa",
        ON_THE_SPHERE,
        ("zero_vector",),
        {"gradient": "above 1000"},
        {"gradient": "theirs, and 0 for the zero vector"},
        "A vector without direction is pushed by 1 / epsilon; in ours it has "
        "no gradient.",
    ),
    Deviation(
        "tfa",
        ("LiftedStructLoss",),
        ("all_different", "same_class"),
        both("NaN"),
        both("zero"),
        "0/0 without a positive pair, 0 * log(0) without a negative one.",
    ),
    Deviation(
        "tfa",
        ("LiftedStructLoss",),
        ("long",),
        both("NaN"),
        both("finite"),
        "The exponentials are shifted by a maximum that is too low where "
        "distances are large, and overflow.",
    ),
]

# === pytorch-metric-learning ===

ARCFACE = ("ArcFaceLoss", "ArcFaceLoss(scale=16)")
MARGIN_SOFTMAX = (
    *ARCFACE,
    "CosFaceLoss",
    "NormalizedSoftmaxLoss",
    "SubCenterArcFaceLoss",
)
PROXIES = (
    "ProxyNCALoss",
    "ProxyNCALoss(softmax_scale=3)",
    "ProxyAnchorLoss",
    "SoftTripleLoss",
    "SoftTripleLoss(regularizer)",
)
BY_COSINE = (
    "NTXentLoss",
    "NTXentLoss(temperature=0.5)",
    "SupConLoss",
    "MultiSimilarityLoss",
)
BY_DISTANCE = (
    "TripletMarginLoss(euclidean)",
    "TripletMarginLoss(squared)",
    "TripletMarginLoss(cosine)",
    "ContrastiveLoss",
    "ContrastiveLoss(0.2, 0.8)",
    "FastAPLoss",
    "FastAPLoss(num_bins=25)",
    "MarginLoss",
    "MarginLoss(class betas, nu=0)",
    "MarginLoss(class betas, nu=0.1)",
)
MINED = (
    "ContrastiveLoss(pair miner)",
    "MultiSimilarityLoss(miner)",
    "TripletMarginLoss(all miner)",
    "TripletMarginLoss(hard miner)",
    "TripletMarginLoss(semihard miner)",
)
MEMORIES = tuple(
    f"CrossBatchMemory({name})"
    for name in (
        "ContrastiveLoss",
        "MultiSimilarityLoss",
        "NTXentLoss",
        "SupConLoss",
        "TripletMarginLoss",
    )
)
GRADIENTS = ("gradient", "gradient_centers")
OF_PML = [
    Deviation(
        "pml",
        (*ARCFACE, "SubCenterArcFaceLoss"),
        ("on_centre", "near_centre"),
        dict.fromkeys(GRADIENTS, "NaN"),
        dict.fromkeys(GRADIENTS, "finite"),
        "arccos is not differentiable at +-1, which float32 reaches at "
        "theta = 1e-4; ours clips the cosine to 1 - 1e-7.",
    ),
    Deviation(
        "pml",
        ARCFACE,
        ("opposite",),
        dict.fromkeys(GRADIENTS, "NaN"),
        dict.fromkeys(GRADIENTS, "finite"),
        "The same at theta = pi.",
    ),
    Deviation(
        "pml",
        ("SphereFaceLoss",),
        ("near_centre",),
        dict.fromkeys(GRADIENTS, "finite"),
        dict.fromkeys(GRADIENTS, "finite"),
        "Ours clips the cosine to 1 - 1e-7: within 4e-4 rad of the centre the "
        "target gives no gradient, which would be of the size of theta.",
    ),
    Deviation(
        "pml",
        ("ArcFaceLoss(margin=0.5)",),
        ("ordinary",),
        dict.fromkeys(("value", *GRADIENTS), "finite"),
        dict.fromkeys(("value", *GRADIENTS), "finite"),
        "The original's margin is in degrees, and takes 0.5 for 0.0087 rad; "
        "ours is in radians and refuses what looks like degrees.",
    ),
    Deviation(
        "pml",
        ("ArcFaceLoss(tail)",),
        ("past_tail",),
        dict.fromkeys(("value", *GRADIENTS), "finite"),
        dict.fromkeys(("value", *GRADIENTS), "finite"),
        "Past theta = pi - m the original jumps to cos(theta) - m sin(m); ours "
        'reflects, by default. `tail="linear"` agrees, and is what is '
        "compared elsewhere.",
    ),
    Deviation(
        "pml",
        (*MARGIN_SOFTMAX, "SphereFaceLoss", *PROXIES),
        ("float16",),
        {"bytes_of_centers": "half"},
        {"bytes_of_centers": "float32"},
        "One batch in float16 turns the stored centres into float16 for good; "
        "ours stay float32.",
        "every loss with centres or proxies",
    ),
    Deviation(
        "pml",
        (
            *MARGIN_SOFTMAX,
            *PROXIES,
            *BY_COSINE,
            *BY_DISTANCE,
            "CircleLoss(class level)",
            *MINED,
            *MEMORIES,
        ),
        ("zero_vector",),
        {"gradient": "above 1000"},
        {"gradient": "theirs, and 0 for the zero vector"},
        "A vector without direction is pushed by 1 / epsilon, up to 3e12; in "
        "ours it has no gradient.",
        "every loss on unit embeddings",
    ),
    Deviation(
        "pml",
        ("SignalToNoiseRatioContrastiveLoss",),
        ("zero_vector",),
        {"value": "infinite", "gradient": "NaN"},
        both("finite"),
        "Division by the variance of the anchor; in ours an anchor without "
        "variance is at distance 0 of everything.",
    ),
    Deviation(
        "pml",
        ("NTXentLoss", "CrossBatchMemory(NTXentLoss)"),
        ("float16",),
        both("finite"),
        both("finite"),
        "log(x + 6e-5) in half is cut off at 9.7; ours has no cut.",
    ),
    Deviation(
        "pml",
        ("TripletMarginLoss(batch-hard miner)",),
        ("zero_vector",),
        {"gradient": "above 1000"},
        {"gradient": "finite"},
        "The gradient of a zero vector is 1 / epsilon.",
    ),
    Deviation(
        "pml",
        ("ContrastiveLoss(triplet miner)",),
        ("ordinary",),
        both("finite"),
        both("finite"),
        "A pair that stands in several mined triplets counts as often in the "
        "original, once in ours.",
    ),
]


@dataclass(frozen=True)
class Fact:
    """A defect of pytorch-metric-learning that is no value on a case.

    Args:
        name: What is called.
        theirs: What the original gives.
        ours: What ours gives, or None where ours has nothing of the kind.
        text: Why.
    """

    name: str
    theirs: object
    ours: object
    text: str


FACTS = [
    Fact(
        "SubCenterArcFaceLoss(2, 4)",
        "KeyError",
        None,
        "its first two arguments go by keyword only",
    ),
    Fact(
        "get_outliers(return_dominant_centers=False)",
        "tuple",
        None,
        "it returns the centres all the same",
    ),
    Fact(
        "ContrastiveLoss of one mined pair",
        0.0,
        math.sqrt(2),
        "of a miner's choice of one positive and one negative pair every loss "
        "on pairs gives zero",
    ),
    Fact(
        "CrossBatchMemory of one sample a batch",
        math.log(1 + math.exp(1) + math.exp(-1)) / 2,
        math.log(1 + math.exp(1)) / 2,
        "the sample is its own positive; two orthogonal ones of a class, "
        "MultiSimilarityLoss",
    ),
]

DEVIATIONS = [*OF_ADDONS, *OF_PML]


def find(original, loss, case):
    """Returns the deviation declared for a loss on a case, or `NONE`."""
    found = [
        deviation
        for deviation in DEVIATIONS
        if deviation.original == original
        and loss in deviation.losses
        and case in deviation.cases
    ]
    if len(found) > 1:
        raise ValueError(f"{original} {loss} {case} is declared twice.")
    return found[0] if found else NONE
