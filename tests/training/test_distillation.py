import io
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
from PIL import Image
from small_run import pictures

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import DistilledModel
from keras_arcface import load_backbone
from keras_arcface import train
from keras_arcface.training import Checkpoints
from keras_arcface.training import TeacherGuard
from keras_arcface.training import label_free
from keras_arcface.training import with_teacher
from keras_arcface.training.distilled_model import weights_sha256
from keras_arcface.training.recipe import Recipe
from keras_arcface.training.recipe import sections

CLASSES = 5
IMAGES = np.random.default_rng(0).uniform(0, 255, (40, 6, 6, 3))
IMAGES = IMAGES.astype("float32")
LABELS = np.arange(40, dtype="int32") % CLASSES


def network(dim, side=6, seed=1):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((side, side, 3)),
            keras.layers.Rescaling(1 / 127.5, offset=-1),
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(dim, dtype="float32"),
        ]
    )


def make_model(dim=8, teacher_dim=8, weight=4.0, **kwargs):
    teacher = network(teacher_dim, seed=2)
    head = ArcMarginLayer(CLASSES, 0.2, 8.0, **kwargs)
    return DistilledModel(network(dim), head, weight, teacher), teacher


def fit(model, epochs=1, rate=0.05, initial_epoch=0):
    if not model.compiled:
        model.compile(keras.optimizers.SGD(rate, momentum=0.9))
    return model.fit(
        IMAGES,
        LABELS,
        batch_size=20,
        shuffle=False,
        epochs=epochs,
        initial_epoch=initial_epoch,
        verbose=0,
    ).history


def unit(vectors):
    vectors = np.asarray(vectors)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_loss_is_the_margin_loss_and_the_weighted_distance():
    model, teacher = make_model()
    features = model(IMAGES, training=True)
    cosine = (unit(features) * unit(teacher(IMAGES))).sum(axis=1)
    margin = np.asarray(model.head.margin_loss(features, LABELS)).mean()
    loss = model.compute_loss(IMAGES, LABELS, features)
    np.testing.assert_allclose(
        loss, margin + 4.0 * (1 - cosine).mean(), rtol=1e-5
    )


def test_fit_shows_both_terms_beside_their_sum():
    model, _ = make_model()
    history = fit(model, epochs=2)
    for row in range(2):
        total = history["margin_loss"][row] + history["teacher_loss"][row]
        np.testing.assert_allclose(history["loss"][row], total, rtol=1e-5)
    assert history["angle"][0] > 0


@pytest.mark.parametrize("teacher_dim", [8, 12])
def test_the_student_comes_to_embed_as_the_teacher(teacher_dim):
    model, teacher = make_model(teacher_dim=teacher_dim, weight=20.0)
    before = weights_sha256(teacher)
    history = fit(model, epochs=40)
    assert history["teacher_loss"][-1] < 0.3 * history["teacher_loss"][0]
    assert weights_sha256(teacher) == before


def test_sample_weights_count_for_both_terms():
    model, _ = make_model()
    features = model(IMAGES, training=True)
    weights = (np.arange(40) < 20).astype("float32")
    half = model.compute_loss(IMAGES[:20], LABELS[:20], features[:20])
    whole = model.compute_loss(IMAGES, LABELS, features, weights)
    np.testing.assert_allclose(whole, half / 2, rtol=1e-5)


def test_half_precision(policy):
    model, _ = make_model(teacher_dim=12)
    history = fit(model, epochs=2)
    assert np.isfinite(history["loss"]).all()
    cosine = model.teacher_cosine(IMAGES, model(IMAGES, training=True))
    assert keras.backend.standardize_dtype(cosine.dtype) == "float32"


def test_sampled_classes_and_a_teacher():
    model, _ = make_model(sample_rate=0.5)
    history = fit(model)
    assert np.isfinite(history["loss"]).all()


def shapes_in(path):
    """Returns the shapes of all arrays in a .keras file."""
    with zipfile.ZipFile(path) as archive:
        weights = io.BytesIO(archive.read("model.weights.h5"))
    shapes = set()
    with h5py.File(weights) as file:
        file.visititems(lambda _, v: shapes.add(getattr(v, "shape", None)))
    assert (8, 12) in shapes  # The projection.
    return shapes


def test_a_saved_model_holds_no_teacher_and_goes_on_with_it(tmp_path):
    model, teacher = make_model(teacher_dim=12)
    fit(model, epochs=1)
    path = tmp_path / "model.keras"
    model.save(path)
    straight = fit(model, epochs=2, initial_epoch=1)

    loaded = keras.saving.load_model(path)
    assert type(loaded) is DistilledModel
    assert not loaded.has_teacher
    assert (16, 12) in {v.shape for v in teacher.variables}
    assert (16, 12) not in shapes_in(path)
    with pytest.raises(ValueError, match=r"model\.follow\(teacher\)"):
        fit(loaded)
    loaded.follow(teacher)
    resumed = fit(loaded, epochs=2, initial_epoch=1)
    assert resumed["loss"] == straight["loss"]
    for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_teacher_is_refused(tmp_path):
    model, _ = make_model()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="is not the one"):
        loaded.follow(network(8, seed=3))


def test_a_run_does_not_go_on_with_another_teacher():
    guard, other = TeacherGuard(), TeacherGuard()
    model, _ = make_model()
    guard.set_model(model)
    state = json.loads(json.dumps(guard.state()))
    other.set_model(make_model()[0])
    other.restore(state)
    other.on_train_begin()
    head = ArcMarginLayer(CLASSES)
    other.set_model(DistilledModel(network(8), head, 1.0, network(8, seed=3)))
    with pytest.raises(ValueError, match="is not the one"):
        other.on_train_begin()


def test_the_student_is_plain(tmp_path):
    model, _ = make_model(teacher_dim=12)
    student = model.student()
    assert type(student) is ArcFaceModel
    student.save(tmp_path / "student.keras")
    loaded = keras.saving.load_model(tmp_path / "student.keras")
    np.testing.assert_array_equal(loaded.embed(IMAGES), model.embed(IMAGES))
    assert not [v for v in loaded.variables if "projection" in v.path]


def test_a_student_learns_more_classes():
    model, _ = make_model()
    assert model.extend(2).head.num_classes == CLASSES + 2


@pytest.mark.parametrize("weight", [0, -1.0, float("inf"), "10", True])
def test_a_bad_weight_is_refused(weight):
    with pytest.raises(ValueError, match="weight must be a positive number"):
        DistilledModel(network(8), CLASSES, weight, network(8))


def test_a_teacher_for_other_pictures_is_refused():
    with pytest.raises(ValueError, match="see the same pictures"):
        DistilledModel(network(8), CLASSES, 1.0, network(8, side=9))


def recipe_of(**kwargs):
    return Recipe(
        data=sections.DataSection("faces"),
        output="run",
        distillation=sections.DistillationSection(**kwargs),
    )


def test_a_recipe_brings_the_teacher(tmp_path):
    teacher = network(12, seed=2)
    path = str(tmp_path / "teacher.keras")
    teacher.save(path)
    plain = ArcFaceModel(network(8), CLASSES, name="student")
    assert with_teacher(plain, recipe_of()) is plain
    model = with_teacher(plain, recipe_of(teacher=path, weight=3.0))
    assert (model.weight, model.name) == (3.0, "student")
    assert model.backbone is plain.backbone

    model.save(tmp_path / "run.keras")
    again = keras.saving.load_model(tmp_path / "run.keras")
    recipe = recipe_of(teacher=path)
    assert with_teacher(again, recipe) is again
    network(12, seed=5).save(path)
    again = keras.saving.load_model(tmp_path / "run.keras")
    with pytest.raises(ValueError, match="is not the one"):
        with_teacher(again, recipe)


def test_without_labels():
    student, teacher = network(8), network(8, seed=2)
    before = (unit(student(IMAGES)) * unit(teacher(IMAGES))).sum(axis=1)
    model = label_free(student, teacher, keras.optimizers.SGD(0.5))
    losses = model.fit(
        IMAGES, batch_size=20, epochs=30, shuffle=False, verbose=0
    ).history["distillation_loss"]
    assert losses[-1] < losses[0] - 0.2
    after = (unit(student(IMAGES)) * unit(teacher(IMAGES))).sum(axis=1)
    assert after.mean() > before.mean() + 0.2


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """A folder of twelve identities, eight pictures of 8x8 each."""
    folder = tmp_path_factory.mktemp("faces")
    data = pictures(each=8)
    for number, image in enumerate(data.images()):
        path = folder / str(data.labels[number]) / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


def run_of(faces, folder, teacher, weights, **changes):
    return Recipe.from_values(
        {
            "data.source": str(faces),
            "data.image_size": 8,
            "output": str(folder),
            "backbone.weights": str(weights),
            "head.centers": "means",
            "distillation.teacher": str(teacher),
            "schedule.epochs": 2,
            "schedule.batch_size": 16,
            "evaluation.holdout": 0.4,
            "watch.angles": False,
            **changes,
        }
    )


def test_a_recipe_trains_a_student_and_goes_on(faces, tmp_path, monkeypatch):
    teacher, weights = tmp_path / "teacher.keras", tmp_path / "student.keras"
    network(12, side=8, seed=2).save(teacher)
    network(8, side=8).save(weights)
    whole = train(run_of(faces, tmp_path / "whole", teacher, weights))
    row = whole.history[-1]
    np.testing.assert_allclose(
        row["loss"], row["margin_loss"] + row["teacher_loss"], rtol=1e-5
    )
    assert load_backbone(str(tmp_path / "whole")).output_shape == (None, 8)

    recipe = run_of(faces, tmp_path / "cut", teacher, weights)
    monkeypatch.setattr(Checkpoints, "on_epoch_end", stopped_after_one)
    with pytest.raises(KeyboardInterrupt):
        train(recipe)
    monkeypatch.undo()
    kept = teacher.read_bytes()
    network(12, side=8, seed=5).save(teacher)
    with pytest.raises(ValueError, match="is not the one"):
        train(recipe, resume=True)
    teacher.write_bytes(kept)
    resumed = train(recipe, resume=True)
    for ours, theirs in zip(
        resumed.model.get_weights(), whole.model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


ON_EPOCH_END = Checkpoints.on_epoch_end


def stopped_after_one(self, epoch, logs=None):
    ON_EPOCH_END(self, epoch, logs)
    raise KeyboardInterrupt
