"""Floor 5: networks from images to features."""

from keras_arcface.backbones.iresnet import IResNet as IResNet
from keras_arcface.backbones.iresnet import IResNet18 as IResNet18
from keras_arcface.backbones.iresnet import IResNet34 as IResNet34
from keras_arcface.backbones.iresnet import IResNet50 as IResNet50
from keras_arcface.backbones.iresnet import IResNet100 as IResNet100
from keras_arcface.backbones.iresnet import IResNet200 as IResNet200
from keras_arcface.backbones.macs import count_macs as count_macs
from keras_arcface.backbones.mobilefacenet import MobileFaceNet as MobileFaceNet
from keras_arcface.backbones.pixel_scaling import PixelScaling as PixelScaling
from keras_arcface.backbones.registry import BACKBONES as BACKBONES
from keras_arcface.backbones.registry import create_backbone as create_backbone
from keras_arcface.backbones.smallnet import SmallNet as SmallNet
