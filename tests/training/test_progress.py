"""What a person sees while training runs, on a clock of our own."""

import keras
import pytest
from small_run import make_model

from keras_arcface.training import TrainingProgress
from keras_arcface.training import progress


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.fixture(scope="module")
def model():
    return make_model(learning_rate=0.25)


def start(model, epochs_of_fit, **kwargs):
    watch = TrainingProgress(8, **kwargs)
    watch.set_model(model)
    watch.set_params({"epochs": epochs_of_fit, "steps": 10})
    watch.on_train_begin()
    return watch


def run_epoch(watch, clock, epoch, first=0, seconds=2.0, judging=50.0):
    watch.on_epoch_begin(epoch)
    for step in range(first, 10):
        watch.on_train_batch_begin(step)
        clock.now += seconds
        watch.on_train_batch_end(step, {"loss": 3.0, "angle": 80.0})
    clock.now += judging
    watch.on_epoch_end(
        epoch, {"loss": 3.0, "angle_p50": 7.0, "eer": 0.25, "x": float("nan")}
    )


def test_an_epochs_line(clock, model, capsys):
    watch = start(model, 3)
    run_epoch(watch, clock, 0)
    line = capsys.readouterr().err
    assert line.startswith("epoch 1/3  loss 3.0000  eer 0.2500  rate 0.25  (")
    # 8 pictures in 2 seconds; two epochs of 20 seconds and 50 of judging.
    assert "70 s, 4 images/s, 2:20 left)" in line
    assert "angle_p50" not in line and "nan" not in line


def test_the_step_that_compiles_is_no_part_of_the_speed(clock, model, capsys):
    watch = start(model, 2)
    watch.on_epoch_begin(0)
    clock.now += 500.0
    watch.on_train_batch_end(0, {"loss": 3.0})
    assert "images/s" not in capsys.readouterr().err
    for step in range(1, 10):
        clock.now += 2.0
        watch.on_train_batch_end(step, {"loss": 3.0})
    watch.on_epoch_end(0, {"loss": 3.0})
    assert "518 s, 4 images/s, 0:20 left" in capsys.readouterr().err


def test_a_run_resumed_in_the_middle_of_an_epoch(clock, model, capsys):
    watch = start(model, 3)
    run_epoch(watch, clock, 1, first=6)
    assert "58 s, 4 images/s, 1:10 left" in capsys.readouterr().err


def test_an_epoch_of_which_only_the_end_is_left(clock, model, capsys):
    watch = start(model, 3)
    watch.on_epoch_begin(0)
    clock.now += 3.0
    watch.on_epoch_end(0, {"loss": 3.0})
    assert capsys.readouterr().err.strip().endswith("(3 s)")


def test_the_end_is_that_of_the_run_and_not_of_one_fit(clock, model, capsys):
    watch = start(model, 1, epochs=4)
    run_epoch(watch, clock, 0)
    line = capsys.readouterr().err
    assert line.startswith("epoch 1/4") and "3:30 left" in line


def test_plain_lines_come_every_few_seconds(clock, model, capsys):
    watch = start(model, 1, every_seconds=6.0)
    watch.on_epoch_begin(0)
    for step in range(9):
        clock.now += 2.0
        watch.on_train_batch_end(step, {"loss": 3.0, "angle": 80.0})
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("  ")[1] for line in lines] == [
        "step 3/10", "step 6/10", "step 9/10",
    ]  # fmt: skip
    assert lines[1] == (
        "epoch 1/1  step 6/10  loss 3.000  angle 80.000 deg  rate 0.25  "
        "4 images/s  0:08 left"
    )


def test_a_terminal_gets_a_bar_that_is_taken_away(clock, model, monkeypatch):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True)
    watch = start(model, 1)
    watch.on_epoch_begin(0)
    clock.now += 1.0
    watch.on_train_batch_end(0, {"loss": 3.0})
    task = watch._bar.tasks[0]
    assert task.completed == 1 and "loss 3.000" in task.fields["text"]
    watch.close()
    assert watch._bar is None


def test_the_rate_is_that_of_a_schedule_at_its_step(clock, capsys):
    model = make_model()
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
        [2], [0.5, 0.1]
    )
    model.compile(keras.optimizers.SGD(schedule))
    model.optimizer.build(model.trainable_variables)
    model.optimizer.iterations.assign(5)
    run_epoch(start(model, 1), clock, 0)
    assert "rate 0.1 " in capsys.readouterr().err
