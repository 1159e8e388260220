"""Protocols that judge anybody's embeddings, in plain NumPy."""

from keras_arcface.evaluation.bootstrap import (
    bootstrap_samples as bootstrap_samples,
)
from keras_arcface.evaluation.bootstrap import (
    percentile_interval as percentile_interval,
)
from keras_arcface.evaluation.calibration import (
    CalibratedThreshold as CalibratedThreshold,
)
from keras_arcface.evaluation.calibration import (
    ThresholdCheck as ThresholdCheck,
)
from keras_arcface.evaluation.calibration import (
    check_threshold as check_threshold,
)
from keras_arcface.evaluation.calibration import (
    threshold_at_fmr as threshold_at_fmr,
)
from keras_arcface.evaluation.calibration import (
    wilson_interval as wilson_interval,
)
from keras_arcface.evaluation.comparison import Difference as Difference
from keras_arcface.evaluation.comparison import (
    paired_difference as paired_difference,
)
from keras_arcface.evaluation.folds import FoldAccuracy as FoldAccuracy
from keras_arcface.evaluation.folds import best_threshold as best_threshold
from keras_arcface.evaluation.folds import fold_accuracy as fold_accuracy
from keras_arcface.evaluation.folds import lfw_folds as lfw_folds
from keras_arcface.evaluation.geometry import AngleStatistics as AngleStatistics
from keras_arcface.evaluation.geometry import (
    angle_statistics as angle_statistics,
)
from keras_arcface.evaluation.geometry import class_means as class_means
from keras_arcface.evaluation.geometry import (
    expected_nearest_angle as expected_nearest_angle,
)
from keras_arcface.evaluation.geometry import (
    histogram_quantiles as histogram_quantiles,
)
from keras_arcface.evaluation.geometry import nearest_angles as nearest_angles
from keras_arcface.evaluation.report import (
    VerificationReport as VerificationReport,
)
from keras_arcface.evaluation.retrieval import PrecisionAt1 as PrecisionAt1
from keras_arcface.evaluation.retrieval import precision_at_1 as precision_at_1
from keras_arcface.evaluation.roc import TarAtFar as TarAtFar
from keras_arcface.evaluation.roc import auc as auc
from keras_arcface.evaluation.roc import equal_error_rate as equal_error_rate
from keras_arcface.evaluation.roc import roc_curve as roc_curve
from keras_arcface.evaluation.roc import tar_at_far as tar_at_far
from keras_arcface.evaluation.similarity import all_pairs as all_pairs
from keras_arcface.evaluation.similarity import (
    cosine_similarity as cosine_similarity,
)
from keras_arcface.evaluation.sub_centers import SubCenters as SubCenters
from keras_arcface.evaluation.sub_centers import (
    assign_sub_centers as assign_sub_centers,
)
from keras_arcface.evaluation.verification import (
    verification_report as verification_report,
)
