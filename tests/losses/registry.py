"""Every loss on embeddings, with the loops that say what it must be."""

import keras
import naive_addons
import naive_heads
import naive_pairs
import numpy as np

from keras_arcface import losses

NUM_CLASSES = 10

# name: (what makes the loss, its naive value of labels and embeddings)
PAIR_LOSSES = {
    "triplet_semihard": (
        losses.TripletSemiHardLoss,
        naive_addons.triplet_semihard,
    ),
    "triplet_semihard_angular": (
        lambda: losses.TripletSemiHardLoss(0.3, "angular"),
        lambda y, x: naive_addons.triplet_semihard(y, x, 0.3, "angular"),
    ),
    "triplet_hard": (losses.TripletHardLoss, naive_addons.triplet_hard),
    "triplet_hard_soft": (
        lambda: losses.TripletHardLoss(soft=True),
        lambda y, x: naive_addons.triplet_hard(y, x, soft=True),
    ),
    "lifted_struct": (losses.LiftedStructLoss, naive_addons.lifted_struct),
    "triplet": (
        losses.TripletLoss,
        lambda y, x: naive_pairs.triplet(y, x, 0.2, "squared_euclidean"),
    ),
    "triplet_euclidean": (
        lambda: losses.TripletLoss(0.05, "euclidean"),
        lambda y, x: naive_pairs.triplet(y, x, 0.05, "euclidean"),
    ),
    "triplet_cosine": (
        lambda: losses.TripletLoss(0.3, "cosine"),
        lambda y, x: naive_pairs.triplet(y, x, 0.3, "cosine"),
    ),
    "triplet_angular": (
        losses.AngularTripletLoss,
        lambda y, x: naive_pairs.triplet(y, x, 0.35, "angle"),
    ),
    "pair_contrastive": (
        losses.PairContrastiveLoss,
        naive_pairs.contrastive,
    ),
    "pair_contrastive_margins": (
        lambda: losses.PairContrastiveLoss(0.3, 1.5),
        lambda y, x: naive_pairs.contrastive(y, x, None, 0.3, 1.5),
    ),
    "snr_contrastive": (
        losses.SNRContrastiveLoss,
        naive_pairs.snr_contrastive,
    ),
    "nt_xent": (losses.NTXentLoss, naive_pairs.nt_xent),
    "sup_con": (losses.SupConLoss, naive_pairs.sup_con),
    "multi_similarity": (
        losses.MultiSimilarityLoss,
        naive_pairs.multi_similarity,
    ),
    "multi_similarity_miner": (
        lambda: losses.MultiSimilarityLoss(miner=losses.MultiSimilarityMiner()),
        lambda y, x: naive_pairs.multi_similarity(y, x, epsilon=0.1),
    ),
    "fast_ap": (losses.FastAPLoss, naive_pairs.fast_ap),
    "margin": (losses.MarginLoss, naive_pairs.margin),
}

PROXIES = np.random.default_rng(5).normal(size=(20, 4)).astype("float32")


def with_proxies(head, proxies):
    head.build((None, proxies.shape[1]))
    head.built = True
    head.proxies.assign(proxies)
    return head


def proxy_nca(denominator="all"):
    head = losses.ProxyNCA(NUM_CLASSES, scale=3.0, denominator=denominator)
    return with_proxies(head, PROXIES[:10])


def proxy_anchor():
    return with_proxies(losses.ProxyAnchor(NUM_CLASSES), PROXIES[:10])


def soft_triple():
    head = losses.SoftTriple(NUM_CLASSES, centers=2, tau=0.2)
    return with_proxies(head, PROXIES)


BETAS = np.linspace(0.9, 1.4, 10, dtype="float32")


def class_margin():
    head = losses.ClassMarginLoss(NUM_CLASSES, nu=0.1)
    head.build((None, 4))
    head.built = True
    head.betas.assign(BETAS)
    return head


HEADS = {
    "proxy_nca": (
        proxy_nca,
        lambda y, x: naive_heads.proxy_nca(y, x, PROXIES[:10], 3.0),
    ),
    "proxy_nca_negatives": (
        lambda: proxy_nca("negatives"),
        lambda y, x: naive_heads.proxy_nca(y, x, PROXIES[:10], 3.0, True),
    ),
    "proxy_anchor": (
        proxy_anchor,
        lambda y, x: naive_heads.proxy_anchor(y, x, PROXIES[:10]),
    ),
    "soft_triple": (
        soft_triple,
        lambda y, x: naive_heads.soft_triple(y, x, PROXIES, 2, tau=0.2),
    ),
    "class_margin": (
        class_margin,
        lambda y, x: naive_pairs.margin(y, x, BETAS.astype("float64"), nu=0.1),
    ),
    "one_margin": (
        lambda: losses.ClassMarginLoss(nu=0.1),
        lambda y, x: naive_pairs.margin(y, x, nu=0.1),
    ),
    "memory": (
        lambda: losses.CrossBatchMemory(losses.PairContrastiveLoss(), 32),
        naive_pairs.contrastive,
    ),
    "memory_of_betas": (
        lambda: losses.CrossBatchMemory(class_margin(), 32),
        lambda y, x: naive_pairs.margin(y, x, BETAS.astype("float64"), nu=0.1),
    ),
}

MINERS = {
    "batch_hard": losses.BatchHardMiner,
    "pair_margin": losses.PairMarginMiner,
    "multi_similarity": losses.MultiSimilarityMiner,
    "semi_hard": losses.SemiHardMiner,
    "triplet_all": losses.TripletMarginMiner,
    "triplet_hard": lambda: losses.TripletMarginMiner(kind="hard"),
    "triplet_semihard": lambda: losses.TripletMarginMiner(kind="semihard"),
    "triplet_easy": lambda: losses.TripletMarginMiner(kind="easy"),
    "distance_weighted": losses.DistanceWeightedMiner,
}

ALL = {**PAIR_LOSSES, **HEADS}

# One of every class, for what is slow: compiling and training.
EACH_KIND = [
    "triplet_semihard",
    "triplet_hard",
    "lifted_struct",
    "triplet",
    "triplet_angular",
    "pair_contrastive",
    "snr_contrastive",
    "nt_xent",
    "sup_con",
    "multi_similarity_miner",
    "fast_ap",
    "margin",
    "proxy_nca",
    "proxy_anchor",
    "soft_triple",
    "class_margin",
    "memory",
]


def per_sample(loss, labels, embeddings):
    """The losses of each sample, of a Keras loss or of a head."""
    if isinstance(loss, keras.losses.Loss):
        return loss.call(labels, embeddings)
    return loss.margin_loss(embeddings, labels)


def batch(seed=0, size=10, dim=4):
    """Labels with one class of a single sample, and embeddings."""
    rng = np.random.default_rng(seed)
    labels = np.array([0, 1, 2, 0, 1, 3, 0, 2, 1, 0], "int32")
    labels = np.resize(labels, size)
    return labels, rng.normal(size=(size, dim)).astype("float32")
