"""One serving graph, three formats, and a proof that they agree.

    images, RGB pixels 0..255  ->  embedding, float32, unit length

`export` writes a backbone as a SavedModel, a TFLite file and an ONNX file, runs
each in its own runtime and refuses any that strays from the Keras model.
TensorFlow, tf2onnx, onnx, onnxruntime and LiteRT are imported only inside the
functions that need them.
"""

from keras_arcface.export.exporter import FORMATS as FORMATS
from keras_arcface.export.exporter import check_export as check_export
from keras_arcface.export.exporter import export as export
from keras_arcface.export.float32 import float32_clone as float32_clone
from keras_arcface.export.metadata import read_metadata as read_metadata
from keras_arcface.export.onnx import to_onnx as to_onnx
from keras_arcface.export.parity import BOUNDS as BOUNDS
from keras_arcface.export.parity import check_parity as check_parity
from keras_arcface.export.report import ParityError as ParityError
from keras_arcface.export.report import ParityReport as ParityReport
from keras_arcface.export.report import format_table as format_table
from keras_arcface.export.runtimes import load as load
from keras_arcface.export.runtimes import load_onnx as load_onnx
from keras_arcface.export.runtimes import load_saved_model as load_saved_model
from keras_arcface.export.runtimes import load_tflite as load_tflite
from keras_arcface.export.saved_model import to_saved_model as to_saved_model
from keras_arcface.export.serving import serving_function as serving_function
from keras_arcface.export.tflite import to_tflite as to_tflite
