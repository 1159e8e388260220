"""The batches on which the originals and ours are compared.

NumPy only: these cases are made once and read from one file by every side, by
TensorFlow Addons on NumPy 1 as by ours on NumPy 2.

    python tests/parity/cases.py FOLDER

Embeddings and centres are small multiples of 1/16 unless a case says
otherwise, so that they mean the same in float16 and float32, and so that sums
of their products are exact in any order: what differs then is the formula.
"""

import sys
from pathlib import Path

import numpy as np

FILE = "cases.npz"
BATCH = 12
MANY = 60
DIM = 8
SUB_CENTERS = 2
SOFT_CENTERS = 3
ZERO_ROW = 5  # of the case zero_vector
LABELS = np.repeat(np.arange(4), 3)

DESCRIPTIONS = {
    "ordinary": "four classes of three, of any length",
    "unit": "the same at length one",
    "uneven": "classes of 1, 2, 4 and 5: one anchor has no positive",
    "many": "sixty samples, twelve classes of five",
    "same_class": "a single class: no negative pair",
    "all_different": "one sample per class: no positive pair",
    "duplicates": "embeddings twice, within a class and across classes",
    "unit_duplicates": "the same at length one, where products round",
    "collapsed": "every embedding the same",
    "antipodal": "embeddings opposite to each other: cosine -1",
    "zero_vector": "one embedding is zero",
    "long": "lengths of about 300: distances past the range of exp",
    "float16": "the ordinary embeddings in float16",
    "on_centre": "embeddings on their centre, theta = 0",
    "near_centre": "theta = 1e-4",
    "before_tail": "theta = pi - 0.5 - 1e-4 for ArcFace's margin of 0.5",
    "past_tail": "theta = pi - 0.5 + 1e-4",
    "opposite": "embeddings opposite to their centre, theta = pi",
}
# On these a loss without centres has only ties to decide.
ANGLES = ("on_centre", "near_centre", "before_tail", "past_tail", "opposite")
PAIRS = tuple(name for name in DESCRIPTIONS if name not in ANGLES)


def make():
    """Returns `{case: {array name: array}}`."""
    rng = np.random.default_rng(20260901)

    def drawn(*shape):
        return np.round(16 * rng.normal(size=shape)).astype("float32") / 16

    ordinary = drawn(BATCH, DIM)
    duplicates = ordinary.copy()
    duplicates[1] = duplicates[0]  # both of class 0
    duplicates[4] = duplicates[8]  # classes 1 and 2
    antipodal = ordinary.copy()
    antipodal[1] = -antipodal[0]
    antipodal[4] = -antipodal[8]
    zero_vector = ordinary.copy()
    zero_vector[ZERO_ROW] = 0
    axes = axis_centers()
    embeddings = {
        "ordinary": ordinary,
        "unit": unit(ordinary),
        "uneven": ordinary,
        "many": rng.normal(size=(MANY, DIM)).astype("float32"),  # no ties
        "same_class": ordinary,
        "all_different": ordinary,
        "duplicates": duplicates,
        "unit_duplicates": unit(duplicates),
        "collapsed": np.tile(ordinary[:1], (BATCH, 1)),
        "antipodal": antipodal,
        "zero_vector": zero_vector,
        "long": 96 * ordinary,
        "float16": ordinary.astype("float16"),
        "on_centre": at_angle(axes, 0.0, rng),
        "near_centre": at_angle(axes, 1e-4, rng),
        "before_tail": at_angle(axes, np.pi - 0.5 - 1e-4, rng),
        "past_tail": at_angle(axes, np.pi - 0.5 + 1e-4, rng),
        "opposite": at_angle(axes, np.pi, rng),
    }
    labels = {
        "uneven": np.repeat(np.arange(4), (1, 2, 4, 5)),
        "many": np.arange(MANY) % BATCH,
        "same_class": np.ones(BATCH, int),
        "all_different": np.arange(BATCH),
    }
    sets = {count: drawn_centers(drawn, count) for count in (4, BATCH)}
    made = {}
    for name in DESCRIPTIONS:
        ids = labels.get(name, LABELS).astype("int32")
        count = max(4, ids.max() + 1)
        centers = dict(sets[count])
        if name in ANGLES:
            centers["centers"] = axes
            centers["sub_centers"] = beside(axes)
        made[name] = {"labels": ids, "embeddings": embeddings[name], **centers}
        made[name] |= derived(name in ("ordinary", "float16"), **made[name])
    return made


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def axis_centers():
    """Returns four centres whose lengths, 1 and 2, are exact."""
    centers = np.zeros((4, DIM), "float32")
    centers[0, 0] = centers[1, 1] = 1
    centers[2, 2:6] = 1
    centers[3, 2:6] = (1, -1, 1, -1)
    return centers


def beside(centers):
    """Returns sub-centres: the centres, and one behind the origin for each."""
    behind = -np.outer(1 + np.arange(len(centers)), 1 + np.arange(DIM) / 10)
    return np.stack([centers, behind], axis=1).reshape(-1, DIM).astype("f4")


def at_angle(centers, angle, rng):
    """Returns embeddings of length two at an angle to their own centre."""
    if angle in (0.0, np.pi):
        sign = 1 if angle == 0.0 else -1
        return sign * 2 * centers[LABELS] / length(centers[LABELS])
    own = unit(centers[LABELS].astype("float64"))
    across = rng.normal(size=own.shape)
    across -= np.sum(across * own, axis=1, keepdims=True) * own
    turned = np.cos(angle) * own + np.sin(angle) * unit(across)
    return (2 * turned).astype("float32")


def length(vectors):
    return np.linalg.norm(vectors, axis=1, keepdims=True)


def drawn_centers(drawn, count):
    return {
        "centers": drawn(count, DIM),
        "sub_centers": drawn(count * SUB_CENTERS, DIM),
        "soft_centers": drawn(count * SOFT_CENTERS, DIM),
        "betas": np.linspace(1.0, 1.4, count).astype("float32"),
    }


def derived(in_half, labels, embeddings, **_):
    """Returns the inputs of losses that take no embeddings."""
    wide = embeddings.astype("float32")
    next_one = np.roll(np.arange(len(labels)), 1)
    distances = length(wide - wide[next_one])[:, 0]
    similarities = wide @ wide.T
    if in_half:  # the same numbers, whichever the dtype
        distances = distances.astype("float16")
        similarities = similarities.astype("float16")
    classes = np.eye(max(4, labels.max() + 1), dtype="int32")
    return {
        "is_same": (labels == labels[next_one]).astype("int32"),
        "distances": distances.astype(embeddings.dtype),
        "similarities": similarities.astype(embeddings.dtype),
        "multi_hot": np.maximum(
            classes[labels], np.roll(classes, 1, axis=0)[labels]
        ),
    }


def save(folder):
    arrays = {
        f"{case}/{name}": array
        for case, named in make().items()
        for name, array in named.items()
    }
    np.savez(Path(folder) / FILE, **arrays)


def load(folder, names=tuple(DESCRIPTIONS)):
    """Returns `{case: {array name: array}}` of the named cases."""
    made = {}
    with np.load(Path(folder) / FILE) as arrays:
        for key in arrays.files:
            case, name = key.split("/")
            made.setdefault(case, {})[name] = arrays[key]
    return {name: made[name] for name in names}


if __name__ == "__main__":
    save(sys.argv[1])
