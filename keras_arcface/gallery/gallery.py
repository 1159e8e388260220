"""The gallery: people who are known, and how sure one must be of them."""

import contextlib
import os
from collections.abc import Iterator
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation import ExactIndex
from keras_arcface.evaluation import FaissIndex
from keras_arcface.evaluation import SearchResult
from keras_arcface.evaluation.search import ENGINES
from keras_arcface.evaluation.search import is_whole
from keras_arcface.gallery.calibrating import calibrate_on_pairs
from keras_arcface.gallery.calibrating import calibrate_on_searches
from keras_arcface.gallery.calibration import Calibration
from keras_arcface.gallery.file import Parts
from keras_arcface.gallery.file import read_parts
from keras_arcface.gallery.file import real_path
from keras_arcface.gallery.file import seen
from keras_arcface.gallery.file import write_parts
from keras_arcface.gallery.fingerprint import ModelFingerprint
from keras_arcface.gallery.fingerprint import as_fingerprint
from keras_arcface.gallery.fingerprint import check_model
from keras_arcface.gallery.fingerprint import embedding_dim
from keras_arcface.gallery.lock import sole_writer
from keras_arcface.gallery.names import check_probe_names
from keras_arcface.gallery.people import People
from keras_arcface.gallery.pooling import as_rows
from keras_arcface.gallery.results import Enrolled
from keras_arcface.gallery.results import Identification
from keras_arcface.gallery.results import decide
from keras_arcface.gallery.store import TemplateStore
from keras_arcface.gallery.thresholds import Thresholds


class Gallery:
    """Identities by name, found again by their embeddings.

    An identity is one template, the mean direction of its pictures:

        template = unit(sum of quality[i] * unit(embeddings[i]))

    A probe is compared with every template (cosine) and known as the most
    similar one, or as nobody where that is below the threshold, which
    `calibrate` finds. Neither pictures nor their embeddings are kept.

    `len`, `in` and iteration are those of a set of names, in the order of
    enrolment, except that the last one takes the place of one removed. One
    thread at a time may change a gallery.

    Args:
        dim: Length of an embedding. Defaults to that of `model`, or of the
            first that is enrolled.
        model: What makes the embeddings: a Keras model, a `ModelFingerprint`,
            or any text that stands for a model. None where nobody asks.
        engine: "exact", or "faiss" for its `IndexFlatIP`, which holds a copy
            of the templates (`pip install "keras-arcface[search]"`) and is
            made anew by the first search after a change.

    Attributes:
        model: `ModelFingerprint` or None.

    Example:

    >>> gallery = keras_arcface.Gallery()
    >>> gallery.enroll("Ada", [[1.0, 0.1, 0.0], [1.0, -0.1, 0.0]])
    >>> gallery.enroll("Grace", [0.0, 1.0, 0.0])
    >>> found = gallery.identify([[2.0, 0.0, 0.0], [0, 0, 1]], threshold=0.5)
    >>> [each.name for each in found], len(gallery), "Ada" in gallery
    (['Ada', None], 2, True)
    """

    def __init__(
        self,
        dim: int | None = None,
        *,
        model: Any = None,
        engine: str = "exact",
    ):
        if engine not in ENGINES:
            raise ValueError(
                f"`engine` must be one of {ENGINES}. Received: {engine!r}."
            )
        self.model: ModelFingerprint | None = as_fingerprint(model)
        dim = embedding_dim(model) if dim is None else dim
        if dim is not None and (type(dim) is not int or dim < 1):
            raise ValueError(
                f"`dim` must be a positive integer. Received: {dim!r}."
            )
        store = None if dim is None else TemplateStore(dim)
        self._people, self._thresholds = People((), store), Thresholds()
        self._engine, self._index, self._seen = engine, None, {}

    def __len__(self) -> int:
        return len(self._people)

    def __contains__(self, name: object) -> bool:
        return name in self._people.rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._people.names)

    def __repr__(self) -> str:
        return f"<Gallery of {len(self):,} identities, dim {self.dim}>"

    @property
    def dim(self) -> int | None:
        """Length of an embedding; None before the first."""
        return self._people.dim

    @property
    def names(self) -> tuple[str, ...]:
        """All names; `search` gives places among these."""
        return tuple(self._people.names)

    @property
    def calibrations(self) -> tuple[Calibration, ...]:
        """One a target FPIR, the last one made last."""
        return tuple(self._thresholds)

    # === Who is enrolled ===

    def enroll(
        self,
        name: str,
        embeddings: ArrayLike,
        *,
        quality: ArrayLike | None = None,
    ) -> None:
        """Enrols somebody new.

        Args:
            name: Any text; upper and lower case differ.
            embeddings: Real, `(dim,)` or `(pictures, dim)`, of any length.
            quality: At least 0, one a picture: how much it counts.

        Raises:
            ValueError: when somebody of that name is enrolled, dimensions
                differ or an embedding has no direction. Nothing is changed.
        """
        embeddings = as_rows(embeddings)
        self.enroll_many([name] * len(embeddings), embeddings, quality=quality)

    def enroll_many(
        self,
        names: Sequence[str],
        embeddings: ArrayLike,
        *,
        quality: ArrayLike | None = None,
    ) -> None:
        """Enrols many new identities at once, all of them or none.

        Args:
            names: One an embedding; a name that comes several times is one
                identity of several pictures.
            embeddings: Real, `(pictures, dim)`, of any length.
            quality: At least 0, one a picture.

        Raises:
            ValueError: as `enroll` does.
        """
        self._people.enroll(names, self._rows_of(embeddings), quality)
        self._index = None

    def add(
        self,
        name: str,
        embeddings: ArrayLike,
        *,
        quality: ArrayLike | None = None,
    ) -> None:
        """Adds pictures to somebody: as if all had been enrolled at once.

        Args:
            name: Of somebody enrolled.
            embeddings: Real, `(dim,)` or `(pictures, dim)`, of any length.
            quality: At least 0, one a picture.

        Raises:
            ValueError: when nobody of that name is enrolled, and as `enroll`.
        """
        self._people.add(name, self._rows_of(embeddings), quality)
        self._index = None

    def remove(self, name: str) -> None:
        """Forgets somebody.

        Raises:
            ValueError: when nobody of that name is enrolled.
        """
        self._people.remove(name)
        self._index = None

    def describe(self, name: str) -> Enrolled:
        """Returns how many pictures somebody has, and how well they agree."""
        return self._people.describe(name)

    def template(self, name: str) -> np.ndarray:
        """Returns the template of somebody, unit length, float32 `(dim,)`."""
        row = self._people.row(name)
        return self._people.store.templates[row].copy()

    # === Who is it? ===

    def search(self, probes: ArrayLike, k: int = 1) -> SearchResult:
        """Returns the k most similar templates of every probe, undecided.

        Args:
            probes: Real, `(dim,)` or `(probes, dim)`, of any length.
            k: From 1 to the number of identities.

        Returns:
            `SearchResult`: cosines, falling, and places in `names`.
        """
        probes = self._rows_of(probes, "probes")
        if not len(self):
            raise ValueError("The gallery is empty: nobody can be found in it.")
        if self._index is None:
            kind = ExactIndex if self._engine == "exact" else FaissIndex
            self._index = kind(self._people.store.templates, are_units=True)
        return self._index.search(probes, k)

    def identify(
        self,
        probes: ArrayLike,
        k: int = 1,
        *,
        threshold: float | None = None,
        fpir: float | None = None,
    ) -> list[Identification]:
        """Says who each probe shows, or that it is nobody who is enrolled.

        Args:
            probes: Real, `(dim,)` or `(probes, dim)`, of any length.
            k: How many candidates to name; fewer where fewer are enrolled.
            threshold: Cosine from which somebody is known. Defaults to the
                calibrated one. -1 gives everybody the nearest name.
            fpir: Which of several calibrated thresholds; the last by default.

        Raises:
            ValueError: when there is no threshold, `k` is below 1, dimensions
                differ or a probe has no direction.
        """
        threshold = self._threshold(threshold, fpir)
        if not is_whole(k) or k < 1:
            raise ValueError(
                f"`k` must be an integer of at least 1. Received: {k!r}."
            )
        probes = self._rows_of(probes, "probes")
        if not len(self):
            return [Identification(None, (), threshold)] * len(probes)
        found = self.search(probes, min(k, len(self)))
        return decide(self._people.names, found, threshold)

    # === From when on is it somebody? ===

    def calibrate(
        self,
        probes: ArrayLike,
        names: Sequence[str | None] | None = None,
        *,
        fpir: float = 0.01,
    ) -> Calibration:
        """Finds the threshold at which few strangers are given a name.

        Every probe of somebody who is not enrolled is a non-mated search, and
        `fpir` bounds the share of these that may return anybody. Other probes
        say what that costs (FNIR); they do not bound it. They must not be
        pictures that were enrolled.

        Args:
            probes: Real, `(probes, dim)`, of any length.
            names: Who is on each probe; None for a stranger, as for anybody
                who is not enrolled. By default all are strangers.
            fpir: Share of the non-mated searches, in (0, 1).

        Returns:
            The `Calibration`, which the gallery keeps and saves. Several
            rates may be calibrated, one after another.

        Raises:
            ValueError: when less than one false positive is expected, or
                `names` has what is no name, such as a number.
        """
        probes = self._rows_of(probes, "probes")
        names = check_probe_names(names, len(probes))
        rows = np.array([self._people.rows.get(name, -1) for name in names])
        scores, found = self.search(probes, 1)
        right = found[:, 0] == rows
        return self._thresholds.keep(
            calibrate_on_searches(
                scores[:, 0], rows >= 0, right, fpir, len(self)
            )
        )

    def calibrate_from_pairs(
        self, similarity: ArrayLike, is_same: ArrayLike, *, fpir: float = 0.01
    ) -> Calibration:
        """Finds a threshold from genuine and impostor scores of pairs.

        For where no strangers can be searched. A search is a comparison with
        everybody, so the false match rate of one comparison may be no more
        than `fpir / len(gallery)`: sound, stricter than it need be, and it
        takes as many times more impostor pairs.

        Args:
            similarity: Cosines of pictures and templates of others or of the
                same person, `(pairs,)`.
            is_same: Booleans or 0/1, `(pairs,)`.
            fpir: The bound, in (0, 1).

        Returns:
            The `Calibration`, which the gallery keeps and saves.
        """
        if not len(self):
            raise ValueError(
                "The gallery is empty, and FPIR depends on how many are in "
                "it: enroll first."
            )
        return self._thresholds.keep(
            calibrate_on_pairs(similarity, is_same, fpir, len(self))
        )

    def calibration(self, fpir: float | None = None) -> Calibration:
        """Returns the calibration that `identify` takes its threshold from.

        Args:
            fpir: A rate that was calibrated; the last one by default.

        Raises:
            ValueError: when there is none.
        """
        return self._thresholds.chosen(fpir)

    # === On disk ===

    def save(self, path: str | os.PathLike) -> None:
        """Writes the gallery to one file: the new one whole, or none.

        A kill leaves the gallery that was there. Where the file was loaded
        from `path` and somebody else has saved since, that is refused;
        `writing` keeps others out in the meantime.

        Args:
            path: A file; a gallery that is there is replaced.

        Raises:
            ValueError: when the file was changed since it was loaded, or is
                no gallery.
        """
        path = real_path(path)
        with sole_writer(path):
            if self._seen.get(path, seen(path)) != seen(path):
                raise ValueError(
                    f"{path} was changed since it was loaded; saving would "
                    "undo that. Load it again, or work within "
                    "`with Gallery.writing(path) as gallery:`."
                )
            self._write(path)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike,
        *,
        model: Any = None,
        engine: str = "exact",
    ) -> "Gallery":
        """Reads a gallery; refuses a damaged file and another model.

        Args:
            path: What `save` wrote.
            model: What makes the embeddings to come, as of `Gallery`; checked
                where the gallery knows its own.
            engine: As of `Gallery`.

        Raises:
            FileNotFoundError: when there is no file.
            ValueError: when it is no whole gallery, or of another model.
        """
        path, gallery = real_path(path), cls(engine=engine)
        before = seen(path)
        parts = read_parts(path)
        gallery.model = parts.model
        gallery._people = People(parts.names, parts.store)
        gallery._thresholds = Thresholds(parts.calibrations)
        gallery._seen[path] = before
        gallery.check_model(model)
        return gallery

    @classmethod
    @contextlib.contextmanager
    def writing(
        cls,
        path: str | os.PathLike,
        *,
        model: Any = None,
        engine: str = "exact",
        timeout: float = 60.0,
    ) -> Iterator["Gallery"]:
        """Gives the gallery of a file to change, and saves it at the end.

        Meanwhile no other `writing` or `save` gets in; after an error nothing
        is saved.

        Args:
            path: A gallery; a new one where there is none.
            model: As of `load`; of a new gallery, as of `Gallery`.
            engine: As of `Gallery`.
            timeout: Seconds to wait for others.

        Raises:
            TimeoutError: when another writer did not end in time.
            ValueError: as `load` does.
        """
        path = real_path(path)
        with sole_writer(path, timeout):
            if path.exists():
                gallery = cls.load(path, model=model, engine=engine)
            else:
                gallery = cls(model=model, engine=engine)
            yield gallery
            gallery._write(path)

    def check_model(self, model: Any) -> None:
        """Refuses another model than that of the embeddings enrolled.

        Args:
            model: As of `Gallery`. Where either is None, nothing is checked;
                of a Keras model nothing is said of flip.

        Raises:
            ValueError: naming both.
        """
        check_model(self.model, self.dim, model)

    def summary(self) -> str:
        """Returns a few lines: who made it, how large it is, its thresholds."""
        store = self._people.store
        pictures = 0 if store is None else int(store.pictures.sum())
        lines = [
            f"{len(self):,} identities of {pictures:,} pictures, "
            f"dim {self.dim}",
            f"embeddings of {self.model or 'a model that nobody named'}",
        ]
        for each in self._thresholds:
            lines.append(f"threshold {each.threshold:.4f}: {each.basis()}")
            lines += [f"Warning: {w}" for w in each.warnings(len(self))]
        if len(lines) == 2:
            lines.append("no threshold yet: calibrate it")
        return "\n".join(lines)

    def _write(self, path):
        people, thresholds = self._people, list(self._thresholds)
        parts = Parts(people.store, people.names, self.model, thresholds)
        write_parts(path, parts)
        self._seen[path] = seen(path)

    def _threshold(self, threshold, fpir):
        if threshold is None:
            return self._thresholds.chosen(fpir).threshold
        is_finite = isinstance(threshold, Real) and np.isfinite(threshold)
        if fpir is not None or not is_finite:
            raise ValueError(
                "Give a `threshold` that is a finite number, or the `fpir` of "
                f"a calibrated one. Received: threshold={threshold!r}, "
                f"fpir={fpir!r}."
            )
        return float(threshold)

    def _rows_of(self, embeddings, what="embeddings"):
        embeddings = as_rows(embeddings)
        if self.dim is not None and embeddings.shape[1] != self.dim:
            raise ValueError(
                f"`{what}` must have {self.dim} dimensions, as those that are "
                f"enrolled. Received: shape {embeddings.shape}. Embeddings of "
                "another model cannot be compared."
            )
        return embeddings
