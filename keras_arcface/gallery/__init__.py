"""A persistent gallery: who is it, or is it nobody who is enrolled?"""

from keras_arcface.gallery.calibration import Calibration as Calibration
from keras_arcface.gallery.fingerprint import (
    ModelFingerprint as ModelFingerprint,
)
from keras_arcface.gallery.fingerprint import (
    model_fingerprint as model_fingerprint,
)
from keras_arcface.gallery.gallery import Gallery as Gallery
from keras_arcface.gallery.results import Candidate as Candidate
from keras_arcface.gallery.results import Enrolled as Enrolled
from keras_arcface.gallery.results import Identification as Identification
