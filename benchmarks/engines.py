"""TensorFlow and JAX behind one face, for benchmarks/train_step.py.

Each can say what device it runs on and what memory that took, multiply
matrices, and return a function that runs a part of the training once and waits
for its result.
"""

import machine


class TensorFlow:
    """Eager, as a graph, or compiled by XLA."""

    def __init__(self):
        import tensorflow as tf

        self.tf = tf
        self.gpus = tf.config.list_physical_devices("GPU")
        tf.zeros(1)  # Its runtime is no part of a model's memory.

    def device(self):
        if not self.gpus:
            return "CPU"
        details = self.tf.config.experimental.get_device_details(self.gpus[0])
        return details.get("device_name", "GPU")

    def memory(self):
        """Returns the bytes in use now: of the process, or 0 on a GPU."""
        return 0 if self.gpus else machine.memory()

    def peak_memory(self):
        if self.gpus:
            return self.tf.config.experimental.get_memory_info("GPU:0")["peak"]
        return machine.memory("VmHWM")

    def forget_peak(self):
        if self.gpus:
            self.tf.config.experimental.reset_memory_stats("GPU:0")
        else:
            machine.forget_peak()

    def product(self, side, dtype):
        matrix = self.tf.cast(self.tf.random.normal((side, side)), dtype)
        multiply = self.tf.function(lambda x: self.tf.matmul(x, x)[0, 0])
        return lambda: multiply(matrix).numpy()

    def forward(self, model, mode, images, labels):
        @self._compiled(mode)
        def forward(images):
            return model.backbone(images, training=False)[0, 0]

        images = self.tf.constant(images)
        return lambda: forward(images).numpy()

    def step(self, model, mode, images, labels):
        @self._compiled(mode)
        def step(images, labels):
            return model.train_step((images, labels))["loss"]

        images, labels = self.tf.constant(images), self.tf.constant(labels)
        return lambda: step(images, labels).numpy()

    def _compiled(self, mode):
        if mode == "eager":
            return lambda function: function
        return self.tf.function(jit_compile=mode == "xla")


class Jax:
    """Always compiled, by `jax.jit`."""

    def __init__(self):
        import jax

        self.jax = jax
        self.first = jax.devices()[0]
        jax.numpy.zeros(1)

    @property
    def on_processor(self):
        return self.first.platform == "cpu"

    def device(self):
        return "CPU" if self.on_processor else self.first.device_kind

    def memory(self):
        return machine.memory() if self.on_processor else 0

    def peak_memory(self):
        if self.on_processor:
            return machine.memory("VmHWM")
        return self.first.memory_stats()["peak_bytes_in_use"]

    def forget_peak(self):
        # Of an accelerator JAX keeps one peak; a step's is above a forward's.
        if self.on_processor:
            machine.forget_peak()

    def product(self, side, dtype):
        key = self.jax.random.key(0)
        matrix = self.jax.random.normal(key, (side, side)).astype(dtype)
        multiply = self.jax.jit(lambda x: (x @ x)[0, 0])
        return lambda: multiply(matrix).block_until_ready()

    def forward(self, model, mode, images, labels):
        backbone = model.backbone
        values = _values(
            backbone.trainable_variables, backbone.non_trainable_variables
        )

        @self.jax.jit
        def forward(values, images):
            return backbone.stateless_call(*values, images, training=False)[0]

        images = self.jax.device_put(images)
        return lambda: forward(values, images).block_until_ready()

    def step(self, model, mode, images, labels):
        step = self.jax.jit(model.train_step, donate_argnums=0)
        state = _values(
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )
        batch = self.jax.device_put((images, labels))

        def run():
            nonlocal state
            logs, state = step(state, batch)
            return float(logs["loss"])

        return run


def _values(*groups):
    return tuple([variable.value for variable in group] for group in groups)


ENGINES = {"tensorflow": TensorFlow, "jax": Jax}
