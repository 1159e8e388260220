"""Computes heads on eight devices and on one; prints how far they differ.

Run by test_sharded_head.py in a process of its own, with eight devices.
"""

import contextlib
import json

import family
import jax
import keras
import numpy as np
from keras import ops

from keras_arcface import ArcMarginLayer
from keras_arcface import SphereFace2Layer
from keras_arcface import sharded_centers

CLASSES = family.CLASSES = 16  # Two a device.
DIM, BATCH = 8, 24
RNG = np.random.default_rng(0)
X = (RNG.normal(size=(BATCH, DIM)) * 5).astype("float32")
Y = RNG.integers(0, CLASSES, BATCH).astype("int32")
WEIGHTS = RNG.uniform(0, 2, BATCH).astype("float32")
# What the table of heads leaves out: options, and how the chunks fall.
OPTIONS = {
    "arcface": {"chunk_size": 1},
    "mv_am": {"sub_centers": 3, "label_smoothing": 0.1, "chunk_size": 1},
    "magface": {"label_smoothing": 0.1},
    "curricularface": {"sub_centers": 2, "chunk_size": 0},
}


def two_axes():
    """Returns a distribution over 2 parts of the batch and 4 of classes."""
    mesh = keras.distribution.DeviceMesh((2, 4), ["data", "model"])
    layouts = keras.distribution.LayoutMap(mesh)
    layouts[".*class_centers"] = ("model", None)
    return keras.distribution.ModelParallel(
        layout_map=layouts, batch_dim_name="data"
    )


def make(name, classes=CLASSES, **options):
    if name == "sphereface2":
        options.pop("chunk_size", None)
        head = SphereFace2Layer(classes)
    else:
        margin = family.MAKERS[name]()
        head = ArcMarginLayer(classes, margin, 20.0, **options)
    head.build((None, DIM))
    centers = np.random.default_rng(1).normal(size=head.class_centers.shape)
    head.class_centers.assign(centers)
    return head


def results(head, labels, training):
    """Returns gradients by centres and embeddings, loss, angle and state."""
    trainable = [v.value for v in head.trainable_variables]
    fixed = [v.value for v in head.non_trainable_variables]
    variables = head.trainable_variables + head.non_trainable_variables

    def total(centers, x):
        values = [centers, *trainable[1:], *fixed]
        mapping = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            loss = head.margin_loss(x, labels, training=training)
            angle = head.target_angle(x, labels)
            state = {
                f"state {v.name}": scope.get_current_value(v)
                for v in head.margin.variables
            }
        finite = ops.where(ops.isfinite(loss), loss, 0.0)
        return ops.sum(finite * WEIGHTS), (loss, angle, state)

    gradients, (loss, angle, state) = jax.grad(
        total, argnums=(0, 1), has_aux=True
    )(trainable[0], X)
    names = ("by_centers", "by_embeddings", "loss", "angle")
    found = (*gradients, loss, angle)
    return {**dict(zip(names, found, strict=True)), **state}


def compute(cases, distribution=None, dense=False):
    """Returns the results of all cases, compiled in one go."""
    scope = distribution.scope() if distribution else contextlib.nullcontext()
    with scope:
        heads = {}
        for case, (name, options, _, _) in cases.items():
            chunk = {"chunk_size": 0} if dense else {}
            heads[case] = make(name, **{**options, **chunk})

        def every(labels):
            return {
                case: results(heads[case], labels[case], training)
                for case, (_, _, _, training) in cases.items()
            }

        return jax.jit(every)({case: c[2] for case, c in cases.items()})


def compare(cases, distribution):
    """Returns the largest relative differences to one device, by case."""
    several = compute(cases, distribution)
    one = compute(cases, dense=True)
    return {
        case: {
            "share": share_of_a_device(several[case]["by_centers"]),
            **{what: differ(one[case][what], b) for what, b in found.items()},
        }
        for case, found in several.items()
    }


def differ(one, several):
    one, several = np.asarray(one, "float64"), np.asarray(several, "float64")
    with np.errstate(invalid="ignore"):  # Of inf, which equals inf.
        same = np.where(one == several, 0.0, np.abs(one - several))
    return float(same.max() / max(np.abs(one[np.isfinite(one)]).max(), 1e-3))


def share_of_a_device(array):
    return array.addressable_shards[0].data.shape[0] / array.shape[0]


def refusal(distribution):
    try:
        with distribution.scope():
            make("arcface", classes=10)
    except ValueError as error:
        return str(error)
    return "nothing was refused"


def main():
    unknown = Y.copy()
    unknown[[0, 5]] = -1, CLASSES
    kinds = {n: (n, OPTIONS.get(n, {}), Y, True) for n in family.KINDS}
    others = {
        "binary": ("sphereface2", {}, Y, True),
        "without margin": ("adaface", {}, Y, False),
        "unknown labels": ("arcface", {}, unknown, True),
    }
    two = {"two axes": ("mv_am", OPTIONS["mv_am"], Y, True)}
    found = {
        **compare({**kinds, **others}, sharded_centers()),
        **compare(two, two_axes()),
    }
    print(json.dumps({"cases": found, "refusal": refusal(sharded_centers())}))


if __name__ == "__main__":
    main()
