"""Softmax over many classes; knows nothing of margins."""

from keras_arcface.softmax.dense import log_negatives as log_negatives
from keras_arcface.softmax.dense import (
    margin_cross_entropy as margin_cross_entropy,
)
