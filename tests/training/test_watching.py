"""Who judges and watches a run, made from its recipe."""

import csv
import json

import keras
import numpy as np
import pytest
from PIL import Image
from small_run import fit
from small_run import make_model
from small_run import pictures

from keras_arcface.data import VerificationSet
from keras_arcface.data import pairs_from_labels
from keras_arcface.evaluation import nearest_angles
from keras_arcface.training import AngleMonitor
from keras_arcface.training import Checkpoints
from keras_arcface.training import Recipe
from keras_arcface.training import VerificationEvaluator
from keras_arcface.training import embed_data
from keras_arcface.training import make_callbacks
from keras_arcface.training import make_judge
from keras_arcface.training import open_sets
from keras_arcface.training import verify
from keras_arcface.training.watching import check_monitor
from keras_arcface.training.watching import read_batch
from keras_arcface.training.watching import restore_last

DATA, HELD_OUT = pictures(), pictures(8, seed=5)


def some_set(name, seed):
    data = pictures(8, seed=seed)
    return VerificationSet(data, pairs_from_labels(data.labels, 40, 2), name)


def test_several_sets_are_judged_under_their_names():
    sets = [some_set("lfw.bin", 6), some_set("cfp-fp.bin", 7)]
    sets.append(some_set("other/lfw.bin", 6))
    judge = VerificationEvaluator(HELD_OUT, sets=sets)
    model = make_model()
    logs = fit(model, DATA, [judge], epochs=1).history
    for name, each in zip(("lfw", "cfp_fp", "lfw_2"), sets, strict=True):
        report, _ = verify(model.backbone, each.data, each.pairs, bootstrap=0)
        assert logs[f"{name}_accuracy"] == [report.accuracy]
        assert logs[f"{name}_eer"] == [report.eer]
        assert f"{name}_tar_at_far_0.01" in logs
    report, _ = verify(model.backbone, HELD_OUT, judge.pairs, bootstrap=0)
    assert logs["verification_accuracy"] == [report.accuracy]
    assert "lfw_2: 40 pairs" in judge.describe()


def test_without_held_out_identities_the_first_set_is_the_judge():
    judge = VerificationEvaluator(None, sets=[some_set("lfw.bin", 6)])
    logs = fit(make_model(), DATA, [judge], epochs=1).history
    assert logs["eer"] == logs["lfw_eer"]
    with pytest.raises(ValueError, match="nothing to judge by"):
        VerificationEvaluator(None)


@pytest.mark.parametrize(
    "every, last, judged", [(2, None, [2, 4, 5]), (3, 6, [3]), (9, 5, [5])]
)
def test_every_few_epochs_and_the_last_are_judged(every, last, judged):
    judge = VerificationEvaluator(HELD_OUT, every=every, epochs=last)
    judge.set_model(make_model())
    judge.set_params({"epochs": 5})
    seen = []
    for epoch in range(5):
        judge.on_epoch_begin(epoch)
        logs = {}
        judge.on_epoch_end(epoch, logs)
        assert ("eer" in logs) == (judge.embeddings is not None)
        seen += [epoch + 1] * ("eer" in logs)
    assert seen == judged


def test_every_must_be_positive():
    with pytest.raises(ValueError, match="every must be at least 1"):
        VerificationEvaluator(HELD_OUT, every=0)


def test_a_csv_of_pairs_finds_its_pictures_beside_it(tmp_path):
    for index in range(4):
        folder = tmp_path / f"person{index // 2}"
        folder.mkdir(exist_ok=True)
        image = Image.fromarray(np.full((8, 8, 3), index, "uint8"))
        image.save(folder / f"{index}.png")
    rows = [(0, "person0/0", "person0/1", 1), (0, "person0/0", "person1/2", 0)]
    with open(tmp_path / "pairs.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("fold", "left", "right", "is_same"), *rows])
    (found,) = open_sets([str(tmp_path / "pairs.csv")], (8, 8))
    assert len(found) == 2 and found.data.images()[:, 0, 0, 0].max() < 4


def recipe(tmp_path, **changes):
    values = {
        "data.source": "glyphs",
        "data.image_size": 8,
        "data.augment": "none",
        "output": str(tmp_path),
        "schedule.epochs": 2,
        "schedule.batch_size": 8,
        "head.margin_warmup": 0.0,
        "watch.every_steps": 4,
    }
    return Recipe.from_values({**values, **changes}).resolved()


def test_the_callbacks_come_in_their_order(tmp_path):
    pytest.importorskip("tensorboard")
    changes = {"watch.tensorboard": True, "head.margin_warmup": 0.5}
    plan = recipe(tmp_path, **changes, **{"evaluation.every": 2})
    judge = make_judge(plan, HELD_OUT)
    callbacks = make_callbacks(plan, DATA, judge, tmp_path)
    assert [type(callback).__name__ for callback in callbacks] == [
        "MarginWarmup", "NaNGuard", "LossDiagnosis", "VerificationEvaluator",
        "AngleMonitor", "EpochLog", "StepLog", "TensorBoardLog",
        "TrainingProgress",
    ]  # fmt: skip
    history = fit(make_model(), DATA, callbacks).history
    with open(tmp_path / "log.csv", newline="") as file:
        last = list(csv.DictReader(file))[-1]
    for name in ("loss", "eer", "w_inter", "w_ec", "angle_p50", "intra"):
        assert float(last[name]) == pytest.approx(history[name][-1])
    steps = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in steps] == [
        4, 8, 9, 13, 17, 18,
    ]  # fmt: skip
    for name in ("angles.json", "angles.png", "tensorboard"):
        assert (tmp_path / name).exists()


def test_the_value_to_choose_by_is_one_that_an_epoch_has(tmp_path):
    plan = recipe(tmp_path, **{"evaluation.monitor": "w_inter"})
    judge, model = make_judge(plan, HELD_OUT), make_model()
    check_monitor(plan, judge, model)
    for changes in (
        {"evaluation.monitor": "w_inter", "watch.angles": False},
        {"evaluation.monitor": "lfw_eer"},
    ):
        with pytest.raises(ValueError, match="evaluation.monitor must.* eer"):
            check_monitor(recipe(tmp_path, **changes), judge, model)
    with pytest.raises(ValueError) as caught:
        plan = recipe(tmp_path, **{"evaluation.monitor": "foo"})
        check_monitor(plan, judge, model)
    named = str(caught.value).partition("one of ")[2].partition(". Rec")[0]
    logs = fit(make_model(), DATA, make_callbacks(plan, DATA, judge, tmp_path))
    assert set(named.split(", ")) <= set(logs.history)
    assert set(logs.history) <= set(named.split(", ")) | {"margin_strength"}


def test_what_is_switched_off_is_not_there(tmp_path):
    plan = recipe(tmp_path, **{"watch.angles": False, "watch.csv": False})
    judge = make_judge(plan, HELD_OUT)
    callbacks = make_callbacks(plan, DATA, judge, tmp_path)
    assert [type(callback).__name__ for callback in callbacks] == [
        "NaNGuard", "LossDiagnosis", "VerificationEvaluator",
        "TrainingProgress",
    ]  # fmt: skip


def test_a_batch_is_read_again_as_it_was(tmp_path):
    plan = recipe(tmp_path)
    batches = DATA.batches(8, epoch=1, drop_remainder=True)
    images, labels = list(batches)[3]
    again = read_batch(plan, DATA, 1, 3)
    np.testing.assert_array_equal(again[0], images)
    np.testing.assert_array_equal(again[1], labels)


def test_the_guard_finds_the_last_checkpoint_of_a_run(tmp_path):
    model = make_model()
    assert restore_last(tmp_path, model) is None
    fit(model, DATA, [Checkpoints(tmp_path, "loss")], epochs=1)
    kernel = model.backbone.layers[-1].kernel
    before = keras.ops.convert_to_numpy(kernel)
    kernel.assign(np.full((192, 16), np.nan))
    assert restore_last(tmp_path, model) == "step-00000009"
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(kernel), before)


def test_the_moving_average_is_what_is_judged_and_measured():
    model, judge = make_model(), VerificationEvaluator(HELD_OUT)
    model.compile(keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.9))
    monitor = AngleMonitor(judge=judge)
    trained = Weights()
    logs = fit(model, DATA, [judge, monitor, trained], epochs=1).history
    # Keras has made the average the weights by now; the weights that train
    # were others.
    np.testing.assert_allclose(
        judge.embeddings, embed_data(model.backbone, HELD_OUT), atol=1e-5
    )
    centers = keras.ops.convert_to_numpy(model.head.class_centers)
    assert np.abs(trained.centers - centers).max() > 1e-4
    expected = nearest_angles(centers).mean()
    np.testing.assert_allclose(logs["w_inter"], expected, rtol=1e-5)


class Weights(keras.callbacks.Callback):
    """Remembers the class centres that train."""

    def on_epoch_end(self, epoch, logs=None):
        head = self.model.head
        self.centers = keras.ops.convert_to_numpy(head.class_centers).copy()
