"""Softmax over many classes; knows nothing of margins."""

from keras_arcface.softmax.checks import check_batches as check_batches
from keras_arcface.softmax.checks import (
    check_distribution as check_distribution,
)
from keras_arcface.softmax.dense import log_negatives as log_negatives
from keras_arcface.softmax.dense import (
    margin_cross_entropy as margin_cross_entropy,
)
from keras_arcface.softmax.plan import choose_chunk as choose_chunk
from keras_arcface.softmax.plan import choose_kept as choose_kept
from keras_arcface.softmax.sharded import place_classes as place_classes
