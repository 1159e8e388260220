"""The angles of a run, as the pictures themselves give them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from small_run import fit
from small_run import make_model
from small_run import pictures

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import evaluation
from keras_arcface import losses
from keras_arcface.layers import SphereFace2Layer
from keras_arcface.layers.angle_histogram import AngleHistogram
from keras_arcface.margins import MagFace
from keras_arcface.plots import plot_angles
from keras_arcface.training import AngleMonitor
from keras_arcface.training import VerificationEvaluator
from keras_arcface.training import embed_data

DATA = pictures()


def still(**kwargs):
    """A model whose weights do not move: angles can be computed after."""
    return make_model(learning_rate=1e-30, **kwargs)


def target_angles(model, data):
    features = model.backbone(np.asarray(data.images(), "float32"))
    radians = model.head.target_angle(features, data.labels.astype("int32"))
    return np.degrees(keras.ops.convert_to_numpy(radians))


def test_the_histogram_counts_every_sample_of_an_epoch():
    model, monitor = still(), AngleMonitor()
    logs = fit(model, DATA, [monitor]).history
    angles = target_angles(model, DATA)
    expected, _ = np.histogram(angles, np.arange(181))
    for row in monitor.rows:
        assert row["target_angle_counts"] == expected.tolist()
    for percent in (5, 25, 50, 75, 95):
        found = logs[f"angle_p{percent:02d}"]
        assert len(found) == 2
        # Few samples: the order statistics lie some degrees apart.
        low, high = np.quantile(
            angles, [max(0, percent / 100 - 0.03), min(1, percent / 100 + 0.03)]
        )
        assert low - 1 <= found[0] <= high + 1
    assert "angle_histogram" not in logs


def test_counts_that_were_divided_over_replicas_are_whole():
    model, monitor = still(), AngleMonitor()
    monitor.set_model(model)
    model.angle_histogram.counts.assign(np.full(180, 2.9999998, "float32"))
    monitor.on_train_begin()
    monitor.on_epoch_begin(0)
    monitor.on_epoch_end(0)
    assert monitor.rows[0]["target_angle_counts"] == [3] * 180


@pytest.mark.parametrize(
    "head",
    [
        lambda: ArcMarginLayer(12, MagFace(), 16.0, sub_centers=3),
        lambda: ArcMarginLayer(12, 0.5, 16.0, sample_rate=0.5, seed=1),
        lambda: SphereFace2Layer(12),
    ],
    ids=["sub_centers", "sampled", "binary"],
)
def test_every_head_with_class_centers_is_followed(head):
    model, monitor = still(head=head()), AngleMonitor()
    logs = fit(model, DATA, [monitor], epochs=1).history
    assert sum(monitor.rows[0]["target_angle_counts"]) == len(DATA)
    centers = keras.ops.convert_to_numpy(model.head.class_centers)
    each = getattr(model.head, "sub_centers", 1)
    expected = evaluation.nearest_angles(centers, each).mean()
    np.testing.assert_allclose(logs["w_inter"], expected)
    assert monitor.skipped == {}


def test_validation_data_leave_the_histogram_of_training():
    model, monitor = still(), AngleMonitor()
    images, labels = DATA.images().astype("float32"), DATA.labels
    model.fit(
        images, labels, validation_data=(images[:5], labels[:5]),
        callbacks=[monitor], verbose=0,
    )  # fmt: skip
    assert sum(monitor.rows[0]["target_angle_counts"]) == len(DATA)


def test_samples_without_weight_and_nan_are_not_counted():
    histogram = AngleHistogram()
    degrees = np.array([0.0, 0.5, 1.0, 90.5, 180.0, np.nan, 45.0], "float32")
    weights = np.array([1, 1, 1, 2, 1, 1, 0], "float32")
    histogram.update_state(degrees, weights)
    counts = keras.ops.convert_to_numpy(histogram.counts)
    assert counts[[0, 1, 90, 179]].tolist() == [2, 1, 2, 1]
    assert counts.sum() == 6


@pytest.mark.parametrize(
    "head, skipped",
    [
        (lambda: losses.ProxyAnchor(12), {"w_inter"}),
        (
            lambda: losses.CrossBatchMemory(losses.PairContrastiveLoss(), 16),
            {"angle", "w_inter"},
        ),
    ],
    ids=["proxies", "pairs"],
)
def test_what_a_head_cannot_tell_is_left_out_with_a_reason(
    head, skipped, tmp_path
):
    head = head()
    model, monitor = make_model(head=head), AngleMonitor(tmp_path)
    logs = fit(model, DATA, [monitor], epochs=1).history
    about = json.loads((tmp_path / "angles.json").read_text())
    assert set(about["skipped"]) == skipped
    assert type(head).__name__ in about["skipped"]["w_inter"]
    assert "w_inter" not in logs
    assert ("angle_p50" in logs) == ("angle" not in skipped)


def test_table_3_of_held_out_and_training_identities(tmp_path):
    held_out = pictures(8, seed=5)
    model = still()
    judge = VerificationEvaluator(held_out, every=2)
    monitor = AngleMonitor(tmp_path, judge, DATA)
    logs = fit(model, DATA, [judge, monitor], epochs=3).history
    expected = evaluation.angle_statistics(
        embed_data(model.backbone, held_out), held_out.labels
    )
    trained = evaluation.angle_statistics(
        embed_data(model.backbone, DATA),
        DATA.labels,
        keras.ops.convert_to_numpy(model.head.class_centers),
    )
    # Judged after the second epoch and after the last.
    assert [row.get("intra") is None for row in monitor.rows] == [
        True, False, False,
    ]  # fmt: skip
    last = {name: logs[name][-1] for name in ("intra", "inter", "w_ec")}
    np.testing.assert_allclose(
        list(last.values()), [expected.intra, expected.inter, trained.w_ec]
    )
    np.testing.assert_allclose(logs["train_intra"][-1], trained.intra)
    np.testing.assert_allclose(logs["train_inter"][-1], trained.inter)
    assert (tmp_path / "angles.png").read_bytes()[1:4] == b"PNG"


def test_some_training_classes_are_whole_and_keep_their_ids():
    model, monitor = still(), AngleMonitor(training=DATA, most_pictures=20)
    assert len(monitor.training) == 24 and len(DATA) == 72
    fit(model, DATA, [monitor], epochs=1)
    chosen = np.unique(monitor.training.labels)
    rows = np.isin(DATA.labels, chosen)
    expected = evaluation.angle_statistics(
        embed_data(model.backbone, DATA)[rows],
        DATA.labels[rows],
        keras.ops.convert_to_numpy(model.head.class_centers),
    )
    np.testing.assert_allclose(monitor.rows[0]["w_ec"], expected.w_ec)


def test_a_run_that_goes_on_drops_what_it_does_again(tmp_path):
    model = still()
    fit(model, DATA, [AngleMonitor(tmp_path)], epochs=3)
    before = json.loads((tmp_path / "angles.json").read_text())
    fit(model, DATA, [AngleMonitor(tmp_path)], epochs=3, first_epoch=1)
    assert json.loads((tmp_path / "angles.json").read_text()) == before
    assert [row["epoch"] for row in before["epochs"]] == [1, 2, 3]


@pytest.mark.parametrize("text", ["[1", '{"epochs": [{"epoch": []}]}'])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "angles.json").write_text(text)
    with pytest.raises(ValueError, match="angles.json is damaged"):
        fit(still(), DATA, [AngleMonitor(tmp_path)])


def test_the_histogram_is_no_part_of_a_saved_model(tmp_path):
    model = still()
    fit(model, DATA, [], epochs=1)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, ArcFaceModel)
    assert not keras.ops.convert_to_numpy(loaded.angle_histogram.counts).any()


def test_a_figure_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="angles to draw"):
        plot_angles([{"epoch": 1}], tmp_path / "angles.png")


REPLICAS = """
import sys
sys.path[:0] = sys.argv[1:]
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
import numpy as np
from small_run import fit, make_model, pictures
from keras_arcface.training import AngleMonitor
data = pictures()
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    model = make_model(learning_rate=1e-30)
monitor = AngleMonitor()
fit(model, data, [monitor])
print(sum(monitor.rows[0]["target_angle_counts"]),
      sum(monitor.rows[1]["target_angle_counts"]))
"""


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="tf.distribute"
)
def test_two_replicas_count_every_sample_once():
    here = Path(__file__).parent
    result = subprocess.run(
        [sys.executable, "-c", REPLICAS, str(here), str(here.parents[1])],
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.split()[-2:] == ["72", "72"]
