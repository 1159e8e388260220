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
from keras_arcface.losses.margin_softmax import ArcFaceLoss as ArcFaceLoss
from keras_arcface.losses.margin_softmax import CosFaceLoss as CosFaceLoss
from keras_arcface.losses.margin_softmax import (
    MarginSoftmaxLoss as MarginSoftmaxLoss,
)
from keras_arcface.losses.margin_softmax import (
    NormSoftmaxLoss as NormSoftmaxLoss,
)
from keras_arcface.losses.pairs import PairLoss as PairLoss
