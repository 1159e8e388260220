"""Layers: the margin head, the embedding heads, grouped convolution."""

from keras_arcface.layers.arc_margin import ArcMarginLayer as ArcMarginLayer
from keras_arcface.layers.binary_heads import BinaryHead as BinaryHead
from keras_arcface.layers.binary_heads import (
    SphereFace2Layer as SphereFace2Layer,
)
from keras_arcface.layers.binary_heads import UniFaceLayer as UniFaceLayer
from keras_arcface.layers.grouped_conv import GroupedConv2D as GroupedConv2D
