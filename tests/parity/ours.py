"""Our counterpart of every loss that the originals record.

`tfa()` and `pml()` return functions under the originals' names, of the same
signature: a case's arrays to `{part: array}`. On TensorFlow only: what is
compared is a formula, and the other tests run it on JAX.
"""

import cases
import keras
import numpy as np
import tensorflow as tf

import keras_arcface
from keras_arcface import losses

STEPS = 3  # into which a case is cut for the cross-batch memory


def on(y_true, y_pred, loss):
    """Returns a function of a Keras loss of two of a case's arrays."""

    def function(**arrays):
        prediction = tf.constant(arrays[y_pred])
        with tf.GradientTape() as tape:
            tape.watch(prediction)
            value = loss(tf.constant(arrays[y_true]), prediction)
        return {
            "value": value.numpy(),
            "gradient": tape.gradient(value, prediction).numpy(),
        }

    return function


def on_embeddings(loss):
    return on("labels", "embeddings", loss)


def with_parameters(make, source, attribute):
    """Returns a function of a layer that owns parameters.

    Args:
        make: From the class count to the layer.
        source: The array of the case that the parameters become.
        attribute: Where the layer keeps them.
    """

    def function(embeddings, labels, **arrays):
        layer = make(len(arrays["centers"]))
        layer.build(embeddings.shape)
        variable = getattr(layer, attribute)
        variable.assign(np.reshape(arrays[source], variable.shape))
        points = tf.constant(embeddings)
        with tf.GradientTape() as tape:
            tape.watch(points)
            value = tf.reduce_mean(layer.margin_loss(points, labels))
        gradients = tape.gradient(value, [points, variable.value])
        return {
            "value": value.numpy(),
            "gradient": gradients[0].numpy(),
            "gradient_centers": gradients[1]
            .numpy()
            .reshape(arrays[source].shape),
        }

    return function


def dot_products(embeddings):
    return keras.ops.matmul(embeddings, keras.ops.transpose(embeddings))


def tfa():
    made = {}
    for metric in ("L2", "squared-L2", "angular"):
        made[f"TripletSemiHardLoss({metric})"] = on_embeddings(
            losses.TripletSemiHardLoss(distance_metric=metric)
        )
        made[f"TripletHardLoss({metric})"] = on_embeddings(
            losses.TripletHardLoss(distance_metric=metric)
        )
        made[f"TripletHardLoss({metric}, soft)"] = on_embeddings(
            losses.TripletHardLoss(distance_metric=metric, soft=True)
        )
    made["TripletSemiHardLoss(L2, margin=0.2)"] = on_embeddings(
        losses.TripletSemiHardLoss(margin=0.2)
    )
    made["TripletSemiHardLoss(callable)"] = on_embeddings(
        losses.TripletSemiHardLoss(distance_metric=dot_products)
    )
    made["TripletHardLoss(callable)"] = on_embeddings(
        losses.TripletHardLoss(distance_metric=dot_products)
    )
    for loss in (
        losses.TripletSemiHardLoss,
        losses.TripletHardLoss,
        losses.LiftedStructLoss,
    ):
        made[f"{loss.__name__}(reduction=sum)"] = on_embeddings(
            loss(reduction="sum")
        )
    made["LiftedStructLoss"] = on_embeddings(losses.LiftedStructLoss())
    made["ContrastiveLoss"] = on(
        "is_same", "distances", losses.ContrastiveLoss()
    )
    made["ContrastiveLoss(margin=4)"] = on(
        "is_same", "distances", losses.ContrastiveLoss(margin=4.0)
    )
    made["NpairsLoss"] = on("labels", "similarities", losses.NpairsLoss())
    made["NpairsMultilabelLoss"] = on(
        "multi_hot", "similarities", losses.NpairsMultilabelLoss()
    )
    return made
