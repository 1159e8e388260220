"""Figures from plain arrays, written as PNG, SVG or PDF."""

from keras_arcface.plots.angles import plot_angles as plot_angles
from keras_arcface.plots.det import plot_det as plot_det
from keras_arcface.plots.intervals import plot_intervals as plot_intervals
from keras_arcface.plots.neighbours import plot_neighbours as plot_neighbours
from keras_arcface.plots.scores import plot_scores as plot_scores
from keras_arcface.plots.training import plot_training as plot_training
