"""Names and templates, kept in step."""

from collections.abc import Sequence

import numpy as np

from keras_arcface.gallery.names import check_name
from keras_arcface.gallery.names import check_names
from keras_arcface.gallery.pooling import sums_by_place
from keras_arcface.gallery.pooling import weights_of
from keras_arcface.gallery.results import Enrolled
from keras_arcface.gallery.store import TemplateStore


class People:
    """Who is enrolled: a name and a row of the store each.

    Args:
        names: In the order of the store's rows.
        store: None while the length of an embedding is not known.
    """

    def __init__(
        self, names: Sequence[str] = (), store: TemplateStore | None = None
    ):
        self.names, self.store = list(names), store
        self.rows = {name: row for row, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    @property
    def dim(self) -> int | None:
        """Length of an embedding, where it is known."""
        return None if self.store is None else self.store.dim

    def enroll(self, names: Sequence[str], embeddings, quality) -> None:
        """Adds new identities, all of them or none; checks everything."""
        names = check_names(names, len(embeddings))
        weights = weights_of(quality, len(embeddings))
        known = next((name for name in names if name in self.rows), None)
        if known is not None:
            raise ValueError(
                f"{known!r} is enrolled already. Give new pictures of the same "
                "person to `add`, or another person another name; `remove` "
                "forgets the old pictures."
            )
        places = {}
        codes = [places.setdefault(name, len(places)) for name in names]
        codes, new = np.asarray(codes), list(places)
        store = self.store or TemplateStore(embeddings.shape[1])
        sums = sums_by_place(embeddings, codes, weights)
        totals = np.bincount(codes, weights)
        store.append(sums, totals, np.bincount(codes), new)
        self.rows.update(zip(new, range(len(self), store.count), strict=True))
        self.names += new
        self.store = store

    def add(self, name: str, embeddings, quality) -> None:
        """Adds pictures to one identity."""
        row = self.row(name)
        weights = weights_of(quality, len(embeddings))
        places = np.zeros(len(embeddings), np.int64)
        ((_, sums),) = sums_by_place(embeddings, places, weights)
        weight = float(weights.sum())
        self.store.add(row, sums[0], weight, len(embeddings), name)

    def remove(self, name: str) -> None:
        """Takes one identity out; the last one takes its row."""
        row = self.row(name)
        self.store.remove(row)
        last = self.names.pop()
        del self.rows[name]
        if last != name:
            self.names[row], self.rows[last] = last, row

    def describe(self, name: str) -> Enrolled:
        """Returns what is kept of one identity beside its template."""
        row, store = self.row(name), self.store
        weight = float(store.weights[row])
        return Enrolled(
            name=self.names[row],
            pictures=int(store.pictures[row]),
            weight=weight,
            agreement=min(1.0, float(store.lengths[row]) / weight),
        )

    def row(self, name: str) -> int:
        """Returns the row of a name.

        Raises:
            ValueError: when nobody of that name is enrolled.
        """
        row = self.rows.get(check_name(name))
        if row is None:
            raise ValueError(
                f"Nobody is enrolled as {name!r}; there are {len(self):,} "
                "others."
            )
        return row
