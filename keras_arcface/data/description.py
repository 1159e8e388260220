"""The one description of data that all readers return."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from keras_arcface.data import checks
from keras_arcface.data import splits
from keras_arcface.data.decoding import decode_batch
from keras_arcface.data.image_batches import ImageBatches
from keras_arcface.data.images import decode_image
from keras_arcface.data.images import in_threads
from keras_arcface.data.samples import Samples
from keras_arcface.data.samples import as_samples
from keras_arcface.utils.files import write_json


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ImageData(ImageBatches):
    """Pictures with identities, on disk or in memory.

    Args:
        samples: File paths, other `Samples` (records in a file), or one uint8
            array (n, height, width, 3), RGB, which is kept and not copied.
        labels: Integer class ids (n,), 0..C-1 without gaps; kept as int64.
        class_names: C names; the index is the class id.
        image_size: (height, width) in pixels of what comes out. Needed with
            file paths; with an array, its own.
        root: Where the data came from, for messages.
        resize: Whether files of another size are resized to `image_size`. By
            default such a file is an error.
        complete: Whether every class must have a sample. `False` for subsets.

    Raises:
        ValueError: when lengths differ, labels are not integers in range, a
            class is empty, or an array is not uint8 RGB.
    """

    samples: Samples | Sequence[str] | np.ndarray
    labels: np.ndarray
    class_names: Sequence[str]
    image_size: tuple[int, int] | None = None
    root: str | None = None
    resize: bool = False
    complete: bool = True

    def __post_init__(self):
        if not isinstance(self.samples, np.ndarray):
            object.__setattr__(self, "samples", as_samples(self.samples))
        if len(self.samples) == 0:
            raise ValueError("samples must not be empty. Received: no sample.")
        size = self.image_size
        if isinstance(self.samples, np.ndarray):
            checks.pixel_array(self.samples)
            size = self.samples.shape[1:3] if size is None else size
        size = checks.image_size_pair(size)
        if isinstance(self.samples, np.ndarray):
            self._refuse_other_size(size)
        labels = checks.class_ids(
            self.labels, len(self.samples), self.num_classes
        )
        if self.complete:
            checks.every_class_present(labels, self.class_names)
        object.__setattr__(self, "image_size", size)
        object.__setattr__(self, "labels", labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"<ImageData: {self.describe()}>"

    @property
    def num_classes(self) -> int:
        """Number of identities, C."""
        return len(self.class_names)

    @property
    def counts(self) -> np.ndarray:
        """Pictures of each identity, int64 (C,)."""
        return np.bincount(self.labels, minlength=self.num_classes)

    def describe(self) -> str:
        """Returns one line: how many pictures, identities, what size."""
        counts, (height, width) = self.counts, self.image_size
        where = f", from {self.root}" if self.root else ""
        return (
            f"{len(self):,} pictures of {self.num_classes:,} identities "
            f"({counts.min()} to {counts.max()} each), "
            f"{height}x{width}{where}"
        )

    def subset(self, indices: Sequence[int] | np.ndarray) -> "ImageData":
        """Returns the samples at `indices`; classes and ids stay as they are.

        Classes may be empty in the result.
        """
        indices = np.asarray(indices)
        return dataclasses.replace(
            self,
            samples=self._samples_at(indices),
            labels=self.labels[indices],
            complete=False,
        )

    def split_identities(
        self, fraction: float, seed: int = 0
    ) -> "tuple[ImageData, ImageData]":
        """Splits by identity into (train, held out): open-set validation.

        Held-out identities are drawn among those with at least two pictures,
        so that genuine pairs exist. Class ids are contiguous in both parts.

        Args:
            fraction: Share of all identities to hold out, in (0, 1).
            seed: Which ones; the same seed gives the same split.

        Raises:
            ValueError: when fewer than two identities would be held out or
                remain, or too few have two pictures.
        """
        held_out = splits.held_out_classes(self.counts, fraction, seed)
        return self._keep(~held_out), self._keep(held_out)

    def where(self, mask: np.ndarray) -> "ImageData":
        """Returns the samples of a mask `(n,)`, and their classes.

        Classes without a sample left are dropped; ids are contiguous.

        Raises:
            ValueError: when fewer than two classes remain.
        """
        chosen = np.flatnonzero(mask)
        classes, labels = np.unique(self.labels[chosen], return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"{len(chosen)} of {len(self)} pictures are left, of "
                f"{len(classes)} identities; at least two are needed."
            )
        return dataclasses.replace(
            self,
            samples=self._samples_at(chosen),
            labels=labels,
            class_names=[self.class_names[c] for c in classes],
        )

    def with_at_least(self, pictures: int) -> "ImageData":
        """Returns the identities with that many pictures or more.

        Raises:
            ValueError: when fewer than two identities remain.
        """
        kept = self.counts >= pictures
        if self.num_classes < 2:
            raise ValueError(
                "The data has one identity alone, and at least two are needed "
                "to tell apart. Add pictures of others."
            )
        if kept.sum() < 2:
            raise ValueError(
                f"Only {kept.sum()} identities have {pictures} pictures or "
                f"more; the largest has {self.counts.max()}. Ask for fewer."
            )
        return self if kept.all() else self._keep(kept)

    def images(
        self, indices: Sequence[int] | np.ndarray | None = None
    ) -> np.ndarray:
        """Decodes pictures now: uint8 (k, height, width, 3).

        Args:
            indices: Which samples, in this order. Defaults to all.

        Raises:
            ValueError: naming the file that cannot be read.
        """
        if isinstance(self.samples, np.ndarray):
            return self.samples if indices is None else self.samples[indices]
        indices = np.arange(len(self)) if indices is None else indices
        images = np.empty((len(indices), *self.image_size, 3), np.uint8)
        for index, picture in enumerate(in_threads(self._read, indices)):
            images[index] = picture
        return images

    def in_memory(self) -> "ImageData":
        """Returns the same data with every picture decoded into one array.

        Takes 3 * height * width bytes a picture; worth it where several epochs
        are to come and the memory is there.
        """
        return dataclasses.replace(self, samples=self.images(), resize=False)

    def content(self, index: int) -> bytes:
        """Returns a picture's bytes: as encoded, or its pixels in memory."""
        if isinstance(self.samples, np.ndarray):
            return self.samples[index].tobytes()
        return self.samples.read(index)

    def save_classes(self, path: str | os.PathLike) -> None:
        """Writes the class names as a JSON list, atomically; index = id."""
        write_json(path, list(self.class_names))

    def _refuse_other_size(self, size: tuple[int, int]) -> None:
        if self.samples.shape[1:3] != size:
            raise ValueError(
                f"image_size must be that of the samples, "
                f"{self.samples.shape[1:3]}. Received: image_size={size}. "
                "Resize the array first, or leave image_size out."
            )

    def _samples_at(self, indices: np.ndarray) -> Samples | np.ndarray:
        if isinstance(self.samples, np.ndarray):
            return self.samples[indices]
        if indices.dtype == bool:
            indices = np.flatnonzero(indices)
        return self.samples.take(indices)

    def _keep(self, classes: np.ndarray) -> "ImageData":
        """Returns the samples of the classes of a mask (C,), ids renumbered."""
        return self.where(classes[self.labels])

    def _read(self, index: int) -> np.ndarray:
        content, name = self.samples.read(index), self.samples.name(index)
        return decode_image(content, name, self.image_size, self.resize)

    def _load(self, indices: np.ndarray) -> np.ndarray:
        if isinstance(self.samples, np.ndarray):
            return self.samples[indices]
        return decode_batch(
            [self.samples.read(index) for index in indices],
            lambda position: self.samples.name(indices[position]),
            self.image_size,
            self.resize,
        )
