"""The ways to draw batches from `ImageData`."""

from typing import TYPE_CHECKING

from keras_arcface.data import checks
from keras_arcface.data.augment import Augmentation
from keras_arcface.data.augment import get_augmentation
from keras_arcface.data.batching import make_batches
from keras_arcface.data.plans import BalancedBatches
from keras_arcface.data.plans import Draw
from keras_arcface.data.plans import ExactEpochs
from keras_arcface.data.plans import PKBatches
from keras_arcface.data.plans import Plan
from keras_arcface.data.plans import steps_per_epoch

if TYPE_CHECKING:
    import tensorflow as tf


class ImageBatches:
    """Methods of `ImageData`; every batch is a function of its number."""

    def steps(self, batch_size: int, drop_remainder: bool = False) -> int:
        """Returns the number of batches in one pass."""
        return steps_per_epoch(len(self), batch_size, bool(drop_remainder))

    def batches(
        self,
        batch_size: int,
        *,
        shuffle: bool = True,
        seed: int = 0,
        epoch: int = 0,
        epochs: int = 1,
        start_step: int = 0,
        shard: tuple[int, int] = (0, 1),
        augment: str | Augmentation | None = None,
        drop_remainder: bool = False,
        labels: bool = True,
    ) -> "tf.data.Dataset":
        """Returns batches: images float32 in 0..255, labels int32.

        One pass over the data, every sample once, in an order that depends on
        (seed, epoch) alone. Iterating the dataset again repeats *the same*
        pass. For another order ask for another epoch:

        - own loop, or one `fit` an epoch: `data.batches(128, epoch=e)`;
        - one `fit`: `data.batches(128, epochs=20)` is twenty passes, each in
          its own order, one after the other, to be used with
          `fit(..., epochs=20, steps_per_epoch=data.steps(128))`.

        Give `fit` its `shuffle=False`: it cannot shuffle a dataset, and warns.

        A run that resumes at step s of epoch k asks for `epoch=k,
        start_step=s` and continues as if it had never stopped.

        Args:
            batch_size: Pictures a batch (and worker); with all workers at most
                the number of samples, unless an ordered pass
                (`shuffle=False`) keeps its remainder.
            shuffle: Whether to mix the samples; `False` keeps their order.
            seed: Of order and augmentation.
            epoch: Number of the first pass, from 0.
            epochs: How many passes.
            start_step: Batches of the first pass that are left out.
            shard: (index, count): which of how many workers this is. Their
                batches are disjoint; the `count` batches of a step are one
                batch of `count * batch_size` that a single worker would see.
                Where the remainder is kept, the last step may have no batch
                for some of them.
            augment: One of `keras_arcface.data.AUGMENTATIONS`, or a function
                `(images, seed) -> images`, see `keras_arcface.data.augment`.
            drop_remainder: Whether to leave out a last, smaller batch of each
                pass; the batch axis is then static.
            labels: Whether labels come; else the elements are images.

        Raises:
            ValueError: for a batch size above the data, a wrong argument.
            tf.errors.OpError: while iterating, naming a file that is damaged.
        """
        drop = bool(drop_remainder)
        draw = _draw(seed, shard)
        whole = draw.workers if shuffle or drop else 0
        checks.batch_plan(len(self), batch_size, whole, seed, epoch, epochs)
        plan = ExactEpochs(
            len(self),
            batch_size,
            shuffle=shuffle,
            drop_remainder=drop,
            draw=draw,
        )
        return self._planned(
            plan, draw, epoch, epochs, start_step, augment, labels
        )

    def pk_batches(
        self,
        p: int,
        k: int,
        *,
        steps: int | None = None,
        seed: int = 0,
        epoch: int = 0,
        epochs: int = 1,
        start_step: int = 0,
        shard: tuple[int, int] = (0, 1),
        augment: str | Augmentation | None = None,
        labels: bool = True,
    ) -> "tf.data.Dataset":
        """Returns batches of `p` identities with `k` pictures each.

        For losses on pairs and triplets. Identities are dealt like cards:
        every one comes once before any comes again, but for up to `p - 1` that
        a deal leaves over, others in each. The pictures of an identity are all
        different where it has `k`; where it has fewer they repeat.

        Args:
            p: Different identities in a batch.
            k: Pictures of each; they lie together: the labels of a batch are
                `k` times the first, `k` times the second.
            steps: Batches an epoch. Defaults to the number of pictures divided
                by `p * k`.
            seed, epoch, epochs, start_step, augment, labels: As in `batches`.
            shard: As in `batches`; workers have disjoint identities.

        Raises:
            ValueError: when there are fewer identities than `p` (for all
                workers), or one has a single picture and `k` asks for a pair.
        """
        draw = _draw(seed, shard)
        checks.identities_for(self.counts, p, k, draw.workers)
        if steps is None:
            steps = max(1, len(self) // (p * k * draw.workers))
        checks.batch_plan(p * k, p * k, 0, seed, epoch, epochs)
        checks.at_least("steps", steps, 1)
        plan = PKBatches(self.labels, p, k, steps=steps, draw=draw)
        return self._planned(
            plan, draw, epoch, epochs, start_step, augment, labels
        )

    def balanced_batches(
        self,
        batch_size: int,
        *,
        steps: int | None = None,
        seed: int = 0,
        epoch: int = 0,
        epochs: int = 1,
        start_step: int = 0,
        shard: tuple[int, int] = (0, 1),
        augment: str | Augmentation | None = None,
        labels: bool = True,
    ) -> "tf.data.Dataset":
        """Returns batches in which every identity is equally likely.

        Each place draws an identity, then one of its pictures, both with
        replacement: for data in which few identities have most pictures.

        Args:
            batch_size: Pictures a batch; may exceed the data.
            steps: Batches an epoch. Defaults to the number of pictures divided
                by the batch size, rounded up.
            seed, epoch, epochs, start_step, augment, labels: As in `batches`.
            shard: As in `batches`; the workers' draws are independent.
        """
        draw = _draw(seed, shard)
        checks.batch_plan(len(self), batch_size, 0, seed, epoch, epochs)
        if steps is None:
            steps = self.steps(batch_size * draw.workers)
        checks.at_least("steps", steps, 1)
        plan = BalancedBatches(self.labels, batch_size, steps=steps, draw=draw)
        return self._planned(
            plan, draw, epoch, epochs, start_step, augment, labels
        )

    def _planned(
        self,
        plan: Plan,
        draw: Draw,
        epoch: int,
        epochs: int,
        start_step: int,
        augment: str | Augmentation | None,
        labels: bool,
    ) -> "tf.data.Dataset":
        checks.from_step(start_step, plan.steps)
        dataset = make_batches(
            self._load,
            self.labels,
            self.image_size,
            plan,
            seed=draw.seed,
            epoch=epoch,
            epochs=epochs,
            start_step=start_step,
            shard=(draw.worker, draw.workers),
            augment=get_augmentation(augment),
        )
        return dataset if labels else dataset.map(lambda images, _: images)


def _draw(seed: int, shard: tuple[int, int]) -> Draw:
    worker, workers = checks.worker_of(shard)
    checks.at_least("seed", seed, 0)
    return Draw(seed, worker, workers)
