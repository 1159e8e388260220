"""What a report is about: embeddings, and all that is known of them."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_arcface.data import ImageData
from keras_arcface.data import Pairs
from keras_arcface.evaluation.similarity import check_embeddings
from keras_arcface.evaluation.similarity import row_lengths


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """A model's embeddings of some pictures.

    Attributes:
        model: What the model is called.
        source: What the data is called.
        embeddings: float32 `(n, dim)`, of any length; features before they
            are normalised, where a model gave them.
        labels: Identity of each, int64 `(n,)`; None where nobody says.
        class_names: Of the identities, by label; None where they have none.
        names: Of the pictures, `(n,)`; None where they have none.
        pairs: The pairs to judge by; None to draw them.
        data: The pictures, in the order of the embeddings; None without.
        qualities: By name, a number for each picture, larger is better.
        groups: Group of each picture, strings `(n,)`; None without.
        model_facts: What is known of the model, by name.
        data_facts: What is known of the data, by name.
        threshold: The model's own, with what is known of it; None without.
        warnings: What a reader must know before any number.
        rules: How pictures were drawn and what was done to them.
        joint: The word between model and source in the title.
    """

    model: str
    source: str
    embeddings: np.ndarray
    labels: np.ndarray | None = None
    class_names: Sequence[str] | None = None
    names: Sequence[str] | None = None
    pairs: Pairs | None = None
    data: ImageData | None = None
    qualities: Mapping[str, np.ndarray] = dataclasses.field(
        default_factory=dict
    )
    groups: np.ndarray | None = None
    model_facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    data_facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    threshold: Mapping[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    joint: str = "on"

    def __post_init__(self):
        # Here, and not as the reason of every section that is then missing.
        row_lengths(check_embeddings(self.embeddings))

    def called(self, row: int) -> str:
        """Returns what a picture is called: its identity, if that has a name.

        Else its file, else its number.
        """
        if self.class_names is not None:
            return self.class_names[self.labels[row]]
        if self.names is not None:
            return self.names[row]
        return f"row {row}"
