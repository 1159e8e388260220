"""TensorBoard's files, read back with its own readers."""

import json
import sys

import keras
import numpy as np
import pytest
from PIL import Image
from small_run import fit
from small_run import make_model
from small_run import pictures

from keras_arcface.training import AngleMonitor
from keras_arcface.training import TensorBoardLog
from keras_arcface.training import VerificationEvaluator
from keras_arcface.training import write_projector

DATA = pictures()
NAMES = ["Ada\tLovelace", "two\nlines", "", "Zoë", "plain"]


def test_without_tensorboard_the_pip_command_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ImportError, match=r"keras-arcface\[tensorboard\]"):
        TensorBoardLog(tmp_path)


def config_of(folder):
    from google.protobuf import text_format
    from tensorboard.plugins.projector import projector_config_pb2

    text = (folder / "projector_config.pbtxt").read_text()
    config = text_format.Parse(text, projector_config_pb2.ProjectorConfig())
    (embedding,) = config.embeddings
    return embedding


@pytest.mark.parametrize("size", [(8, 8), (200, 100)])
def test_a_projectors_vectors_names_and_tiles_fit(tmp_path, size):
    pytest.importorskip("tensorboard")
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(5, 3))
    colours = np.arange(5, dtype="uint8")[:, None, None, None] * 50
    images = np.broadcast_to(colours, (5, *size, 3))
    write_projector(tmp_path, vectors, NAMES, images, 'a "title"\n')
    embedding = config_of(tmp_path)
    read = np.loadtxt(tmp_path / embedding.tensor_path, delimiter="\t")
    np.testing.assert_allclose(read, vectors, rtol=1e-5)
    lines = (tmp_path / embedding.metadata_path).read_text("utf-8").split("\n")
    assert lines == [r"Ada\tLovelace", r"two\nlines", "?", "Zoë", "plain", ""]
    width, height = embedding.sprite.single_image_dim
    assert (width, height) == ((8, 8) if size == (8, 8) else (32, 64))
    with Image.open(tmp_path / embedding.sprite.image_path) as opened:
        sprite = opened.convert("RGB")
    assert sprite.size == (3 * width, 3 * height)
    for index in range(5):
        row, column = divmod(index, 3)
        middle = ((column + 0.5) * width, (row + 0.5) * height)
        assert sprite.getpixel(tuple(map(int, middle))) == (50 * index,) * 3
    assert embedding.tensor_name == r'a "title"\n'


def test_a_projector_needs_no_pictures_but_as_many_names(tmp_path):
    pytest.importorskip("tensorboard")
    write_projector(tmp_path, np.eye(2), ["a", "b"])
    assert not config_of(tmp_path).HasField("sprite")
    with pytest.raises(ValueError, match="2 embeddings, 1 names"):
        write_projector(tmp_path, np.eye(2), ["a"])


def events(folder):
    from tensorboard.backend.event_processing import event_accumulator

    found = event_accumulator.EventAccumulator(
        str(folder), {event_accumulator.TENSORS: 0}
    )
    return found.Reload()


def values(found, tag):
    from tensorboard.util import tensor_util

    return [
        (event.step, tensor_util.make_ndarray(event.tensor_proto).tolist())
        for event in found.Tensors(tag)
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two epochs of nine steps, judged and watched."""
    pytest.importorskip("tensorboard")
    folder = tmp_path_factory.mktemp("run")
    keras.utils.set_random_seed(0)
    judge = VerificationEvaluator(pictures(8, seed=5))
    angles = AngleMonitor(judge=judge)
    board = TensorBoardLog(folder, 4, 8, judge, angles, most=20)
    history = fit(make_model(), DATA, [judge, angles, board]).history
    return folder / "tensorboard", history, angles, judge


def test_scalars_of_steps_and_epochs(run):
    folder, history, _, _ = run
    found = events(folder)
    for name in ("loss", "angle", "eer", "w_inter", "angle_p50", "intra"):
        steps, read = zip(*values(found, f"epoch/{name}"), strict=True)
        assert steps == (9, 18)
        np.testing.assert_allclose(read, history[name], rtol=1e-5)
    steps, rates = zip(*values(found, "step/learning_rate"), strict=True)
    assert steps == (4, 8, 9, 13, 17, 18)
    np.testing.assert_allclose(rates, 0.05, rtol=1e-6)
    losses = [loss for _, loss in values(found, "step/loss")]
    mean = (4 * losses[0] + 4 * losses[1] + losses[2]) / 9
    np.testing.assert_allclose(mean, history["loss"][0], rtol=1e-4)
    assert min(v for _, v in values(found, "step/images_per_second")) > 0


def test_the_histogram_of_target_angles(run):
    folder, _, angles, _ = run
    found = events(folder)
    for row, (step, bins) in zip(
        angles.rows, values(found, "target_angle"), strict=True
    ):
        assert step == 9 * row["epoch"]
        counts = np.zeros(180)
        for left, right, count in bins:
            assert right == left + 1
            counts[int(left)] = count
        np.testing.assert_array_equal(counts, row["target_angle_counts"])
    about = found.SummaryMetadata("target_angle")
    assert about.plugin_data.plugin_name == "histograms"


def test_the_projector_of_a_run_is_a_sample_of_the_held_out(run):
    folder, _, _, judge = run
    embedding = config_of(folder)
    vectors = np.loadtxt(folder / embedding.tensor_path, delimiter="\t")
    names = (folder / embedding.metadata_path).read_text().splitlines()
    assert vectors.shape == (20, 16) and len(names) == 20
    for vector, name in zip(vectors, names, strict=True):
        row = np.abs(judge.embeddings - vector).sum(axis=1).argmin()
        np.testing.assert_allclose(judge.embeddings[row], vector, atol=1e-5)
        assert name == f"identity {judge.labels[row]}"
    with Image.open(folder / embedding.sprite.image_path) as sprite:
        assert sprite.size == (5 * 8, 5 * 8)  # 20 tiles in a square of 25.


def test_what_it_remembers_survives_json(tmp_path):
    pytest.importorskip("tensorboard")
    board = TensorBoardLog(tmp_path)
    known = {"means": {"loss": 1.5}, "steps": 3, "skipped": 2}
    known["applied"] = [12, 5]
    board.restore(known)
    assert json.loads(json.dumps(board.state())) == known
    with pytest.raises(ValueError, match="every must be at least 1"):
        TensorBoardLog(tmp_path, every=0)
