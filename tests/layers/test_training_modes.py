import keras
import numpy as np
import pytest

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import SmallNet
from keras_arcface.layers import freeze_batch_norm
from keras_arcface.layers import synchronize_batch_norm
from keras_arcface.layers.training_modes import modes_of
from keras_arcface.layers.training_modes import set_modes

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (8, 16, 16, 3)).astype("float32")
Y = RNG.integers(0, 5, 8).astype("int32")

on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="of TensorFlow"
)


def make_model(head="E"):
    keras.utils.set_random_seed(0)
    backbone = SmallNet((8, 8), (16, 16, 3), embedding_dim=8, head=head)
    model = ArcFaceModel(backbone, ArcMarginLayer(5, 0.3, 16.0))
    for variable in backbone.variables:
        noise = RNG.uniform(0.01, 0.1, variable.shape).astype("float32")
        variable.assign(variable + noise)
    return model


def snapshot(model):
    return {
        variable.path.removeprefix(model.name + "/"): (
            keras.ops.convert_to_numpy(variable)
        )
        for layer in (model.backbone, model.head)
        for variable in layer.variables
    }


def unmoved(model):
    """Trains two steps; returns the paths of what stayed bit for bit."""
    before = snapshot(model)
    model.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
    after = snapshot(model)
    return {p for p in before if np.array_equal(before[p], after[p])}


def of_batch_norm(model):
    return {
        p
        for p in snapshot(model)
        if any(part in p for part in ("_bn/", "normalization/", "features/"))
    }


def of_margin(model):
    """What belongs to neither, and only a callback moves."""
    return {p for p in snapshot(model) if "strength" in p}


def test_a_frozen_batch_norm_stays_and_the_rest_trains():
    model = make_model()
    assert freeze_batch_norm(model.backbone) == 5
    model.compile("sgd")
    frozen = of_batch_norm(model)
    assert len(frozen) == 20
    assert unmoved(model) - of_margin(model) == frozen


@pytest.mark.parametrize("head", ["E", "GDC"])
def test_it_stays_frozen_when_saved_and_resumed(tmp_path, head):
    model = make_model(head)
    freeze_batch_norm(model.backbone)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9))
    model.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    resumed = keras.saving.load_model(tmp_path / "model.keras")
    assert modes_of(resumed.backbone) == modes_of(model.backbone)
    unmoved_by_both = [
        unmoved(each) - of_margin(each) for each in (model, resumed)
    ]
    assert unmoved_by_both == [of_batch_norm(model)] * 2
    for one, other in zip(
        snapshot(model).values(), snapshot(resumed).values(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_frozen_backbone_is_frozen_to_the_statistics_when_saved(tmp_path):
    model = make_model()
    model.backbone.trainable = False
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9))
    unmoved(model)
    model.save(tmp_path / "model.keras")
    resumed = keras.saving.load_model(tmp_path / "model.keras")
    stayed = unmoved(resumed)
    moved = set(snapshot(resumed)) - stayed
    assert [path.split("/")[-1] for path in moved] == ["class_centers"]


def test_thawing_a_loaded_backbone_trains_all_but_the_fixed_scale(tmp_path):
    model = make_model()
    model.backbone.trainable = False
    model.save(tmp_path / "model.keras")
    thawed = keras.saving.load_model(tmp_path / "model.keras")
    thawed.backbone.trainable = True
    thawed.compile("sgd")
    stayed = unmoved(thawed) - of_margin(thawed)
    # A BatchNormalization that follows takes any offset away.
    assert stayed - {"head/normalization/beta"} == {"head/features/gamma"}


def test_a_layer_thawed_inside_a_frozen_one_stays_so(tmp_path):
    inner = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(8), keras.layers.Dense(8)]
    )
    backbone = keras.Sequential([keras.Input((8,)), inner])
    backbone.layers[0].layers[1].trainable = False
    model = ArcFaceModel(backbone, 5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    kept = [layer.trainable for layer in loaded.backbone.layers[0].layers]
    assert kept == [True, False]


@on_tensorflow
def test_synchronizing_is_saved_and_undone(tmp_path):
    model = make_model()
    assert synchronize_batch_norm(model.backbone) == 5
    model.compile("sgd")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert len(modes_of(loaded.backbone)["synchronized"]) == 5
    synchronize_batch_norm(loaded.backbone, False)
    assert modes_of(loaded.backbone) == {}


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="of JAX")
def test_jax_says_that_it_synchronizes_always():
    with pytest.raises(ValueError, match='batch_norm="train"'):
        synchronize_batch_norm(make_model().backbone)


def test_modes_of_another_network_are_refused():
    model = make_model()
    freeze_batch_norm(model.backbone)
    with pytest.raises(ValueError, match="was saved with"):
        set_modes(make_model("GDC").backbone, modes_of(model.backbone))
