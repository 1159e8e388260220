"""Figures from plain arrays, written as PNG, SVG or PDF."""

from keras_arcface.plots.angles import plot_angles as plot_angles
from keras_arcface.plots.boundaries import (
    plot_decision_boundaries as plot_decision_boundaries,
)
from keras_arcface.plots.cmc import plot_cmc as plot_cmc
from keras_arcface.plots.det import plot_det as plot_det
from keras_arcface.plots.geometry import plot_geometry as plot_geometry
from keras_arcface.plots.intervals import plot_intervals as plot_intervals
from keras_arcface.plots.neighbours import plot_neighbours as plot_neighbours
from keras_arcface.plots.pictures import plot_picture_grid as plot_picture_grid
from keras_arcface.plots.rejecting import plot_reject_curve as plot_reject_curve
from keras_arcface.plots.roc import plot_roc as plot_roc
from keras_arcface.plots.scores import plot_scores as plot_scores
from keras_arcface.plots.target_angles import (
    plot_target_angles as plot_target_angles,
)
from keras_arcface.plots.target_logits import (
    plot_target_logits as plot_target_logits,
)
from keras_arcface.plots.toy import Features as Features
from keras_arcface.plots.toy import plot_features_plane as plot_features_plane
from keras_arcface.plots.toy import plot_features_sphere as plot_features_sphere
from keras_arcface.plots.training import plot_training as plot_training
