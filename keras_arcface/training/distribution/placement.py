"""Where a run trains: one device, several, or several machines.

Engines differ in what works (docs/devices.md): one device and the replicas of
one machine train through Keras's own fit, several machines through our loop,
JAX through `keras.distribution`. What trains a run sees the same methods.
"""

import keras

from keras_arcface.training.distribution import checks
from keras_arcface.training.distribution import jax_devices
from keras_arcface.training.distribution import tf_devices
from keras_arcface.training.distribution.base import Placement
from keras_arcface.training.distribution.cluster import Cluster
from keras_arcface.training.distribution.workers import Workers


class Mirrored(Placement):
    """Replicas on one machine, with TensorFlow."""

    def __init__(self, count: int):
        self.strategy = tf_devices.mirrored_strategy(count)

    def describe(self):
        devices = self.strategy.extended.worker_devices
        names = [device.rpartition("device:")[2] for device in devices]
        return f"{len(names)} replicas ({', '.join(names)})"

    def scope(self):
        return self.strategy.scope()


class Parallel(Placement):
    """All devices of one machine, with JAX."""

    def __init__(self, count: int, sharded: bool):
        self._distribution = jax_devices.distribution(count, sharded)
        self._count, self._sharded = count, sharded

    def describe(self):
        centers = ", class centres divided" if self._sharded else ""
        return f"{self._count} devices{centers}"

    def scope(self):
        return self._distribution.scope()

    def batches(self, data, recipe, epoch=0, start_step=0, epochs=1):
        if self._sharded and data.num_classes % self._count:
            raise ValueError(
                "head.sharded needs a number of identities that the devices "
                f"divide. Received: {data.num_classes} identities, "
                f"devices={self._count}. Choose devices that divide it, or "
                "leave out head.sharded."
            )
        return super().batches(data, recipe, epoch, start_step, epochs)

    def fit(self, model, *args, **kwargs):
        with self.scope():
            return super().fit(model, *args, **kwargs)


def placement(recipe, cluster: Cluster | None = None) -> Placement:
    """Returns where a recipe trains.

    On TensorFlow it must be called before anything else uses TensorFlow in the
    process: devices are divided, and clusters joined, when it starts.

    Args:
        recipe: `Recipe`: its `devices`, and what must fit them.
        cluster: Which machines train together. Defaults to that of
            `TF_CONFIG`, where it is set.

    Raises:
        ValueError: naming the key, for what the backend cannot do and for
            devices that are not there.
        ConnectionError: when the other machines of a cluster are not found.
    """
    if cluster is None:
        cluster = Cluster.from_environment()
    checks.check_devices(recipe, cluster)
    if cluster is not None:
        return Workers(recipe, cluster)
    if recipe.devices == 1:
        return Placement()
    if keras.backend.backend() == "jax":
        return Parallel(recipe.devices, recipe.head.sharded)
    return Mirrored(recipe.devices)
