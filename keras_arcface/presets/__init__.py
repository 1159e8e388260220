"""Floor 4: presets, folders that hold a network and its weights."""

from keras_arcface.presets.folder import find_preset as find_preset
from keras_arcface.presets.folder import list_presets as list_presets
from keras_arcface.presets.folder import load_preset as load_preset
from keras_arcface.presets.folder import (
    load_preset_weights as load_preset_weights,
)
from keras_arcface.presets.folder import save_preset as save_preset
from keras_arcface.presets.folder import verify_preset as verify_preset
