"""One page that says what a model is worth on some data."""

from keras_arcface.studies.report.options import Options as Options
from keras_arcface.studies.report.run import report as report
