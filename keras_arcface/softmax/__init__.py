"""Softmax over many classes; knows nothing of margins."""

from keras_arcface.softmax.dense import log_negatives as log_negatives
from keras_arcface.softmax.dense import (
    margin_cross_entropy as margin_cross_entropy,
)
from keras_arcface.softmax.memory import HeadPlan as HeadPlan
from keras_arcface.softmax.plan import choose_chunk as choose_chunk
from keras_arcface.softmax.plan import choose_kept as choose_kept
