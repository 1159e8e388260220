"""Finding faces in photographs and aligning them to the ArcFace template."""

from keras_arcface.faces.align import align as align
from keras_arcface.faces.detect import Face as Face
from keras_arcface.faces.detect import detect as detect
from keras_arcface.faces.geometry import TEMPLATE as TEMPLATE
from keras_arcface.faces.geometry import LandmarkError as LandmarkError
from keras_arcface.faces.geometry import (
    similarity_transform as similarity_transform,
)
from keras_arcface.faces.photographs import FaceCrop as FaceCrop
from keras_arcface.faces.photographs import NoFaceError as NoFaceError
from keras_arcface.faces.photographs import crop_face as crop_face
