"""Protocols that judge anybody's embeddings, in plain NumPy."""

from keras_arcface.evaluation.angles import nearest_angles as nearest_angles
from keras_arcface.evaluation.angular_gap import AngularGaps as AngularGaps
from keras_arcface.evaluation.angular_gap import angular_gaps as angular_gaps
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
from keras_arcface.evaluation.class_angles import (
    AngleStatistics as AngleStatistics,
)
from keras_arcface.evaluation.class_angles import (
    angle_statistics as angle_statistics,
)
from keras_arcface.evaluation.class_angles import class_means as class_means
from keras_arcface.evaluation.comparison import Difference as Difference
from keras_arcface.evaluation.comparison import (
    paired_difference as paired_difference,
)
from keras_arcface.evaluation.det import det_curve as det_curve
from keras_arcface.evaluation.det import supported_fmrs as supported_fmrs
from keras_arcface.evaluation.det_points import DetCurve as DetCurve
from keras_arcface.evaluation.det_points import DetPoint as DetPoint
from keras_arcface.evaluation.dimension import (
    EffectiveDimension as EffectiveDimension,
)
from keras_arcface.evaluation.dimension import (
    effective_dimension as effective_dimension,
)
from keras_arcface.evaluation.distractors import (
    DistractorCurve as DistractorCurve,
)
from keras_arcface.evaluation.distractors import (
    distractor_curve as distractor_curve,
)
from keras_arcface.evaluation.folds import FoldAccuracy as FoldAccuracy
from keras_arcface.evaluation.folds import best_threshold as best_threshold
from keras_arcface.evaluation.folds import fold_accuracy as fold_accuracy
from keras_arcface.evaluation.folds import lfw_folds as lfw_folds
from keras_arcface.evaluation.geometry_report import (
    geometry_report as geometry_report,
)
from keras_arcface.evaluation.geometry_result import (
    AngleDistribution as AngleDistribution,
)
from keras_arcface.evaluation.geometry_result import (
    GeometryReport as GeometryReport,
)
from keras_arcface.evaluation.histograms import (
    histogram_quantiles as histogram_quantiles,
)
from keras_arcface.evaluation.hubs import Hubness as Hubness
from keras_arcface.evaluation.hubs import hubness as hubness
from keras_arcface.evaluation.identification import (
    identification_report as identification_report,
)
from keras_arcface.evaluation.identification import (
    report_of_searches as report_of_searches,
)
from keras_arcface.evaluation.identification_report import (
    IdentificationReport as IdentificationReport,
)
from keras_arcface.evaluation.identification_report import (
    OpenSetPoint as OpenSetPoint,
)
from keras_arcface.evaluation.identity_search import Searches as Searches
from keras_arcface.evaluation.identity_search import (
    search_identities as search_identities,
)
from keras_arcface.evaluation.insightface_folds import (
    InsightfaceAccuracy as InsightfaceAccuracy,
)
from keras_arcface.evaluation.insightface_folds import (
    insightface_accuracy as insightface_accuracy,
)
from keras_arcface.evaluation.intervals import ErrorRate as ErrorRate
from keras_arcface.evaluation.intervals import rule_of_three as rule_of_three
from keras_arcface.evaluation.intervals import (
    wilson_interval as wilson_interval,
)
from keras_arcface.evaluation.random_angles import (
    expected_nearest_angle as expected_nearest_angle,
)
from keras_arcface.evaluation.ranking import RetrievalReport as RetrievalReport
from keras_arcface.evaluation.ranking import (
    retrieval_report as retrieval_report,
)
from keras_arcface.evaluation.reject_curve import RejectCurve as RejectCurve
from keras_arcface.evaluation.reject_curve import (
    error_versus_reject as error_versus_reject,
)
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
from keras_arcface.evaluation.search import ExactIndex as ExactIndex
from keras_arcface.evaluation.search import FaissIndex as FaissIndex
from keras_arcface.evaluation.search import SearchResult as SearchResult
from keras_arcface.evaluation.search import search_gallery as search_gallery
from keras_arcface.evaluation.significance import MeanInterval as MeanInterval
from keras_arcface.evaluation.significance import (
    PairedDifference as PairedDifference,
)
from keras_arcface.evaluation.significance import alike_groups as alike_groups
from keras_arcface.evaluation.significance import holm as holm
from keras_arcface.evaluation.significance import (
    paired_differences as paired_differences,
)
from keras_arcface.evaluation.significance import paired_t_test as paired_t_test
from keras_arcface.evaluation.significance import t_interval as t_interval
from keras_arcface.evaluation.similarity import all_pairs as all_pairs
from keras_arcface.evaluation.similarity import (
    cosine_similarity as cosine_similarity,
)
from keras_arcface.evaluation.sub_centers import SubCenters as SubCenters
from keras_arcface.evaluation.sub_centers import (
    assign_sub_centers as assign_sub_centers,
)
from keras_arcface.evaluation.subgroups import GroupErrors as GroupErrors
from keras_arcface.evaluation.subgroups import SubgroupReport as SubgroupReport
from keras_arcface.evaluation.subgroups import (
    subgroup_errors as subgroup_errors,
)
from keras_arcface.evaluation.template_protocols import (
    template_identification as template_identification,
)
from keras_arcface.evaluation.template_protocols import (
    template_similarity as template_similarity,
)
from keras_arcface.evaluation.template_protocols import (
    template_subjects as template_subjects,
)
from keras_arcface.evaluation.template_protocols import (
    template_verification as template_verification,
)
from keras_arcface.evaluation.templates import Templates as Templates
from keras_arcface.evaluation.templates import (
    template_embeddings as template_embeddings,
)
from keras_arcface.evaluation.verification import (
    verification_report as verification_report,
)
