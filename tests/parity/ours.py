"""Our counterpart of every loss that the originals record.

`tfa()` and `pml()` return functions under the originals' names, of the same
signature: a case's arrays to `{part: array}`. On TensorFlow only: what is
compared is a formula, and the other tests run it on JAX.
"""

import math

import cases
import keras
import numpy as np
import tensorflow as tf

import keras_arcface
from keras_arcface import losses
from keras_arcface import margins
from keras_arcface import numerics
from keras_arcface.evaluation.sub_centers import assign_sub_centers
from keras_arcface.losses.pairs import make_pairs

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
        of_centers = tf.reshape(gradients[1], arrays[source].shape).numpy()
        return {
            "value": value.numpy(),
            "gradient": gradients[0].numpy(),
            "gradient_centers": of_centers,
            "bytes_of_centers": np.array(variable.numpy().itemsize),
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


def _with_centers(margin, scale=64.0, sub_centers=1):
    def make(count):
        return keras_arcface.ArcMarginLayer(
            count, margin, scale, sub_centers=sub_centers
        )

    source = "centers" if sub_centers == 1 else "sub_centers"
    return with_parameters(make, source, "class_centers")


def margin_softmax():
    # Past pi - margin pytorch-metric-learning continues with MXNet's line.
    arcface = margins.ArcFace(0.5, tail="linear")
    return {
        "ArcFaceLoss": _with_centers(arcface),
        "ArcFaceLoss(scale=16)": _with_centers(arcface, 16.0),
        "ArcFaceLoss(tail)": _with_centers(0.5),
        "ArcFaceLoss(margin=0.5)": _with_centers(0.5),
        "ArcFaceLoss(margin=0.5 degrees)": _with_centers(math.radians(0.5)),
        "CosFaceLoss": _with_centers(margins.CosFace(0.35)),
        "SphereFaceLoss": _with_centers(margins.ASoftmax(4, annealing=0.0)),
        "NormalizedSoftmaxLoss": _with_centers(None, 1 / 0.05),
        "CircleLoss(class level)": without_bytes(
            _with_centers(margins.Circle(0.25), 64.0)
        ),
        "SubCenterArcFaceLoss": _with_centers(
            arcface, sub_centers=cases.SUB_CENTERS
        ),
        "SubCenterArcFaceLoss.get_outliers": outliers,
    }


def without_bytes(function):
    """The original got its centres as an input, not as its own weights."""

    def parts(**arrays):
        made = function(**arrays)
        del made["bytes_of_centers"]
        return made

    return parts


def outliers(embeddings, labels, sub_centers, **_):
    found = assign_sub_centers(
        embeddings, labels, sub_centers, cases.SUB_CENTERS
    )
    present = np.unique(labels)
    rows = present * cases.SUB_CENTERS + found.dominant[present]
    return {"outliers": ~found.clean(75.0), "dominant": sub_centers[rows]}


def pair_losses():
    triplet = losses.TripletLoss
    return {
        "TripletMarginLoss(euclidean)": on_embeddings(
            triplet(0.2, distance="euclidean")
        ),
        "TripletMarginLoss(squared)": on_embeddings(
            triplet(0.2, distance="squared_euclidean")
        ),
        "TripletMarginLoss(cosine)": on_embeddings(
            triplet(0.2, distance="cosine")
        ),
        "ContrastiveLoss": on_embeddings(losses.PairContrastiveLoss()),
        "ContrastiveLoss(0.2, 0.8)": on_embeddings(
            losses.PairContrastiveLoss(0.2, 0.8)
        ),
        "NTXentLoss": on_embeddings(losses.NTXentLoss()),
        "NTXentLoss(temperature=0.5)": on_embeddings(
            losses.NTXentLoss(temperature=0.5)
        ),
        "SupConLoss": on_embeddings(losses.SupConLoss()),
        "MultiSimilarityLoss": on_embeddings(losses.MultiSimilarityLoss()),
        "FastAPLoss": on_embeddings(losses.FastAPLoss()),
        "FastAPLoss(num_bins=25)": on_embeddings(
            losses.FastAPLoss(num_bins=25)
        ),
        "SignalToNoiseRatioContrastiveLoss": on_embeddings(
            losses.SNRContrastiveLoss()
        ),
        "MarginLoss": on_embeddings(losses.MarginLoss()),
        "NPairsLoss": n_pairs,
        "LiftedStructureLoss": on_embeddings(losses.LiftedStructLoss()),
    }


def n_pairs(embeddings, labels, **_):
    """The original's choice: the first two samples of every class."""
    points = tf.constant(embeddings)
    rows = [np.flatnonzero(labels == each)[:2] for each in np.unique(labels)]
    first, second = np.array([pair for pair in rows if len(pair) == 2]).T
    with tf.GradientTape() as tape:
        tape.watch(points)
        sphere = numerics.unit(points)
        anchors = tf.gather(sphere, first)
        positives = tf.gather(sphere, second)
        similarity = tf.matmul(anchors, positives, transpose_b=True)
        value = losses.NpairsLoss()(np.arange(len(first)), similarity)
    gradient = tf.convert_to_tensor(tape.gradient(value, points))
    return {"value": value.numpy(), "gradient": gradient.numpy()}


def _with_proxies(make, source="centers"):
    return with_parameters(make, source, "proxies")


def proxy_losses():
    soft = {"centers": cases.SOFT_CENTERS}
    return {
        "ProxyNCALoss": _with_proxies(losses.ProxyNCA),
        "ProxyNCALoss(softmax_scale=3)": _with_proxies(
            lambda count: losses.ProxyNCA(count, scale=3.0)
        ),
        "ProxyAnchorLoss": _with_proxies(losses.ProxyAnchor),
        "SoftTripleLoss": _with_proxies(
            lambda count: losses.SoftTriple(count, **soft), "soft_centers"
        ),
        "SoftTripleLoss(regularizer)": _with_proxies(
            lambda count: losses.SoftTriple(count, tau=0.2, **soft),
            "soft_centers",
        ),
        "MarginLoss(class betas, nu=0)": with_parameters(
            losses.ClassMarginLoss, "betas", "betas"
        ),
        "MarginLoss(class betas, nu=0.1)": with_parameters(
            lambda count: losses.ClassMarginLoss(count, nu=0.1),
            "betas",
            "betas",
        ),
    }


def losses_after_miners():
    made = {
        f"TripletMarginLoss({kind} miner)": losses.TripletLoss(
            0.2, "euclidean", losses.TripletMarginMiner(kind=kind)
        )
        for kind in ("all", "hard", "semihard")
    }
    made["TripletMarginLoss(batch-hard miner)"] = losses.TripletLoss(
        0.2, "euclidean", losses.BatchHardMiner()
    )
    made["MarginLoss(semihard miner)"] = losses.MarginLoss(
        miner=losses.TripletMarginMiner(kind="semihard")
    )
    made["MultiSimilarityLoss(miner)"] = losses.MultiSimilarityLoss(
        miner=losses.MultiSimilarityMiner()
    )
    made["ContrastiveLoss(triplet miner)"] = losses.PairContrastiveLoss(
        miner=losses.TripletMarginMiner(kind="semihard")
    )
    made["ContrastiveLoss(pair miner)"] = losses.PairContrastiveLoss(
        miner=losses.PairMarginMiner()
    )
    return {name: on_embeddings(loss) for name, loss in made.items()}


def mined(miner, of_triplets=False):
    """Returns a function of what a miner chose, as masks."""

    def function(embeddings, labels, **_):
        pairs = miner.mine(make_pairs(embeddings, labels))
        positives = keras.ops.convert_to_numpy(pairs.positives)
        negatives = keras.ops.convert_to_numpy(pairs.negatives)
        if of_triplets:
            return {"triplets": _triplets(pairs, positives, negatives)}
        return {"positives": positives, "negatives": negatives}

    return function


def _triplets(pairs, positives, negatives):
    """Returns the bool cube (anchor, positive, negative)."""
    every = positives[:, :, None] & negatives[:, None, :]
    if pairs.negative_index is None and pairs.gap is None:
        return every
    if pairs.negative_index is not None:
        index = keras.ops.convert_to_numpy(pairs.negative_index)
        return every & np.eye(len(positives), dtype=bool)[index]
    distance, low, high = pairs.gap
    distance = keras.ops.convert_to_numpy(distance)
    gap = distance[:, None, :] - distance[:, :, None]
    return every & (gap > low) & (gap <= high)


def mined_pairs():
    made = {
        f"TripletMarginMiner({kind})": mined(
            losses.TripletMarginMiner(kind=kind), of_triplets=True
        )
        for kind in ("all", "hard", "semihard")
    }
    made["BatchHardMiner"] = mined(losses.BatchHardMiner(), of_triplets=True)
    made["MultiSimilarityMiner"] = mined(losses.MultiSimilarityMiner())
    made["PairMarginMiner"] = mined(losses.PairMarginMiner())
    return made


def with_memory(loss):
    """Returns a function of a cross-batch memory over batches.

    It holds two of the three batches: the third overwrites the first.
    """

    def function(embeddings, labels, **_):
        head = losses.CrossBatchMemory(loss, len(labels) // STEPS * 2)
        points = tf.constant(embeddings)
        values = []
        with tf.GradientTape() as tape:
            tape.watch(points)
            for step in range(STEPS):
                rows = np.arange(step, len(labels), STEPS)
                each = head.margin_loss(tf.gather(points, rows), labels[rows])
                values.append(tf.reduce_mean(each))
            total = sum(values)
        gradient = tf.convert_to_tensor(tape.gradient(total, points))
        return {
            "value": np.array([value.numpy() for value in values]),
            "gradient": gradient.numpy(),
        }

    return function


def memories():
    made = {
        "ContrastiveLoss": losses.PairContrastiveLoss(),
        "MultiSimilarityLoss": losses.MultiSimilarityLoss(),
        "NTXentLoss": losses.NTXentLoss(),
        "SupConLoss": losses.SupConLoss(),
        "TripletMarginLoss": losses.TripletLoss(0.05, "euclidean"),
    }
    return {
        f"CrossBatchMemory({name})": with_memory(loss)
        for name, loss in made.items()
    }


def pml():
    return (
        margin_softmax()
        | proxy_losses()
        | pair_losses()
        | losses_after_miners()
        | mined_pairs()
        | memories()
    )


class OnePair(losses.Miner):
    """Keeps (0, 1) as the positive pair and (0, 2) as the negative one."""

    def choose(self, distance, pairs):
        rows = np.arange(3)
        first = rows[:, None] == 0
        return {
            "positives": pairs.positives & first & (rows == 1),
            "negatives": pairs.negatives & first & (rows == 2),
        }


def facts():
    """Returns ours of what `deviations.FACTS` says."""
    axes = np.eye(4, dtype="float32")
    one_pair = losses.PairContrastiveLoss(miner=OnePair())
    memory = losses.CrossBatchMemory(losses.MultiSimilarityLoss(), 2)
    memory.margin_loss(axes[:1], np.array([0]))
    second = memory.margin_loss(axes[1:2], np.array([0]))
    return {
        "ContrastiveLoss of one mined pair": float(
            one_pair(np.array([0, 0, 1]), axes[:3])
        ),
        "CrossBatchMemory of one sample a batch": float(second[0]),
    }
