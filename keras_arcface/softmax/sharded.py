"""The margin softmax of class centres that lie on several devices.

Each device goes through the classes it holds, in chunks as on one device, and
gives three numbers a sample, which the log-sum-exp of all devices combines.
Only these numbers and the embeddings travel: a centre never does, nor a logit.
(The gradient of centres does where an axis of its own divides the batch.) What
is combined is differentiated as it stands, so the gradient is exact.

Only JAX lays variables out over devices.
"""

import dataclasses
from typing import Any

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.softmax import fused as whole
from keras_arcface.softmax.backend import read
from keras_arcface.softmax.checks import check_distribution
from keras_arcface.softmax.plan import choose_chunk


def place_classes(path, num_classes, sample_rate=1.0):
    """Returns where the class centres of a head about to be built will lie.

    Args:
        path: String, the path of the variable.
        num_classes: Int.
        sample_rate: Float, of the head.

    Returns:
        `Shards` where the distribution in force divides their rows, else
        `OneDevice`. Both have the same methods.

    Raises:
        ValueError: where the devices would hold different numbers of classes
            or a sample of them, or the backend takes no notice of
            distributions.
    """
    check_distribution()
    distribution = keras.distribution.distribution()
    layout = None
    if distribution is not None:
        layout = distribution.get_tensor_layout(path)
    if layout is None or layout.axes[0] is None:
        return OneDevice()
    mesh, axis = layout.device_mesh, layout.axes[0]
    sizes = dict(zip(mesh.axis_names, mesh.shape, strict=True))
    _check_division(num_classes, sizes[axis])
    if sample_rate < 1:
        raise ValueError(
            "sample_rate < 1 gathers the sampled class centres on one device, "
            "which devices that share the classes do without. Received: "
            f"sample_rate={sample_rate}. Use sample_rate=1.0: each of the "
            f"{sizes[axis]} devices goes through its own classes."
        )
    batch_axis = distribution.batch_dim_name
    batch_axis = None if batch_axis == axis else batch_axis
    batch_count = sizes.get(batch_axis, 1)
    return Shards(mesh.backend_mesh, axis, sizes[axis], batch_axis, batch_count)


def _check_division(num_classes, count):
    if num_classes % count:
        raise ValueError(
            "num_classes must be divisible by the number of devices that "
            f"share the classes. Received: num_classes={num_classes} for "
            f"{count} devices. Use num_classes="
            f"{num_classes + -num_classes % count} (a few classes without "
            "pictures do no harm) or another number of devices."
        )


class OneDevice:
    """All class centres on one device, or the same ones on all of them."""

    count = 1
    choose_chunk = staticmethod(choose_chunk)
    own_cosines = staticmethod(numerics.own_cosines)
    log_negatives = staticmethod(whole.log_negatives)
    fused_negatives = staticmethod(whole.fused_negatives)


@dataclasses.dataclass(frozen=True)
class Shards:
    """Class centres divided by class over the devices of a mesh.

    The methods take and return what those of `OneDevice` do; embeddings,
    labels and results are of the whole batch.

    Attributes:
        mesh: `jax.sharding.Mesh`.
        axis: String, the axis of the mesh that divides the classes.
        count: Int, into how many parts.
        batch_axis: String, another axis, that divides the batch; or None.
        batch_count: Int, into how many parts.
    """

    mesh: Any
    axis: str
    count: int
    batch_axis: str | None = None
    batch_count: int = 1

    def choose_chunk(self, batch, num_classes, chunk_size=None):
        """Returns the classes of a chunk, at most those of a device."""
        here = num_classes // self.count
        batch = batch and -(-batch // self.batch_count)
        return choose_chunk(batch, here, chunk_size) or here

    def own_cosines(self, embeddings, class_centers, labels, sub_centers):
        """As `numerics.own_cosines`."""

        def here(first, centers, embeddings, labels):
            labels = labels - first
            classes = centers.shape[0] // sub_centers
            mine = ops.logical_and(labels >= 0, labels < classes)
            cosines = numerics.own_cosines(
                embeddings, centers, ops.where(mine, labels, 0), sub_centers
            )
            return ops.where(ops.expand_dims(mine, -1), cosines, 0.0)

        parts = self._on_each(
            here, sub_centers, class_centers, embeddings, labels
        )
        return ops.sum(parts, axis=0)

    def log_negatives(self, fused, embeddings, class_centers, scale, labels):
        """As `fused.log_negatives`."""

        def here(first, centers, embeddings, labels):
            return whole.log_negatives(
                fused, embeddings, centers, scale, labels - first
            )

        parts = self._on_each(
            here, fused.sub_centers, class_centers, embeddings, labels
        )
        return ops.logsumexp(parts, axis=0)

    def fused_negatives(self, fused, embeddings, class_centers, *samples):
        """As `fused.fused_negatives`."""

        def here(first, centers, embeddings, scale, rows, labels, *aside):
            rows = rows - first * fused.sub_centers
            mine = ops.logical_and(rows >= 0, rows < centers.shape[0])
            rest, total, cosine = whole.fused_negatives(
                fused,
                embeddings,
                centers,
                scale,
                ops.where(mine, rows, 0),
                labels - first,
                *aside,
            )
            return rest, total, ops.where(mine, cosine, 0.0)

        rest, total, cosine = self._on_each(
            here, fused.sub_centers, class_centers, embeddings, *samples
        )
        return (
            ops.logsumexp(rest, axis=0),
            ops.sum(total, axis=0),
            ops.sum(cosine, axis=0),
        )

    def _on_each(self, function, sub_centers, class_centers, *samples):
        """Returns what every device makes of its classes, in a new first axis.

        The function gets the device's first class, its centres and the
        samples. Results stay where they are until something combines them.
        """
        import jax

        spec = jax.sharding.PartitionSpec
        # A batch that its axis cannot divide is worked on by all devices.
        divided = samples[0].shape[0] % self.batch_count == 0
        batch = spec(self.batch_axis if divided else None)

        def here(centers, *samples):
            classes = centers.shape[0] // sub_centers
            first = jax.lax.axis_index(self.axis) * classes
            results = function(first, centers, *samples)
            return jax.tree.map(lambda each: each[None], results)

        return jax.shard_map(
            here,
            mesh=self.mesh,
            in_specs=(spec(self.axis), *[batch for _ in samples]),
            out_specs=spec(self.axis, *batch),
            # The chunk loops start from plain zeros, which this check takes
            # for the same on all devices.
            check_vma=False,
        )(read(class_centers), *samples)
