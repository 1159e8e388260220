"""Keras losses of the family."""

from keras_arcface.losses.addons_pairs import ContrastiveLoss as ContrastiveLoss
from keras_arcface.losses.addons_pairs import (
    LiftedStructLoss as LiftedStructLoss,
)
from keras_arcface.losses.addons_pairs import NpairsLoss as NpairsLoss
from keras_arcface.losses.addons_pairs import (
    NpairsMultilabelLoss as NpairsMultilabelLoss,
)
from keras_arcface.losses.addons_triplet import (
    TripletHardLoss as TripletHardLoss,
)
from keras_arcface.losses.addons_triplet import (
    TripletSemiHardLoss as TripletSemiHardLoss,
)
from keras_arcface.losses.center_terms import CenterTerm as CenterTerm
from keras_arcface.losses.center_terms import (
    HypersphericalEnergy as HypersphericalEnergy,
)
from keras_arcface.losses.center_terms import InterLoss as InterLoss
from keras_arcface.losses.center_terms import IntraLoss as IntraLoss
from keras_arcface.losses.contrastive import (
    PairContrastiveLoss as PairContrastiveLoss,
)
from keras_arcface.losses.contrastive import (
    SNRContrastiveLoss as SNRContrastiveLoss,
)
from keras_arcface.losses.fast_ap import FastAPLoss as FastAPLoss
from keras_arcface.losses.head import EmbeddingHead as EmbeddingHead
from keras_arcface.losses.margin_loss import ClassMarginLoss as ClassMarginLoss
from keras_arcface.losses.margin_loss import MarginLoss as MarginLoss
from keras_arcface.losses.margin_softmax import ArcFaceLoss as ArcFaceLoss
from keras_arcface.losses.margin_softmax import CosFaceLoss as CosFaceLoss
from keras_arcface.losses.margin_softmax import (
    MarginSoftmaxLoss as MarginSoftmaxLoss,
)
from keras_arcface.losses.margin_softmax import (
    NormSoftmaxLoss as NormSoftmaxLoss,
)
from keras_arcface.losses.memory import CrossBatchMemory as CrossBatchMemory
from keras_arcface.losses.mining import BatchHardMiner as BatchHardMiner
from keras_arcface.losses.mining import Miner as Miner
from keras_arcface.losses.mining import (
    MultiSimilarityMiner as MultiSimilarityMiner,
)
from keras_arcface.losses.mining import PairMarginMiner as PairMarginMiner
from keras_arcface.losses.pairs import PairLoss as PairLoss
from keras_arcface.losses.pairs import Pairs as Pairs
from keras_arcface.losses.pairs import make_pairs as make_pairs
from keras_arcface.losses.proxies import ProxyAnchor as ProxyAnchor
from keras_arcface.losses.proxies import ProxyNCA as ProxyNCA
from keras_arcface.losses.similarity import (
    MultiSimilarityLoss as MultiSimilarityLoss,
)
from keras_arcface.losses.similarity import NTXentLoss as NTXentLoss
from keras_arcface.losses.similarity import SupConLoss as SupConLoss
from keras_arcface.losses.soft_triple import SoftTriple as SoftTriple
from keras_arcface.losses.triplet import (
    AngularTripletLoss as AngularTripletLoss,
)
from keras_arcface.losses.triplet import TripletLoss as TripletLoss
from keras_arcface.losses.triplet_mining import (
    DistanceWeightedMiner as DistanceWeightedMiner,
)
from keras_arcface.losses.triplet_mining import SemiHardMiner as SemiHardMiner
from keras_arcface.losses.triplet_mining import (
    TripletMarginMiner as TripletMarginMiner,
)
