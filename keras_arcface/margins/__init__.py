"""The family of margins: how the target cosine is penalised."""

from keras_arcface.margins.a_softmax import ASoftmax as ASoftmax
from keras_arcface.margins.a_softmax import a_softmax as a_softmax
from keras_arcface.margins.adacos import AdaCos as AdaCos
from keras_arcface.margins.adaface import AdaFace as AdaFace
from keras_arcface.margins.arcface import ArcFace as ArcFace
from keras_arcface.margins.arcface import arcface as arcface
from keras_arcface.margins.circle import Circle as Circle
from keras_arcface.margins.combined import Combined as Combined
from keras_arcface.margins.combined import SphereFace as SphereFace
from keras_arcface.margins.combined import combined as combined
from keras_arcface.margins.combined import psi as psi
from keras_arcface.margins.cosface import CosFace as CosFace
from keras_arcface.margins.cosface import cosface as cosface
from keras_arcface.margins.curricularface import (
    CurricularFace as CurricularFace,
)
from keras_arcface.margins.elasticface import ElasticFace as ElasticFace
from keras_arcface.margins.li_arcface import LiArcFace as LiArcFace
from keras_arcface.margins.magface import MagFace as MagFace
from keras_arcface.margins.margin import Margin as Margin
from keras_arcface.margins.margin import NoMargin as NoMargin
from keras_arcface.margins.mv_softmax import MVSoftmax as MVSoftmax
from keras_arcface.margins.per_class import PerClass as PerClass
from keras_arcface.margins.registry import MARGINS as MARGINS
from keras_arcface.margins.registry import get as get
from keras_arcface.margins.scale import auto_scale as auto_scale
from keras_arcface.margins.scale import check_scale as check_scale
from keras_arcface.margins.scale import resolve_scale as resolve_scale
