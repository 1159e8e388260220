"""Floor 6: networks with trained weights, and converters of foreign ones."""

from keras_arcface.pretrained.convert_tflite import (
    ConversionReport as ConversionReport,
)
from keras_arcface.pretrained.convert_tflite import convert as convert
from keras_arcface.pretrained.load import load_pretrained as load_pretrained
from keras_arcface.pretrained.load import save_pretrained as save_pretrained
from keras_arcface.pretrained.resolve import (
    how_to_calibrate as how_to_calibrate,
)
from keras_arcface.pretrained.resolve import load_backbone as load_backbone
from keras_arcface.pretrained.resolve import read_metadata as read_metadata
from keras_arcface.pretrained.resolve import read_model as read_model
from keras_arcface.pretrained.resolve import require_preset as require_preset
from keras_arcface.pretrained.resolve import update_metadata as update_metadata
from keras_arcface.pretrained.slim import inherit as inherit
