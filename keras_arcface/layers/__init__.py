"""Layers: the margin head, the embedding heads, grouped convolution."""

from keras_arcface.layers.arc_margin import ArcMarginLayer as ArcMarginLayer
from keras_arcface.layers.grouped_conv import GroupedConv2D as GroupedConv2D
