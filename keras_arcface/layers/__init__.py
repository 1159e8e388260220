"""Layers: the margin head, the embedding heads, grouped convolution,
and what of a network trains."""

from keras_arcface.layers.arc_margin import ArcMarginLayer as ArcMarginLayer
from keras_arcface.layers.binary_heads import BinaryHead as BinaryHead
from keras_arcface.layers.binary_heads import (
    SphereFace2Layer as SphereFace2Layer,
)
from keras_arcface.layers.binary_heads import UniFaceLayer as UniFaceLayer
from keras_arcface.layers.grouped_conv import GroupedConv2D as GroupedConv2D
from keras_arcface.layers.training_modes import (
    freeze_batch_norm as freeze_batch_norm,
)
from keras_arcface.layers.training_modes import (
    synchronize_batch_norm as synchronize_batch_norm,
)
