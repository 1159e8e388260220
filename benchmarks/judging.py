"""What a benchmark keeps of a judgement, and of the difference of two."""

from keras_arcface import evaluation


def measures(report):
    """Returns accuracy, EER and TAR at FAR 1e-3 with their intervals."""
    point = report.tar_at_far[1e-3]
    return {
        "accuracy": report.accuracy,
        "accuracy_standard_error": report.accuracy_standard_error,
        "accuracy_interval": report.intervals["accuracy"],
        "eer": report.eer,
        "eer_interval": report.intervals["eer"],
        "tar_at_far_0.001": point.tar,
        "tar_at_far_0.001_interval": point.interval,
    }


def paired(after, before, pairs, **options):
    """Returns the differences of two scores of the same pairs, by measure.

    Args:
        after, before: Cosines of the pairs, `(pairs,)`.
        pairs: `Pairs`, with their subjects.
        **options: Of `evaluation.paired_difference`.
    """
    return evaluation.paired_difference(
        after,
        before,
        pairs.is_same,
        pairs.fold,
        subject_left=pairs.subject[pairs.left],
        subject_right=pairs.subject[pairs.right],
        **options,
    )
