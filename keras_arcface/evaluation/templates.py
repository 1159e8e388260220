"""Templates: one vector for several pictures of a subject.

IJB-B and IJB-C compare sets of photographs and video frames. Frames of a video
are much alike, so they are averaged before media are added up.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.labels import check_labels
from keras_arcface.evaluation.quality import check_quality
from keras_arcface.evaluation.similarity import check_embeddings
from keras_arcface.evaluation.similarity import row_lengths

CHUNK_ROWS = 32768
WEIGHTINGS = {"picture": "D1", "media": "DM"}


@dataclass(frozen=True, eq=False)
class Templates:
    """Unit vectors of templates, and how they were made.

    Attributes:
        ids: Template numbers, ascending, `(templates,)`.
        embeddings: Unit rows, float32, `(templates, dim)`.
        pictures: Pictures in each template. media: Media in each.
        flags: F0 or F2: embeddings of pictures alone, or summed with those of
            their mirror images. N0 or N1: lengths removed before pooling, or
            kept. D0, D1 or DM: no quality, pictures weighted by it, or media
            weighted by it. F, N, D as in insightface's script.
    """

    ids: np.ndarray
    embeddings: np.ndarray
    pictures: np.ndarray
    media: np.ndarray
    flags: str

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, template: ArrayLike, name: str = "template") -> np.ndarray:
        """Returns the row of each template number.

        Raises:
            ValueError: naming a number that no picture has.
        """
        template = np.asarray(template)
        rows = np.searchsorted(self.ids, template)
        rows = np.minimum(rows, len(self.ids) - 1)
        unknown = np.flatnonzero(self.ids[rows] != template)
        if unknown.size:
            raise ValueError(
                f"`{name}` must name templates that have pictures. Received: "
                f"{template[unknown[0]]} at place {unknown[0]}."
            )
        return rows

    def summary(self) -> str:
        """Returns one line: how many, of what, and the flags."""
        return (
            f"{len(self):,} templates of {int(self.pictures.sum()):,} pictures "
            f"from {int(self.media.sum()):,} media, {self.flags}"
        )


def template_embeddings(
    embeddings: ArrayLike,
    template: ArrayLike,
    media: ArrayLike,
    *,
    flip_summed: bool,
    keep_lengths: bool = True,
    quality: ArrayLike | None = None,
    weighting: str = "picture",
) -> Templates:
    """Returns one unit vector a template: mean in media, sum over media.

        medium   = mean of its pictures' embeddings
        template = unit(sum of its media)

    With `quality` and `weighting="picture"` every embedding is first
    multiplied by its quality, as insightface does with the face detector's
    score (D1). With "media" the mean within a medium stays plain, and each
    medium counts by its mean quality (DM).

    Args:
        embeddings: Real, `(pictures, dim)`, lengths as the network gave them.
        template: Integer template of each picture, `(pictures,)`.
        media: Integer medium of each, `(pictures,)`: a photograph or video.
        flip_summed: Whether `embeddings` are sums over the picture and its
            mirror image. Changes nothing; it is stated in `flags`, without
            which IJB numbers cannot be compared.
        keep_lengths: Whether a longer embedding counts more (N1). False brings
            every picture to unit length first (N0).
        quality: At least 0, `(pictures,)`, or None.
        weighting: "picture" or "media": what `quality` weights.

    Raises:
        ValueError: when lengths differ, ids are no integers, a quality is
            negative, or a template has no direction.

    Reference:
    - [Maze et al., 2018, "IARPA Janus Benchmark - C"]
      (https://doi.org/10.1109/ICB2018.2018.00033)

    Example:

    >>> made = template_embeddings(
    ...     np.eye(2)[[0, 0, 1]], [7, 7, 7], [1, 1, 2], flip_summed=False
    ... )
    >>> made.embeddings.round(3).tolist(), made.flags
    ([[0.707..., 0.707...]], 'F0 N1 D0')
    """
    embeddings = check_embeddings(embeddings)
    template = check_labels(template, len(embeddings), "template", "image")
    media = check_labels(media, len(embeddings), "media", "image")
    quality = _check_quality(quality, weighting, len(embeddings))
    lengths = row_lengths(embeddings)
    groups = _Groups(template, media)
    sums = np.empty((groups.ids.size, embeddings.shape[1]), np.float32)
    for some, rows in groups.chunks():
        pictures = embeddings[rows].astype(np.float64)
        if not keep_lengths:
            pictures /= lengths[rows, None]
        pooled = groups.pool(pictures, rows, some, quality, weighting)
        sums[some] = _units(pooled, groups.ids[some])
    flags = " ".join(
        [
            "F2" if flip_summed else "F0",
            "N1" if keep_lengths else "N0",
            "D0" if quality is None else WEIGHTINGS[weighting],
        ]
    )
    return Templates(groups.ids, sums, groups.pictures, groups.media, flags)


class _Groups:
    """Pictures sorted by template and, within, by medium."""

    def __init__(self, template, media):
        self.order = np.lexsort((media, template))
        template, media = template[self.order], media[self.order]
        new_template = np.append(True, template[1:] != template[:-1])
        new_medium = np.append(True, media[1:] != media[:-1]) | new_template
        self._first = np.flatnonzero(new_template)
        self._medium = np.flatnonzero(new_medium)
        self.ids = template[self._first]
        self.pictures = np.diff(self._first, append=template.size)
        first_medium = np.searchsorted(self._medium, self._first)
        self._first_medium = first_medium
        self.media = np.diff(first_medium, append=self._medium.size)

    def chunks(self):
        """Yields whole templates: a slice of `ids`, and their pictures."""
        ends = np.append(self._first, self.order.size)
        start = 0
        while start < self.ids.size:
            limit = ends[start] + CHUNK_ROWS
            stop = int(np.searchsorted(ends, limit, side="right")) - 1
            stop = max(start + 1, stop)
            yield slice(start, stop), self.order[ends[start] : ends[stop]]
            start = stop

    def pool(self, pictures, rows, templates, quality, weighting):
        """Returns the sums over media of means within media."""
        first = self._first[templates]
        low = self._first_medium[templates.start]
        high = low + int(self.media[templates].sum())
        medium = self._medium[low:high] - first[0]
        count = np.diff(medium, append=len(rows))[:, None]
        if quality is not None and weighting == "picture":
            pictures *= quality[rows, None]
        means = np.add.reduceat(pictures, medium) / count
        if quality is not None and weighting == "media":
            means *= np.add.reduceat(quality[rows], medium)[:, None] / count
        starts = self._first_medium[templates] - low
        return np.add.reduceat(means, starts)


def _units(sums, ids):
    lengths = np.sqrt(np.einsum("nd,nd->n", sums, sums))
    lost = np.flatnonzero(lengths == 0)
    if lost.size:
        raise ValueError(
            f"Template {ids[lost[0]]} has no direction: its media cancel,"
            " or their quality is 0."
        )
    return sums / lengths[:, None]


def _check_quality(quality, weighting, pictures):
    if weighting not in WEIGHTINGS:
        raise ValueError(
            f"`weighting` must be one of {tuple(WEIGHTINGS)}. Received: "
            f"{weighting!r}."
        )
    if quality is None:
        return None
    return check_quality(quality, pictures, "image")
