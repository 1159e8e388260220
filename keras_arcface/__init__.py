"""Embeddings with an angular margin (ArcFace) in Keras 3."""

from keras_arcface.checks import check as check
from keras_arcface.layers import ArcMarginLayer as ArcMarginLayer
from keras_arcface.losses import ArcFaceLoss as ArcFaceLoss
from keras_arcface.losses import CosFaceLoss as CosFaceLoss
from keras_arcface.losses import MarginSoftmaxLoss as MarginSoftmaxLoss
from keras_arcface.losses import NormSoftmaxLoss as NormSoftmaxLoss
from keras_arcface.margins import ArcFace as ArcFace
from keras_arcface.margins import CosFace as CosFace
from keras_arcface.margins import Margin as Margin
from keras_arcface.margins import NoMargin as NoMargin
from keras_arcface.margins import auto_scale as auto_scale
from keras_arcface.model import ArcFaceModel as ArcFaceModel
from keras_arcface.model import embed as embed
from keras_arcface.version import __version__ as __version__
