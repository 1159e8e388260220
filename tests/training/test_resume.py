"""State that is written and read back: training goes on to the last bit."""

import json
import shutil

import keras
import numpy as np
import pytest

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import margins
from keras_arcface.pretrained import load_backbone
from keras_arcface.training import Checkpoints
from keras_arcface.training import LossDiagnosis
from keras_arcface.training import MarginWarmup
from keras_arcface.training import Place
from keras_arcface.training import resume_point
from keras_arcface.training.averaging import averaged_weights
from keras_arcface.training.checkpoints import best_mode
from keras_arcface.training.course import Course
from keras_arcface.training.course import parts
from keras_arcface.training.saved_run import checkpoint_path
from keras_arcface.training.saved_run import read_checkpoint
from keras_arcface.training.saved_run import write_checkpoint
from keras_arcface.training.state import variables_of
from keras_arcface.utils.files import sha256

STEPS, EPOCHS, BATCH = 3, 2, 8


class Batches(keras.utils.PyDataset):
    """Batches that are a function of their number."""

    def __init__(self, first, count):
        super().__init__()
        self.first, self.count = first, count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        rng = np.random.default_rng(self.first + index)
        images = rng.uniform(0, 255, (BATCH, 8, 8, 3)).astype("float32")
        return images, rng.integers(0, 10, BATCH).astype("int32")


class Numbers(keras.callbacks.Callback):
    """What a callback is told of where it is."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_begin(self, logs=None):
        self.seen.append("begin")

    def on_train_end(self, logs=None):
        self.seen.append("end")

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        self.batch = batch

    def on_train_batch_end(self, batch, logs=None):
        assert batch == self.batch
        assert self.params["steps"] == STEPS
        self.seen.append((self.epoch, batch))


def sgd():
    return keras.optimizers.SGD(0.05, 0.9, use_ema=True, ema_momentum=0.5)


def accumulating():
    return keras.optimizers.AdamW(0.01, gradient_accumulation_steps=4)


CASES = {
    "sgd_ema_adacos": ("float32", sgd, margins.AdaCos, {}),
    "fp16_accumulation": ("mixed_float16", accumulating, margins.AdaFace, {}),
    "bf16_adam_drawn_margins": (
        "mixed_bfloat16", keras.optimizers.Adam, margins.ElasticFace, {},
    ),
    "partial_fc": (
        "float32", lambda: keras.optimizers.AdamW(0.01), margins.CurricularFace,
        {"sample_rate": 0.8},
    ),
}  # fmt: skip


def make(optimizer=sgd, margin=margins.ArcFace, head=None):
    backbone = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3, strides=2),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3),
            keras.layers.Flatten(),
            keras.layers.Dense(8),
        ]
    )
    head = ArcMarginLayer(10, margin(), 16.0, **(head or {}))
    model = ArcFaceModel(backbone, head)
    model.compile(optimizer())
    return model


def go_on(model, folder, saved=None, epochs=EPOCHS, monitor="loss", **options):
    """Trains to the end of the run; returns what `Numbers` saw."""
    numbers = Numbers()
    callbacks = [MarginWarmup(0.6), LossDiagnosis(), numbers]
    if saved is not None:
        saved.restore(model, callbacks)
    checkpoints = Checkpoints(
        folder, monitor, saved=saved, remembering=callbacks, **options
    )
    course = Course([*callbacks, checkpoints], model, epochs, STEPS, saved)

    def fit(first_epoch, first_step, last):
        first = first_epoch * STEPS + first_step
        model.fit(
            Batches(first, last * STEPS - first),
            epochs=last,
            initial_epoch=first_epoch,
            steps_per_epoch=STEPS - first_step,
            callbacks=course,
            shuffle=False,
            verbose=0,
        )

    with course.training():
        course.run(fit, Place(0, 0) if saved is None else saved.place)
    return numbers.seen


def bits(model):
    """Returns every variable's bytes, those of the metrics left out."""
    return {
        (group, number): np.asarray(variable.numpy()).tobytes()
        for group, variables in variables_of(model).items()
        for number, variable in enumerate(variables)
        if group != "metrics"
    }


def history(folder):
    rows = json.loads((folder / "history.json").read_text())
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


@pytest.mark.parametrize("case", CASES)
def test_from_any_step_training_ends_the_same(case, tmp_path):
    policy, *made = CASES[case]
    keras.config.set_dtype_policy(policy)
    try:
        _check_from_any_step(made, tmp_path)
    finally:
        keras.config.set_dtype_policy("float32")


def _check_from_any_step(made, tmp_path):
    whole = make(*made)
    seen = go_on(whole, tmp_path, every_steps=1, keep=100)
    assert seen == ["begin", *np.ndindex(EPOCHS, STEPS), "end"]
    expected, rows = bits(whole), history(tmp_path)
    keras.utils.set_random_seed(7)  # Nothing may come from here.
    resumed = make(*made)
    for step in (1, 3, 5):
        saved = read_checkpoint(
            checkpoint_path(tmp_path, Place(0, step), STEPS)
        )
        seen = go_on(resumed, tmp_path / str(step), saved, every_steps=1)
        assert seen == ["begin", *list(np.ndindex(EPOCHS, STEPS))[step:], "end"]
        assert bits(resumed) == expected
        assert history(tmp_path / str(step)) == rows


def test_an_epoch_whose_steps_were_done_is_ended(tmp_path):
    """A stop after the last step of an epoch, before its judging."""

    class Stop:
        asked = True

        def leave(self, place):
            if place == Place(0, STEPS):
                raise InterruptedError

    whole = make()
    go_on(whole, tmp_path / "whole", every_steps=2, keep=9)
    run = tmp_path / "whole"
    point = read_checkpoint(checkpoint_path(run, Place(0, 2), STEPS))
    with pytest.raises(InterruptedError):
        go_on(make(), tmp_path / "run", point, stop=Stop())
    saved = resume_point(tmp_path / "run")
    assert saved.place == Place(0, STEPS) and saved.history == []
    resumed = make()
    seen = go_on(resumed, tmp_path / "run", saved)
    assert seen == ["begin", *((1, step) for step in range(STEPS)), "end"]
    assert bits(resumed) == bits(whole)
    assert history(tmp_path / "run") == history(run)


def test_the_best_model_is_the_averaged_one(tmp_path):
    model = make()
    go_on(model, tmp_path, epochs=1)
    best = keras.saving.load_model(tmp_path / "best.keras", compile=False)
    with averaged_weights(model):
        averaged = model.backbone.get_weights()
    kept = best.backbone.get_weights()
    assert all(map(np.array_equal, kept, averaged))
    training = model.backbone.get_weights()
    assert not np.array_equal(kept[0], training[0])


def test_a_checkpoint_brings_its_model(tmp_path):
    model = make()
    go_on(model, tmp_path)
    saved = resume_point(tmp_path)
    loaded = saved.load_model()
    images, _ = Batches(0, 1)[0]
    np.testing.assert_array_equal(loaded.embed(images), model.embed(images))
    shutil.rmtree(tmp_path / "checkpoints")
    assert resume_point(tmp_path) is None


def test_the_value_to_choose_by_must_be_there(tmp_path):
    with pytest.raises(ValueError, match="one of angle, loss.*monitor='err'"):
        go_on(make(), tmp_path, monitor="err", judged_every=1)
    assert resume_point(tmp_path) is None


class NoNumber(keras.callbacks.Callback):
    """A judge whose value is a number from an epoch on, or never."""

    def __init__(self, first):
        super().__init__()
        self.first = first

    def on_epoch_end(self, epoch, logs=None):
        logs["tar"] = 0.5 if epoch >= self.first else float("nan")


def fit_judged(folder, first):
    checkpoints = Checkpoints(folder, "tar", judged_every=2)
    make().fit(
        Batches(0, STEPS),
        epochs=4,
        callbacks=[NoNumber(first), checkpoints],
        verbose=0,
    )
    return [row["tar"] for row in checkpoints.history]


def test_the_value_to_choose_by_must_be_a_number(tmp_path):
    with pytest.raises(ValueError, match="monitor='tar' is no number.*=eer"):
        fit_judged(tmp_path / "never", first=9)
    assert resume_point(tmp_path / "never").place.epoch == 1
    assert fit_judged(tmp_path / "later", first=1) == [None, 0.5, 0.5, 0.5]


def test_copies_of_checkpoints_are_none(tmp_path):
    go_on(make(), tmp_path, epochs=1)
    (copied,) = (tmp_path / "checkpoints").iterdir()
    copy = copied.with_name(f"{copied.name} (1)")
    shutil.copytree(copied, copy)
    assert resume_point(tmp_path).path == copied
    go_on(make(), tmp_path, keep=1)
    assert resume_point(tmp_path).place.epoch == 2 and copy.exists()


@pytest.mark.parametrize(
    "text",
    [
        '{"variables": {"model": [{"dtype": "float8_x"}]}, "sha256": "SUM"}',
        '{"variables": [], "sha256": 1}',
        '{"variables": {}, "sha256": "SUM", "place": []}',
        "[]",
        "[" * 100_000,
    ],
)
def test_whatever_a_checkpoint_holds_it_is_called_damaged(tmp_path, text):
    path = checkpoint_path(tmp_path, Place(0, 1), STEPS)
    model = make()
    model.optimizer.build(model.trainable_variables)
    run = {"steps_per_epoch": 3, "phase": 0, "history": [], "seconds": 0.0}
    write_checkpoint(path, model, Place(0, 1), **run)
    text = text.replace("SUM", sha256(path / "variables.npz"))
    (path / "run.json").write_text(text)
    sums = {n: sha256(path / n) for n in ("run.json", "model.json")}
    (path / "sha256.json").write_text(json.dumps(sums))
    with pytest.raises(ValueError, match="step-00000001 is damaged: "):
        read_checkpoint(path)


def test_what_was_restored_is_let_go_of(tmp_path):
    model = make()
    go_on(model, tmp_path, every_steps=2)
    path = checkpoint_path(tmp_path, Place(1, 1), STEPS)
    saved = read_checkpoint(path)
    saved.forget()
    assert list(saved.values) == ["metrics"]
    model.reset_metrics()
    saved.restore_metrics(model)
    assert float(model.get_metrics_result()["angle"]) > 0


def test_a_run_without_a_best_model_says_so(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(ValueError, match="first epoch is not done.*--resume"):
        load_backbone(str(tmp_path))


def test_a_run_is_cut_where_fit_can_begin():
    assert list(parts(Place(0, 0), 3, 5)) == [(0, 0, 3)]
    assert list(parts(Place(1, 2), 3, 5)) == [(1, 2, 2), (2, 0, 3)]
    assert list(parts(Place(2, 5), 3, 5)) == [(2, 5, 3)]
    assert list(parts(Place(3, 0), 3, 5)) == []


def test_another_model_is_refused(tmp_path):
    path = tmp_path / "checkpoints" / "step-1"
    model = make()
    model.optimizer.build(model.trainable_variables)
    write_checkpoint(
        path, model, Place(0, 1), steps_per_epoch=3, phase=0, history=[],
        seconds=0.0,
    )  # fmt: skip
    saved = read_checkpoint(path)
    saved.restore(make())  # Its layers have other numbers in their names.
    with pytest.raises(ValueError, match=r"fit the optimizer: \d+ variables"):
        saved.restore(make(keras.optimizers.SGD))
    other = make(head={"sub_centers": 2})
    with pytest.raises(ValueError, match=r"class_centers \(10, 8\).*\(20, 8\)"):
        saved.restore(other)


def test_dtypes_that_numpy_lacks_are_kept(tmp_path):
    class Model:
        optimizer, metrics = None, []

        def __init__(self, fill):
            self.variables = [
                keras.Variable(fill((3,)), dtype="bfloat16"),
                keras.Variable(fill(()), dtype="uint32"),
                keras.Variable(fill((2,)) > 0, dtype="bool"),
            ]

        def to_json(self):
            return "{}"

    run = {"steps_per_epoch": 3, "phase": 0, "history": [], "seconds": 0.0}
    write_checkpoint(tmp_path / "a", Model(np.ones), Place(0, 1), **run)
    model = Model(np.zeros)
    read_checkpoint(tmp_path / "a").restore(model)
    for variable, expected in zip(
        model.variables, Model(np.ones).variables, strict=True
    ):
        assert variable.dtype == expected.dtype
        np.testing.assert_array_equal(variable.numpy(), expected.numpy())


def test_callbacks_of_one_class_are_kept_apart(tmp_path):
    class Best:
        def __init__(self, value):
            self.value = value

        def state(self):
            return {"value": self.value}

        def restore(self, state):
            self.value = state["value"]

    model = make()
    model.optimizer.build(model.trainable_variables)
    run = {"steps_per_epoch": 3, "phase": 0, "history": [], "seconds": 0.0}
    before = [Best(np.float32(0.1)), Best(float("inf")), object()]
    write_checkpoint(tmp_path / "a", model, Place(0, 1), before, **run)
    after = [Best(0), Best(0), object()]
    read_checkpoint(tmp_path / "a").restore(model, after)
    assert after[0].value == np.float32(0.1)
    assert after[1].value == float("inf")
    bad = [Best({1, 2})]
    with pytest.raises(TypeError, match="JSON-able"):
        write_checkpoint(tmp_path / "b", model, Place(0, 1), bad, **run)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    "monitor, mode",
    [
        ("eer", "min"),
        ("lfw_eer", "min"),
        ("fnmr@1e-3", "min"),
        ("loss", "min"),
        ("verification_accuracy", "max"),
        ("tar_at_far_0.01", "max"),
        ("margin_strength", "max"),
        ("angle_p50", "min"),
        ("train_intra", "min"),
        ("w_ec", "min"),
        ("w_inter", "max"),
    ],
)
def test_errors_are_best_when_small(monitor, mode):
    assert best_mode(monitor) == mode
