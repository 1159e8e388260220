"""Three sizes of a comparison: seconds, an afternoon, and a real one."""

import os
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras_arcface.studies.compare import data
from keras_arcface.studies.compare.agreement import loss_facts
from keras_arcface.studies.compare.contract import Candidate
from keras_arcface.studies.compare.contract import Examples
from keras_arcface.studies.compare.protocol import Protocol


@dataclass(frozen=True)
class Budget:
    """Defaults of a size.

    Attributes:
        about: One line for the reader.
        pictures: Arguments of `load_pictures`, and which glyphs are drawn.
        features: Whether a trained network's features are trained on, and
            not pictures.
        losses: Which are compared; None for all.
        fields: Of the protocol.
    """

    about: str
    pictures: Mapping[str, Any]
    features: bool
    losses: tuple[str, ...] | None
    fields: Mapping[str, Any]


_COMMON = {
    "augmentation": "none",
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "weight_decay": 0.0,
    "pair_samples": 4,
    "class_samples": 0,
    "searcher": "sobol",
    "seed": 0,
    "metric": "map_at_r",
}
BUDGETS = {
    "smoke": Budget(
        about="a few small glyphs: whether it runs, and nothing else",
        pictures={
            "image_size": (16, 16),
            "at_most": 6,
            "identities": 40,
        },
        features=False,
        losses=("arcface", "contrastive"),
        fields={
            **_COMMON,
            "backbone": "smallnet",
            "embedding_dim": 16,
            "batch_norm": "train",
            "batch_size": 16,
            "steps": 8,
            "evaluate_every": 4,
            "folds": 2,
            "trials": 2,
            "seeds": 2,
        },
    ),
    "small": Budget(
        about="a linear layer on features of the shipped network",
        pictures={"image_size": (112, 112)},
        features=True,
        losses=None,
        fields={
            **_COMMON,
            "backbone": data.PRESET,
            "embedding_dim": 128,
            "batch_norm": "none",
            "batch_size": 32,
            "class_samples": 1,
            "steps": 300,
            "evaluate_every": 50,
            "folds": 4,
            "trials": 8,
            "seeds": 10,
        },
    ),
    "full": Budget(
        about="a whole network on pictures: days on a CPU",
        pictures={},
        features=False,
        losses=None,
        fields={
            **_COMMON,
            "backbone": "smallnet",
            "embedding_dim": 128,
            "batch_norm": "train",
            "batch_size": 128,
            "steps": 5_000,
            "evaluate_every": 500,
            "folds": 4,
            "trials": 50,
            "seeds": 10,
        },
    ),
}


def load_examples(
    budget: str,
    source: str | os.PathLike,
    cache: str | os.PathLike | None = None,
    name: str | None = None,
    verbose: bool = False,
) -> Examples:
    """Returns what a budget trains on.

    Args:
        budget: One of `BUDGETS`.
        source: `"glyphs"`, or what `open_data` reads.
        cache: Folder for features, by the hash of what made them.
        name: For the reader; None for the last part of `source`.
        verbose: Whether to show progress.

    Raises:
        ValueError: for a budget that is none, or data that do not fit.
    """
    size = get_budget(budget)
    pictures = data.load_pictures(source, **size.pictures)
    name = name or os.path.basename(os.path.normpath(source))
    if size.features:
        return data.features(pictures, name, cache=cache, verbose=verbose)
    return data.images(pictures, name)


def get_budget(budget: str) -> Budget:
    """Returns the budget of a name.

    Raises:
        ValueError: when there is none.
    """
    if budget not in BUDGETS:
        raise ValueError(
            f"budget must be one of {', '.join(BUDGETS)}. Received: "
            f"budget={budget!r}."
        )
    return BUDGETS[budget]


def make_protocol(
    budget: str,
    examples: Examples,
    candidates: Mapping[str, Candidate],
    losses: Sequence[str] | None = None,
    **changes: Any,
) -> Protocol:
    """Returns the protocol of a budget on given data.

    Args:
        budget: One of `BUDGETS`.
        examples: Of `load_examples`.
        candidates: All that there are.
        losses: Names to compare; None for the budget's. The baselines come on
            top.
        **changes: Other values for fields of the protocol.

    Raises:
        ValueError: for a loss or a field that there is not.
    """
    size = get_budget(budget)
    names = size.losses if losses is None else losses
    chosen = _with_baselines(candidates, names)
    unknown = set(changes) - set(size.fields)
    if unknown:
        raise ValueError(
            f"These can be set: {', '.join(sorted(size.fields))}. Received: "
            f"{', '.join(sorted(unknown))}."
        )
    return Protocol(
        budget=budget,
        data=examples.name,
        data_hash=examples.sha256,
        classes=int(examples.labels.max()) + 1,
        samples=len(examples.labels),
        input_shape=examples.x.shape[1:],
        losses=loss_facts(chosen),
        **{**size.fields, **changes},
    )


def _with_baselines(
    candidates: Mapping[str, Candidate], names: Sequence[str] | None
) -> dict[str, Candidate]:
    unknown = [name for name in names or () if name not in candidates]
    if unknown:
        raise ValueError(
            f"There is no loss called {', '.join(unknown)}. There are: "
            f"{', '.join(candidates)}."
        )
    return {
        name: candidate
        for name, candidate in candidates.items()
        if names is None or name in names or candidate.kind == "baseline"
    }
