"""Memory of a training step: one device, eight replicas, eight shards.

Command:  python benchmarks/devices.py [classes] [embedding_dim]
Data:     none; the step is compiled and not run, batch 256
Hardware: two processor cores, taken for eight devices; JAX
Time:     about a minute
Expects:  a shard keeps an eighth of what one device or a replica keeps

`state_mib` is what a device keeps between steps: weights and momentum.
`step_mib` is what the compiler reserves besides, while a step runs.
"""

import contextlib
import json
import os
import sys

os.environ["KERAS_BACKEND"] = "jax"
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"

import jax
import keras
import numpy as np

import keras_arcface as ka

BATCH = 256


def compiled_step(num_classes, dim, distribution):
    """Returns the compiled training step of a head with next to no backbone."""
    backbone = keras.Sequential([keras.Input((8,)), keras.layers.Dense(dim)])
    model = ka.ArcFaceModel(backbone, ka.ArcMarginLayer(num_classes))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    model.optimizer.build(model.trainable_variables)
    state = tuple(
        [v.value for v in variables]
        for variables in (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )
    )
    data = (np.zeros((BATCH, 8), "float32"), np.zeros(BATCH, "int32"))
    options = {}
    if distribution is not None:
        layout = distribution.get_data_layout
        data = tuple(
            jax.device_put(v, layout(v.shape).backend_layout) for v in data
        )
        places = jax.tree.map(lambda each: each.sharding, state)
        options = {"out_shardings": (None, places)}
    step = jax.jit(model.train_step, donate_argnums=0, **options)
    return step.lower(state, data).compile()


def main(num_classes=96_000, dim=128):
    cases = {
        "one device": None,
        "replicated on 8": keras.distribution.DataParallel(),
        "sharded over 8": ka.sharded_centers(),
    }
    for name, distribution in cases.items():
        scope = distribution.scope() if distribution else None
        with scope or contextlib.nullcontext():
            step = compiled_step(num_classes, dim, distribution)
        memory = step.memory_analysis()
        row = {
            "case": name,
            "state_mib": round(memory.argument_size_in_bytes / 2**20, 1),
            "step_mib": round(memory.temp_size_in_bytes / 2**20, 1),
        }
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
