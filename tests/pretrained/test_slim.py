import keras
import numpy as np
import pytest
from drawn_faces import drawn_faces

from keras_arcface import embed
from keras_arcface.backbones import MobileFaceNet
from keras_arcface.pretrained import inherit
from keras_arcface.pretrained import load_pretrained

SMALL = {"input_shape": (32, 32, 3), "blocks": (1, 2, 2, 1)}
IMAGES = np.random.default_rng(0).uniform(0, 255, (24, 32, 32, 3))


def make(layout, **kwargs):
    return MobileFaceNet(16, layout, **{**SMALL, **kwargs})


@pytest.fixture(scope="module")
def teacher():
    """A network with statistics of its own, as after training."""
    keras.utils.set_random_seed(0)
    model = make("sirius_tf")
    random = np.random.default_rng(1)
    for weight in model.weights:
        if weight.path.endswith(("gamma", "variance")):
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
        elif weight.path.endswith(("beta", "mean")):
            weight.assign(random.normal(0, 0.2, weight.shape))
    return model


def cosines(first, second):
    first, second = (
        np.asarray(model(IMAGES, training=False)) for model in (first, second)
    )
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return (first * second).sum(axis=1) / lengths


def half_silent(teacher):
    """The teacher, with nothing coming from half of the channels inside."""
    model = make("sirius_tf")
    model.set_weights(teacher.get_weights())
    random = np.random.default_rng(2)
    for layer in model.layers:
        if layer.name.endswith(("project_conv",)):
            kernel = layer.get_weights()[0]
            size = kernel.shape[2]
            kernel[:, :, random.permutation(size)[: size // 2]] = 0
            layer.set_weights([kernel])
    head = model.get_layer("head")
    kernel = head.depthwise.get_weights()[0]
    gamma, beta, mean, variance = head.normalization.get_weights()
    silent = random.permutation(512)[:256]
    kernel[:, :, silent] = gamma[silent] = beta[silent] = 0
    head.depthwise.set_weights([kernel])
    head.normalization.set_weights([gamma, beta, mean, variance])
    return model


def test_only_channels_that_say_nothing_are_lost(teacher):
    """Folding is exact, and the strongest channels are the ones kept."""
    silenced = half_silent(teacher)
    student = make("slim")
    inherit(student, silenced)
    outputs = [
        np.asarray(model(IMAGES, training=False))
        for model in (student, silenced)
    ]
    np.testing.assert_allclose(*outputs, rtol=1e-3, atol=1e-4)


def test_an_inherited_start_is_nearer_than_a_random_one(teacher):
    student, random = make("slim", blocks=(1, 1, 2, 1)), make("slim")
    inherit(student, teacher)
    assert cosines(student, teacher).mean() > cosines(random, teacher).mean()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"blocks": (1, 3, 2, 1)}, "no more blocks"),
        ({"pixel_scaling": {"std": 128.0}}, "differ in pixel_scaling"),
        ({"head": "GAP"}, "differ in head"),
    ],
)
def test_other_students_are_refused(teacher, change, message):
    with pytest.raises(ValueError, match=message):
        inherit(make("slim", **change), teacher)


def test_the_shipped_student_embeds_much_as_its_teacher():
    """On drawn faces, which neither was trained on."""
    student = load_pretrained("mobilefacenet_slim_192")
    teacher = load_pretrained("mobilefacenet_ms1m_192")
    ours, theirs = (embed(model, drawn_faces()) for model in (student, teacher))
    assert student.count_params() == 497_216
    assert ((ours * theirs).sum(axis=1) > 0.8).all()


def test_a_first_stage_of_several_blocks_is_refused():
    blocks = (2, 1, 1, 1)
    with pytest.raises(ValueError, match="both one at the first resolution"):
        inherit(make("slim", blocks=blocks), make("sirius_tf", blocks=blocks))


def test_other_layouts_are_refused(teacher):
    with pytest.raises(ValueError, match="layout"):
        inherit(make("arcface_torch"), teacher)
