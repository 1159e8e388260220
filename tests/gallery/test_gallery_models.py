"""Which model made the embeddings of a gallery."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_arcface import ArcFaceModel
from keras_arcface import Gallery
from keras_arcface import SmallNet
from keras_arcface.gallery import ModelFingerprint
from keras_arcface.gallery import model_fingerprint
from keras_arcface.pretrained import load_backbone
from keras_arcface.pretrained import save_pretrained


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(1)
    return SmallNet(input_shape=(16, 16, 3), embedding_dim=8)


def test_a_model_keeps_its_fingerprint_wherever_it_lies(network, tmp_path):
    expected = model_fingerprint(network)
    network.save(tmp_path / "model.keras")
    save_pretrained(network, tmp_path / "preset")
    for name in ("model.keras", "preset"):
        loaded = load_backbone(str(tmp_path / name))
        assert model_fingerprint(loaded) == expected
    assert model_fingerprint(ArcFaceModel(network, 4)) == expected
    twin = SmallNet(input_shape=(16, 16, 3), embedding_dim=8)
    twin.set_weights(network.get_weights())
    assert model_fingerprint(twin) == expected  # Its layers have other names.


def test_what_changes_the_embeddings_changes_the_fingerprint(network):
    def changed(**options):
        options = {"input_shape": (16, 16, 3), "embedding_dim": 8} | options
        twin = SmallNet(**options)
        weights = [np.zeros(w.shape, w.dtype) for w in twin.get_weights()]
        twin.set_weights(weights)
        return twin

    first = changed()
    weights = first.get_weights()
    weights[0].flat[3] = 1e-6
    other_weights = changed()
    other_weights.set_weights(weights)
    models = [
        network,
        first,
        other_weights,
        changed(pixel_scaling={"std": 128.0}),
    ]
    found = {model_fingerprint(m).digest for m in models}
    assert len(found) == len(models)
    assert model_fingerprint(first, flip=True) != model_fingerprint(first)
    one, other = (model_fingerprint(first, name=n) for n in ("a", "b"))
    assert one == other and str(one) != str(other)


def test_a_gallery_takes_a_keras_model_for_its_own(network, tmp_path):
    gallery = Gallery(model=network)
    assert gallery.dim == 8
    gallery.enroll("a", np.ones(8))
    gallery.save(tmp_path / "g")
    assert "a" in Gallery.load(tmp_path / "g", model=network)
    other = SmallNet(input_shape=(16, 16, 3), embedding_dim=8)
    with pytest.raises(ValueError, match="cannot be compared"):
        Gallery.load(tmp_path / "g", model=other)
    with Gallery.writing(tmp_path / "g", model=network) as gallery:
        gallery.enroll("b", np.eye(8)[0])


def test_a_keras_model_says_nothing_of_flip(network):
    flipped = model_fingerprint(network, flip=True, name="mine")
    gallery = Gallery(model=flipped)
    gallery.check_model(network)
    with pytest.raises(ValueError, match="with flip: those of mine"):
        gallery.check_model(model_fingerprint(network))


def test_where_no_model_is_known_dimensions_are_checked(network):
    gallery = Gallery(dim=5)
    with pytest.raises(ValueError, match="5 dimensions.*model of 8"):
        gallery.check_model(network)
    gallery.check_model(None)
    gallery.check_model("anything")
    assert str(ModelFingerprint("insightface")) == (
        "a model without a name (SHA-256 insightface)"
    )
    assert str(Gallery(model="buffalo_l").model) == "buffalo_l"


def test_the_gallery_needs_neither_keras_nor_tensorflow():
    """Seen in tests/gallery/gallery_writers.py too."""
    code = (
        "import importlib.util, sys, types\n"
        "spec = importlib.util.find_spec('keras_arcface')\n"
        "package = types.ModuleType('keras_arcface')\n"
        "package.__path__ = list(spec.submodule_search_locations)\n"
        "sys.modules['keras_arcface'] = package\n"
        "import keras_arcface.gallery\n"
        "print({'keras', 'tensorflow', 'faiss'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
