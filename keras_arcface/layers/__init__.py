"""Layers: the margin head and the embedding heads."""

from keras_arcface.layers.arc_margin import ArcMarginLayer as ArcMarginLayer
