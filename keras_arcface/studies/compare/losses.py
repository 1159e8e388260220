"""The losses of the family as candidates of a comparison."""

import keras

from keras_arcface import losses
from keras_arcface import margins
from keras_arcface import numerics
from keras_arcface.layers import ArcMarginLayer
from keras_arcface.layers import SphereFace2Layer
from keras_arcface.layers import UniFaceLayer
from keras_arcface.losses import distances
from keras_arcface.losses.head import embedding_dim
from keras_arcface.ranges import Choice
from keras_arcface.ranges import LogUniform
from keras_arcface.studies.compare.candidate import CENTERS_RATE
from keras_arcface.studies.compare.candidate import Candidate
from keras_arcface.studies.compare.candidate import Objective

# What a loss's own weights learn at, as a multiple of the network's rate: the
# Reality Check searches it for every loss that has any.
CENTERS_RATES = LogUniform(0.3, 30.0)

ON_LOGITS = "the same loss on the logits of an ArcMarginLayer"
BASE = "a base class, no loss"
EXCEPTIONS = {
    "Margin": BASE,
    "BinaryHead": BASE,
    "CenterTerm": BASE,
    "EmbeddingHead": BASE,
    "PairLoss": BASE,
    "Miner": BASE,
    "MarginSoftmaxLoss": ON_LOGITS,
    "ArcFaceLoss": ON_LOGITS,
    "CosFaceLoss": ON_LOGITS,
    "NormSoftmaxLoss": ON_LOGITS,
    "NpairsMultilabelLoss": "for pictures with several labels; with one it is "
    "NpairsLoss",
}
"""Public classes of the family that are no candidates, and why."""


class PlainSoftmax(losses.EmbeddingHead):
    """A dense layer with softmax cross entropy, on embeddings of any length.

    Args:
        num_classes: Int > 1.
        **kwargs: Of `keras.layers.Layer`.
    """

    def __init__(self, num_classes, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.dense = keras.layers.Dense(num_classes, dtype="float32")

    def build(self, embeddings_shape, labels_shape=None):
        self.dense.build((None, embedding_dim(embeddings_shape)))

    def logits(self, embeddings):
        return self.dense(embeddings)

    def sample_losses(self, embeddings, labels, training):
        return keras.losses.sparse_categorical_crossentropy(
            labels, self.logits(embeddings), from_logits=True
        )


def candidates() -> dict[str, Candidate]:
    """Returns all candidates by name, the baselines first."""
    return dict(_CANDIDATES)


def _baselines():
    rates = {CENTERS_RATE: CENTERS_RATES}
    yield Candidate("raw", "baseline")
    yield Candidate("untrained", "baseline")
    yield Candidate("softmax", "baseline", rates, _of_layer(PlainSoftmax))


def _class_losses():
    m = margins
    yield _softmax("norm_softmax", m.NoMargin)
    yield _softmax("arcface", m.ArcFace)
    yield _softmax("cosface", m.CosFace)
    yield _softmax("sphereface", m.SphereFace)
    yield _softmax("combined", m.Combined)
    yield _softmax("a_softmax", m.ASoftmax, own_scale=True)
    yield _softmax("li_arcface", m.LiArcFace)
    yield _softmax("adacos", m.AdaCos, own_scale=True)
    yield _softmax("adacos_fixed", m.AdaCos, own_scale=True, dynamic=False)
    yield _softmax("curricularface", m.CurricularFace)
    yield _softmax("mv_arc", m.MVSoftmax, kind="arc")
    yield _softmax("mv_am", m.MVSoftmax, kind="am")
    yield _softmax("adaface", m.AdaFace)
    yield _softmax("magface", m.MagFace)
    yield _softmax("elastic_arc", m.ElasticFace, kind="arc")
    yield _softmax("elastic_cos", m.ElasticFace, kind="cos")
    yield _softmax("elastic_arc_plus", m.ElasticFace, kind="arc", plus="paper")
    yield _softmax("elastic_cos_plus", m.ElasticFace, kind="cos", plus="paper")
    yield _softmax("circle", m.Circle)
    yield _per_class_margins("per_class")
    yield _sub_centers("arcface_sub_centers")
    yield _with_term("norm_softmax_intra", losses.IntraLoss)
    yield _with_term("norm_softmax_inter", losses.InterLoss)
    yield _with_term("norm_softmax_energy", losses.HypersphericalEnergy)
    yield _head("sphereface2", SphereFace2Layer)
    yield _head("uniface", UniFaceLayer)
    yield _head("proxy_nca", losses.ProxyNCA)
    yield _head("proxy_anchor", losses.ProxyAnchor)
    yield _head("soft_triple", losses.SoftTriple)


def _pair_losses():
    of = losses
    yield _pairs("contrastive", of.PairContrastiveLoss)
    yield _pairs(
        "contrastive_mined", of.PairContrastiveLoss, of.PairMarginMiner
    )
    yield _pairs("contrastive_squared", of.ContrastiveLoss, call=_of_distances)
    yield _pairs("snr_contrastive", of.SNRContrastiveLoss)
    yield _pairs("triplet", of.TripletLoss)
    yield _pairs("triplet_batch_hard", of.TripletLoss, of.BatchHardMiner)
    yield _pairs("triplet_semihard", of.TripletLoss, of.SemiHardMiner)
    yield _pairs(
        "triplet_within_margin",
        of.TripletLoss,
        of.TripletMarginMiner,
        kind="semihard",
    )
    yield _pairs("triplet_angular", of.AngularTripletLoss)
    yield _pairs("triplet_semihard_addons", of.TripletSemiHardLoss, call=_unit)
    yield _pairs("triplet_hard_addons", of.TripletHardLoss, call=_unit)
    yield _pairs("lifted_struct", of.LiftedStructLoss)
    yield _pairs("n_pairs", of.NpairsLoss, call=_of_similarities)
    yield _pairs("nt_xent", of.NTXentLoss)
    yield _pairs("sup_con", of.SupConLoss)
    yield _pairs("multi_similarity", of.MultiSimilarityLoss)
    yield _pairs(
        "multi_similarity_mined",
        of.MultiSimilarityLoss,
        of.MultiSimilarityMiner,
    )
    yield _pairs("fast_ap", of.FastAPLoss)
    yield _pairs("margin", of.MarginLoss, of.DistanceWeightedMiner)
    yield _class_margin("margin_per_class")
    yield _memory("contrastive_memory")


def _softmax(name, kind, /, own_scale=False, **fixed):
    """A margin in an `ArcMarginLayer`."""
    of_layer = {} if own_scale else ArcMarginLayer.search_space

    def make(settings, num_classes, counts):
        own, rest = _split(settings, kind.search_space)
        margin = kind(**fixed, **own)
        head = ArcMarginLayer(num_classes, margin, **rest)
        return Objective(head.margin_loss, head, (("", margin), ("", head)))

    return _of_class(name, {**kind.search_space, **of_layer}, make, kind)


def _per_class_margins(name):
    kind = margins.PerClass

    def make(settings, num_classes, counts):
        own, rest = _split(settings, kind.search_space)
        head = ArcMarginLayer(
            num_classes, kind.from_counts(counts, **own), **rest
        )
        return Objective(head.margin_loss, head, (("", head),))

    space = {**kind.search_space, **ArcMarginLayer.search_space}
    return _of_class(name, space, make, kind, in_weights=("low", "high"))


def _sub_centers(name):
    space = {
        **margins.ArcFace.search_space,
        **ArcMarginLayer.search_space,
        "sub_centers": Choice((2, 3)),
    }

    def make(settings, num_classes, counts):
        own, rest = _split(settings, margins.ArcFace.search_space)
        margin = margins.ArcFace(**own)
        head = ArcMarginLayer(num_classes, margin, **rest)
        return Objective(head.margin_loss, head, (("", margin), ("", head)))

    return _of_class(name, space, make, margins.ArcFace)


def _with_term(name, kind):
    """The norm-softmax with a term on class centres."""

    def make(settings, num_classes, counts):
        own, rest = _split(settings, kind.search_space)
        term = kind(**own)
        head = ArcMarginLayer(num_classes, None, extra_losses=[term], **rest)
        return Objective(head.margin_loss, head, (("", term), ("", head)))

    space = {**kind.search_space, **ArcMarginLayer.search_space}
    return _of_class(name, space, make, kind)


def _head(name, kind):
    return _of_class(name, kind.search_space, _of_layer(kind), kind)


def _of_layer(kind):
    def make(settings, num_classes, counts):
        head = kind(num_classes, **settings)
        # A binary head keeps its margin in a margin.
        parts = (("", head), ("", getattr(head, "margin", None)))
        return Objective(head.margin_loss, head, parts)

    return make


def _of_class(name, space, make, kind, in_weights=()):
    space = {**space, CENTERS_RATE: CENTERS_RATES}
    classes = (kind, ArcMarginLayer)
    return Candidate(name, "class", space, make, classes, in_weights)


def _pairs(name, kind, miner=None, /, call=None, **of_miner):
    """A loss on pairs; the settings of its miner begin with `miner_`."""
    of_its = {} if miner is None else miner.search_space
    space = {
        **kind.search_space,
        **{f"miner_{name}": space for name, space in of_its.items()},
    }

    def make(settings, num_classes, counts):
        own, rest = _split(settings, kind.search_space)
        if miner is None:
            loss = kind(**own)
        else:
            rest = {k.removeprefix("miner_"): v for k, v in rest.items()}
            loss = kind(**own, miner=miner(**of_miner, **rest))
        parts = (("miner_", getattr(loss, "miner", None)), ("", loss))
        return Objective((call or _plain)(loss), None, parts)

    classes = (kind,) if miner is None else (kind, miner)
    return Candidate(name, "pair", space, make, classes)


def _class_margin(name):
    kind, miner = losses.ClassMarginLoss, losses.DistanceWeightedMiner

    def make(settings, num_classes, counts):
        head = kind(num_classes, miner=miner(), **settings)
        return Objective(head.margin_loss, head, (("", head),))

    space = {**kind.search_space, CENTERS_RATE: CENTERS_RATES}
    return Candidate(name, "pair", space, make, (kind, miner), ("beta",))


def _memory(name):
    kind, loss_kind = losses.CrossBatchMemory, losses.PairContrastiveLoss

    def make(settings, num_classes, counts):
        own, rest = _split(settings, loss_kind.search_space)
        loss = loss_kind(**own)
        head = kind(loss, **rest)
        return Objective(head.margin_loss, head, (("", loss),))

    space = {**loss_kind.search_space, **kind.search_space}
    return Candidate(name, "pair", space, make, (kind, loss_kind))


def _split(settings, space):
    """Returns the settings of a search space, and the others."""
    own = {name: v for name, v in settings.items() if name in space}
    rest = {name: v for name, v in settings.items() if name not in space}
    return own, rest


def _plain(loss):
    return lambda embeddings, labels: loss.call(labels, embeddings)


def _unit(loss):
    """For losses that do not normalise by themselves."""
    return lambda embeddings, labels: loss.call(
        labels, numerics.unit(embeddings)
    )


def _of_distances(loss):
    """For a loss of given distances: those of all pairs of the batch."""

    def per_sample(embeddings, labels):
        distance = distances.unit_euclidean(embeddings, embeddings)
        same = keras.ops.equal(keras.ops.expand_dims(labels, 1), labels)
        flat = [keras.ops.reshape(each, (-1,)) for each in (same, distance)]
        return loss.call(*flat)

    return per_sample


def _of_similarities(loss):
    """For a loss of a similarity matrix: every other picture is an anchor.

    Batches hold an even number of pictures of each class in a row.
    """

    def per_sample(embeddings, labels):
        anchors, positives = embeddings[0::2], embeddings[1::2]
        similarity = keras.ops.matmul(anchors, keras.ops.transpose(positives))
        return loss.call(labels[0::2], similarity)

    return per_sample


_CANDIDATES = {
    candidate.name: candidate
    for group in (_baselines, _class_losses, _pair_losses)
    for candidate in group()
}
