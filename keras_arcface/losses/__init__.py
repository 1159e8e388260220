"""Keras losses of the family."""

from keras_arcface.losses.margin_softmax import ArcFaceLoss as ArcFaceLoss
from keras_arcface.losses.margin_softmax import CosFaceLoss as CosFaceLoss
from keras_arcface.losses.margin_softmax import (
    MarginSoftmaxLoss as MarginSoftmaxLoss,
)
from keras_arcface.losses.margin_softmax import (
    NormSoftmaxLoss as NormSoftmaxLoss,
)
