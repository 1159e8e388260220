"""Who is searched for among whom in the 1:N protocol of IJB-B and IJB-C."""

import dataclasses
import os
from pathlib import Path

import numpy as np

from keras_arcface.data.templates import find_list

_GALLERIES = ("*_1N_gallery_[GS]1.csv", "*_1N_gallery_[GS]2.csv")
_PROBES = "*_1N_probe_mixed.csv"


@dataclasses.dataclass(frozen=True, eq=False)
class TemplateSearches:
    """Templates to search for, and the galleries to search them in.

    Attributes:
        probe: Template numbers, int64 (n,), each once.
        probe_labels: Their subjects, int64 (n,).
        galleries: For each, template numbers and subjects of its entries.
    """

    probe: np.ndarray
    probe_labels: np.ndarray
    galleries: tuple[tuple[np.ndarray, np.ndarray], ...]

    def describe(self) -> str:
        """Returns one line: how many probes, and in which galleries."""
        sizes = " and ".join(f"{len(g[0]):,}" for g in self.galleries)
        return f"{len(self.probe):,} probes in galleries of {sizes} templates"


def read_ijb_searches(folder: str | os.PathLike) -> TemplateSearches:
    """Reads the lists of the 1:N protocol of IJB-B or IJB-C.

    - `ijbc_1N_probe_mixed.csv`: template, subject, and more
    - `ijbc_1N_gallery_G1.csv`, `ijbc_1N_gallery_G2.csv`: the same; they are
      S1 and S2 in IJB-B

    The first line names the columns. A template stands once for each of its
    pictures. `evaluation.template_identification` takes what is read.

    Args:
        folder: That of the lists, or one whose sub-folder `meta` holds them.

    Raises:
        FileNotFoundError: naming the list that is missing.
        ValueError: with file and line, for a line without two numbers or a
            template of two subjects.
    """
    folder = Path(folder)
    first, second = (_read(find_list(folder, name)) for name in _GALLERIES)
    return TemplateSearches(*_read(find_list(folder, _PROBES)), (first, second))


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    subjects: dict[int, int] = {}
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        next(file, None)
        for number, line in enumerate(file, start=2):
            try:
                template, subject = map(int, line.split(",")[:2])
            except ValueError as error:
                raise ValueError(
                    f"{path}, line {number}: expected the numbers of a "
                    f"template and a subject. Received: {line[:80]!r}"
                ) from error
            if subjects.setdefault(template, subject) != subject:
                raise ValueError(
                    f"{path}, line {number}: template {template} has subject "
                    f"{subject} here and {subjects[template]} before."
                )
    if not subjects:
        raise ValueError(f"{path} names no template.")
    return (
        np.array(list(subjects), np.int64),
        np.array(list(subjects.values()), np.int64),
    )
