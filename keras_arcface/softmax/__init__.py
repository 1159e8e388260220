"""Softmax over many classes; knows nothing of margins."""

from keras_arcface.softmax.center_rate import set_center_rate as set_center_rate
from keras_arcface.softmax.checks import check_batches as check_batches
from keras_arcface.softmax.checks import check_bool as check_bool
from keras_arcface.softmax.checks import (
    check_distribution as check_distribution,
)
from keras_arcface.softmax.checks import check_sample_rate as check_sample_rate
from keras_arcface.softmax.clipping import set_clipping as set_clipping
from keras_arcface.softmax.clipping import step_counter as step_counter
from keras_arcface.softmax.dense import log_negatives as log_negatives
from keras_arcface.softmax.dense import (
    margin_cross_entropy as margin_cross_entropy,
)
from keras_arcface.softmax.memory import HeadPlan as HeadPlan
from keras_arcface.softmax.partial import Classes as Classes
from keras_arcface.softmax.partial import sample_classes as sample_classes
from keras_arcface.softmax.partial import sample_size as sample_size
from keras_arcface.softmax.partial import take_classes as take_classes
from keras_arcface.softmax.plan import choose_chunk as choose_chunk
from keras_arcface.softmax.plan import choose_kept as choose_kept
from keras_arcface.softmax.row_steps import row_step as row_step
from keras_arcface.softmax.row_updates import check_optimizer as check_optimizer
from keras_arcface.softmax.row_updates import inner_optimizer as inner_optimizer
from keras_arcface.softmax.sharded import place_classes as place_classes
