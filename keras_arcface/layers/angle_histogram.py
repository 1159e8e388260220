"""How the target angles of all samples of an epoch are distributed."""

import keras
import numpy as np
from keras import ops

BINS = 180


@keras.saving.register_keras_serializable(package="keras_arcface")
class AngleHistogram(keras.metrics.Metric):
    """Counts target angles in bins of one degree, inside the train step.

    It has no value of its own to show (`result` is an empty dictionary): who
    wants the distribution reads `counts`. A sample whose angle is NaN is in no
    bin. The counts are floats, exact up to 2^24 samples in a bin.

    Args:
        name: Of the metric.
    """

    def __init__(self, name="angle_histogram", **kwargs):
        super().__init__(name=name, **kwargs)
        self.counts = self.add_variable(
            (BINS,), "zeros", dtype="float32", name="counts"
        )

    def update_state(self, degrees, sample_weight=None):
        """Adds angles in degrees, `(batch,)`, as often as they weigh."""
        # Compared, not scattered: without int32 on an accelerator, and the
        # same on every backend. A NaN equals no bin.
        bins = ops.floor(ops.clip(degrees, 0.0, BINS - 1.0))
        hits = ops.equal(
            ops.expand_dims(bins, -1), np.arange(BINS, dtype="float32")
        )
        hits = ops.cast(hits, "float32")
        if sample_weight is not None:
            weight = ops.reshape(ops.cast(sample_weight, "float32"), (-1, 1))
            hits = hits * weight
        self.counts.assign(self.counts + ops.sum(hits, axis=0))

    def result(self):
        return {}

    def save_own_variables(self, store):
        """Keeps nothing: a distribution is no part of a model."""

    def load_own_variables(self, store):
        """Loads nothing, so that files without a histogram load too."""
