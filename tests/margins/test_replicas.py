"""State of a margin on two replicas: the same on both, the mean of both."""

import json
import os
import subprocess
import sys

import keras
import pytest

CODE = """
import json
import numpy as np
import tensorflow as tf

cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(
    cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
import keras
import keras_arcface as ka

x = np.random.default_rng(0).normal(size=(16, 8)).astype("float32") * 20
y = np.random.default_rng(1).integers(0, 5, 16).astype("int32")
MAKERS = {
    "AdaFace": lambda: ka.AdaFace(t_alpha=1.0),
    "CurricularFace": lambda: ka.CurricularFace(momentum=0.0),
    "AdaCos": lambda: ka.AdaCos(),
    "ASoftmax": lambda: ka.ASoftmax(),
}

def build(name):
    keras.utils.set_random_seed(0)
    backbone = keras.Sequential([keras.Input((8,)), keras.layers.Identity()])
    head = ka.ArcMarginLayer(5, MAKERS[name](), 16.0)
    model = ka.ArcFaceModel(backbone, head)
    model.compile(keras.optimizers.SGD(0.0))
    return model

def states(model):
    return [v for v in model.head.margin.non_trainable_variables
            if "strength" not in v.path]

result = {}
for name in MAKERS:
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        model = build(name)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    model.fit(data, verbose=0, shuffle=False)
    copies = [
        [float(v) for v in strategy.experimental_local_results(s.value)]
        for s in states(model)
    ]
    halves = []
    for half in (slice(0, 8), slice(8, 16)):
        alone = build(name)
        alone.head.margin_loss(x[half], y[half])
        halves.append([float(s.numpy()) for s in states(alone)])
    result[name] = {"copies": copies, "mean": np.mean(halves, 0).tolist()}
print(json.dumps(result))
"""


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="of tf.distribute"
)
def test_replicas_agree_on_the_state():
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert set(result) == {"AdaFace", "CurricularFace", "AdaCos", "ASoftmax"}
    for name, state in result.items():
        for copies, mean in zip(state["copies"], state["mean"], strict=True):
            assert len(copies) == 2, name
            assert copies[0] == copies[1], name
            assert copies[0] == pytest.approx(mean, rel=1e-5), name
