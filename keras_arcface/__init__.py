"""Embeddings with an angular margin (ArcFace) in Keras 3.

Importing this registers every class that a saved model may hold. It needs no
TensorFlow of its own; the Keras backend decides.
"""

from keras_arcface import data as data
from keras_arcface import evaluation as evaluation
from keras_arcface import export as export
from keras_arcface import faces as faces
from keras_arcface import gallery as gallery
from keras_arcface import losses as losses
from keras_arcface import margins as margins
from keras_arcface import plots as plots
from keras_arcface.backbones import IResNet18 as IResNet18
from keras_arcface.backbones import IResNet34 as IResNet34
from keras_arcface.backbones import IResNet50 as IResNet50
from keras_arcface.backbones import IResNet100 as IResNet100
from keras_arcface.backbones import IResNet200 as IResNet200
from keras_arcface.backbones import MobileFaceNet as MobileFaceNet
from keras_arcface.backbones import SmallNet as SmallNet
from keras_arcface.backbones import create_backbone as create_backbone
from keras_arcface.checks import check as check
from keras_arcface.embedding import embed as embed
from keras_arcface.gallery import Gallery as Gallery
from keras_arcface.layers import ArcMarginLayer as ArcMarginLayer
from keras_arcface.layers import SphereFace2Layer as SphereFace2Layer
from keras_arcface.layers import UniFaceLayer as UniFaceLayer
from keras_arcface.losses import ArcFaceLoss as ArcFaceLoss
from keras_arcface.losses import CosFaceLoss as CosFaceLoss
from keras_arcface.losses import MarginSoftmaxLoss as MarginSoftmaxLoss
from keras_arcface.losses import NormSoftmaxLoss as NormSoftmaxLoss
from keras_arcface.margins import AdaCos as AdaCos
from keras_arcface.margins import AdaFace as AdaFace
from keras_arcface.margins import ArcFace as ArcFace
from keras_arcface.margins import ASoftmax as ASoftmax
from keras_arcface.margins import Circle as Circle
from keras_arcface.margins import Combined as Combined
from keras_arcface.margins import CosFace as CosFace
from keras_arcface.margins import CurricularFace as CurricularFace
from keras_arcface.margins import ElasticFace as ElasticFace
from keras_arcface.margins import LiArcFace as LiArcFace
from keras_arcface.margins import MagFace as MagFace
from keras_arcface.margins import Margin as Margin
from keras_arcface.margins import MVSoftmax as MVSoftmax
from keras_arcface.margins import NoMargin as NoMargin
from keras_arcface.margins import PerClass as PerClass
from keras_arcface.margins import SphereFace as SphereFace
from keras_arcface.margins import auto_scale as auto_scale
from keras_arcface.model import ArcFaceModel as ArcFaceModel
from keras_arcface.pretrained import load_backbone as load_backbone
from keras_arcface.pretrained import load_pretrained as load_pretrained
from keras_arcface.pretrained import save_pretrained as save_pretrained
from keras_arcface.softmax import HeadPlan as HeadPlan
from keras_arcface.training import DistilledModel as DistilledModel
from keras_arcface.training import LossDiagnosis as LossDiagnosis
from keras_arcface.training import MarginWarmup as MarginWarmup
from keras_arcface.training import Recipe as Recipe
from keras_arcface.training import (
    VerificationEvaluator as VerificationEvaluator,
)
from keras_arcface.training import sharded_centers as sharded_centers
from keras_arcface.training import train as train
from keras_arcface.version import __version__ as __version__
