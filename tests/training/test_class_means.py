import keras
import numpy as np
import pytest

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface.data import ImageData
from keras_arcface.training import class_means
from keras_arcface.training import set_class_centers
from keras_arcface.training.building import build_model
from keras_arcface.training.recipe import Recipe

LABELS = np.array([0, 1, 0, 2, 1, 0])


@pytest.fixture(scope="module")
def data():
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), "uint8")
    return ImageData(images, LABELS, ("a", "b", "c"))


@pytest.fixture(scope="module")
def backbone():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(5),
        ]
    )


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_means_of_unit_embeddings_have_unit_length(data, backbone):
    features = unit(np.asarray(backbone(data.images().astype("float32"))))
    expected = [unit(features[LABELS == k].mean(axis=0)) for k in range(3)]
    np.testing.assert_allclose(
        class_means(backbone, data), expected, rtol=1e-4, atol=1e-6
    )


def test_every_picture_begins_nearest_to_the_mean_of_its_class(data, backbone):
    model = ArcFaceModel(backbone, ArcMarginLayer(3))
    before = np.asarray(model.head.target_angle(model(data.images()), LABELS))
    means = class_means(backbone, data)
    set_class_centers(model.head, means)
    after = np.asarray(model.head.target_angle(model(data.images()), LABELS))
    assert after.mean() < before.mean()
    np.testing.assert_array_equal(model.head.class_centers, means)


def test_sub_centers_start_beside_each_other():
    head = ArcMarginLayer(3, sub_centers=2)
    head.build((None, 5))
    means = unit(np.random.default_rng(1).normal(size=(3, 5)))
    set_class_centers(head, means)
    centers = np.asarray(head.class_centers).reshape(3, 2, 5)
    cosine = (centers * means[:, None]).sum(axis=-1)
    assert (cosine > 0.9999).all()
    assert not np.array_equal(centers[:, 0], centers[:, 1])


def test_other_classes_are_refused():
    head = ArcMarginLayer(4)
    head.build((None, 5))
    with pytest.raises(ValueError, match="a row for each class"):
        set_class_centers(head, np.ones((3, 5)))


def test_a_recipe_asks_for_means(data, backbone, tmp_path):
    path = tmp_path / "weights.keras"
    backbone.save(path)
    recipe = Recipe.from_values(
        {
            "data.source": "faces",
            "data.image_size": 4,
            "output": "run",
            "backbone.weights": str(path),
            "head.centers": "means",
        }
    )
    model = build_model(recipe, data, 3)
    means = class_means(backbone, data)
    np.testing.assert_allclose(model.head.class_centers, means, atol=1e-6)
