"""TensorFlow Addons' own metric-learning losses, on every case.

Runs in the environment of `requirements.txt`, never beside keras_arcface:

    PYTHONPATH=tests/parity python tests/parity/tfa/original.py FOLDER

reads FOLDER/cases.npz and writes FOLDER/tfa.npz.
"""

import platform
import sys
from pathlib import Path

import cases
import numpy as np
import recording
import tensorflow as tf
import tensorflow_addons as tfa


def on(y_true, y_pred, loss):
    """Returns a function that records a loss of two of a case's arrays."""

    def function(**arrays):
        prediction = tf.constant(arrays[y_pred])
        with tf.GradientTape() as tape:
            tape.watch(prediction)
            value = loss(tf.constant(arrays[y_true]), prediction)
        gradient = tape.gradient(value, prediction)
        return {"value": value.numpy(), "gradient": gradient.numpy()}

    return function


def on_embeddings(loss):
    return on("labels", "embeddings", loss)


def dot_products(embeddings):
    return tf.linalg.matmul(embeddings, embeddings, transpose_b=True)


def losses():
    made = {}
    for metric in ("L2", "squared-L2", "angular"):
        made[f"TripletSemiHardLoss({metric})"] = on_embeddings(
            tfa.losses.TripletSemiHardLoss(distance_metric=metric)
        )
        made[f"TripletHardLoss({metric})"] = on_embeddings(
            tfa.losses.TripletHardLoss(distance_metric=metric)
        )
        made[f"TripletHardLoss({metric}, soft)"] = on_embeddings(
            tfa.losses.TripletHardLoss(distance_metric=metric, soft=True)
        )
    made["TripletSemiHardLoss(L2, margin=0.2)"] = on_embeddings(
        tfa.losses.TripletSemiHardLoss(margin=0.2)
    )
    made["TripletSemiHardLoss(callable)"] = on_embeddings(
        tfa.losses.TripletSemiHardLoss(distance_metric=dot_products)
    )
    made["TripletHardLoss(callable)"] = on_embeddings(
        tfa.losses.TripletHardLoss(distance_metric=dot_products)
    )
    made["LiftedStructLoss"] = on_embeddings(tfa.losses.LiftedStructLoss())
    made["ContrastiveLoss"] = on(
        "is_same", "distances", tfa.losses.ContrastiveLoss()
    )
    made["ContrastiveLoss(margin=4)"] = on(
        "is_same", "distances", tfa.losses.ContrastiveLoss(margin=4.0)
    )
    made["NpairsLoss"] = on("labels", "similarities", tfa.losses.NpairsLoss())
    made["NpairsMultilabelLoss"] = on(
        "multi_hot", "similarities", tfa.losses.NpairsMultilabelLoss()
    )
    return made


def losses_with_a_reduction():
    return {
        f"{loss.__name__}(reduction=sum)": on_embeddings(loss(reduction="sum"))
        for loss in (
            tfa.losses.TripletSemiHardLoss,
            tfa.losses.TripletHardLoss,
            tfa.losses.LiftedStructLoss,
        )
    }


def main(folder):
    versions = {
        "python": platform.python_version(),
        "tensorflow-cpu": tf.__version__,
        "tensorflow-addons": tfa.__version__,
        "numpy": np.__version__,
    }
    records = recording.record(losses(), cases.load(folder, cases.PAIRS))
    records |= recording.record(
        losses_with_a_reduction(), cases.load(folder, ["ordinary"])
    )
    recording.save(Path(folder) / "tfa.npz", records, versions, facts={})
    print(f"tfa: {len(records)} arrays")


if __name__ == "__main__":
    main(sys.argv[1])
