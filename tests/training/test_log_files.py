"""log.csv and log.jsonl, also over a kill."""

import csv
import json
import types

import keras
import numpy as np
import pytest
from small_run import fit
from small_run import make_model
from small_run import pictures

from keras_arcface.training import EpochLog
from keras_arcface.training import StepLog
from keras_arcface.training.step_facts import StepFacts

DATA = pictures()  # 9 steps of 8.


def drive(callback, model, epoch, logs, steps=9, first=0):
    """One epoch of a callback, on logs that are what they are given."""
    callback.set_model(model)
    callback.set_params({"epochs": 9, "steps": steps})
    callback.on_train_begin()
    callback.on_epoch_begin(epoch)
    for batch, values in enumerate(logs, start=first):
        callback.on_train_batch_begin(batch)
        callback.on_train_batch_end(batch, values)
    if logs:
        callback.on_epoch_end(epoch, logs[-1])


def read_csv(folder):
    with open(folder / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


def read_steps(folder):
    text = (folder / "log.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def model():
    model = make_model(learning_rate=0.25)
    model.optimizer.build(model.trainable_variables)
    return model


def test_an_epoch_is_a_line(tmp_path):
    history = fit(make_model(), DATA, [EpochLog(tmp_path)], epochs=3).history
    rows = read_csv(tmp_path)
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    np.testing.assert_array_equal(
        [float(row["loss"]) for row in rows], history["loss"]
    )


def epochs(folder, model, first, last, judged=()):
    log = EpochLog(folder)
    for epoch in range(first, last):
        values = {"loss": 10.0 - epoch}
        if epoch in judged:
            values["eer"] = 0.1 + 0.01 * epoch
        drive(log, model, epoch, [values])


def test_columns_stay_and_lines_are_neither_doubled_nor_lost(tmp_path, model):
    epochs(tmp_path, model, 0, 4, judged={1, 3})
    whole = (tmp_path / "log.csv").read_text()
    assert whole.splitlines()[:3] == ["epoch,loss,eer", "1,10.0,", "2,9.0,0.11"]
    epochs(tmp_path, model, 2, 4, judged={1, 3})
    assert (tmp_path / "log.csv").read_text() == whole
    epochs(tmp_path, model, 0, 1)
    assert (tmp_path / "log.csv").read_text() == "epoch,loss\n1,10.0\n"
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n", "epoch,loss\nx,1\n", "epoch\n1,2\n"]
)
def test_a_file_that_is_no_log_is_left_alone(tmp_path, model, text):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(ValueError, match="log.csv is no log of a run"):
        epochs(tmp_path, model, 1, 2)
    assert (tmp_path / "log.csv").read_text() == text


def means(values):
    """The logs that Keras gives of losses step by step."""
    return [
        {"loss": np.mean(values[: n + 1]), "angle": 90.0 - n}
        for n in range(len(values))
    ]


def test_every_few_steps_a_line_with_the_means_since_the_last(tmp_path, model):
    losses = [9.0, 7.0, 5.0, 3.0, 3.0, 3.0, 1.0, 1.0, 1.0]
    log = StepLog(tmp_path, every=4, batch_size=8)
    drive(log, model, 0, means(losses))
    drive(log, model, 1, means(losses[::-1]))
    rows = read_steps(tmp_path)
    assert [row["step"] for row in rows] == [4, 8, 9, 13, 17, 18]
    assert [(row["epoch"], row["batch"]) for row in rows[2:4]] == [
        (1, 9),
        (2, 4),
    ]
    np.testing.assert_allclose(
        [row["loss"] for row in rows], [6.0, 2.0, 1.0, 1.5, 4.5, 9.0]
    )
    assert all(row["learning_rate"] == 0.25 for row in rows)
    assert all(row["images_per_second"] > 0 for row in rows)
    assert "loss_scale" not in rows[0]


def test_a_run_that_goes_on_writes_what_a_whole_one_does(tmp_path, model):
    losses = [9.0, 7.0, 5.0, 3.0, 3.0, 3.0, 1.0, 1.0, 1.0]
    path = tmp_path / "log.jsonl"
    first = StepLog(tmp_path, every=4)
    drive(first, model, 0, means(losses))
    whole = path.read_text()
    path.unlink()
    # Killed after step 6 in the middle of a line; the checkpoint is of step 5.
    killed = StepLog(tmp_path, every=4)
    drive(killed, model, 0, means(losses)[:5])
    state = json.loads(json.dumps(killed.state()))
    with open(path, "a") as file:
        file.write('{"step": 6, "epoch": 1, "batch": 6}\n{"step": 7, "ep')
    again = StepLog(tmp_path, every=4)
    again.restore(state)
    drive(again, model, 0, means(losses)[5:], first=5)
    assert path.read_text() == whole


def test_a_run_from_the_start_drops_what_lay_there(tmp_path, model):
    (tmp_path / "log.jsonl").write_text('{"epoch": 1, "batch": 4}\n[]\nx\n')
    drive(StepLog(tmp_path, every=100), model, 0, means([1.0, 2.0]), steps=2)
    assert [row["step"] for row in read_steps(tmp_path)] == [2]


def test_a_loss_that_is_no_number_is_null(tmp_path, model):
    drive(StepLog(tmp_path, every=1), model, 0, [{"loss": float("nan")}])
    assert read_steps(tmp_path)[0]["loss"] is None


def test_loss_scaling_shows_its_scale_and_the_steps_it_skipped(tmp_path):
    model = make_model()
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01))
    model.compile(optimizer)
    optimizer.build(model.trainable_variables)
    optimizer.dynamic_scale.assign(3e38)
    fit(model, DATA, [StepLog(tmp_path, every=3)], epochs=2)
    rows = read_steps(tmp_path)
    applied = int(keras.ops.convert_to_numpy(optimizer.iterations))
    scale = float(keras.ops.convert_to_numpy(optimizer.dynamic_scale))
    assert rows[-1]["skipped_steps"] == 18 - applied > 0
    assert rows[-1]["loss_scale"] == scale
    counts = [row["skipped_steps"] for row in rows]
    assert counts == sorted(counts)


def test_steps_skipped_before_a_kill_are_counted_after_it():
    optimizer = types.SimpleNamespace(
        dynamic_scale=1.0, learning_rate=0.1, iterations=0
    )
    model = types.SimpleNamespace(optimizer=optimizer)
    facts = StepFacts()
    facts.begin_epoch()
    facts.begin_step(model, 0)
    optimizer.iterations = 1
    assert facts.look(model, 1, {})["skipped_steps"] == 1
    # Two more steps, one skipped, then a checkpoint and a kill.
    optimizer.iterations = 2
    state = json.loads(json.dumps(facts.state()))
    again = StepFacts()
    again.restore(state)
    again.begin_step(model, 4)
    optimizer.iterations = 4
    assert again.look(model, 5, {})["skipped_steps"] == 2
    again.begin_epoch()
    again.begin_step(model, 0)
    optimizer.iterations = 5
    assert again.look(model, 0, {})["skipped_steps"] == 2


def test_every_must_be_positive(tmp_path):
    with pytest.raises(ValueError, match="every must be at least 1"):
        StepLog(tmp_path, every=0)
