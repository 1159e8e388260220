"""Which values a protocol may have."""

import dataclasses
import math
from collections.abc import Mapping

SEARCHERS = ("sobol", "random", "optuna")
METRICS = ("map_at_r", "r_precision", "precision_at_1")
BATCH_NORMS = ("train", "frozen", "none")
# Always in a comparison, whatever losses it names.
BASELINES = ("untrained", "softmax")
KINDS = ("class", "pair", "baseline")
LOSS_KEYS = {"kind", "search_space"}


def check_protocol(protocol) -> None:
    """Refuses a protocol that no comparison can have.

    Raises:
        ValueError: naming the field.
    """
    _check_types(protocol)
    _check_counts(protocol)
    _check_words(protocol)
    _check_losses(protocol.losses)


def _check_types(protocol):
    kinds = {int: int, float: (int, float), str: str}
    for field in dataclasses.fields(protocol):
        value, kind = getattr(protocol, field.name), kinds.get(field.type)
        if kind is None:
            continue
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(
                f"{field.name} must be of type {field.type.__name__}. "
                f"Received: {field.name}={value!r}."
            )
        # 1 and 1.0 are one value, and one hash.
        object.__setattr__(protocol, field.name, field.type(value))


def _check_counts(protocol):
    least = {
        "classes": 2 * 2 * protocol.folds,
        "samples": protocol.classes,
        "embedding_dim": 1,
        "batch_size": 2,
        "pair_samples": 2,
        "class_samples": 0,
        "steps": 1,
        "evaluate_every": 1,
        "folds": 2,
        "trials": 1,
        "seeds": 2,
        "seed": 0,
    }
    for name, bound in least.items():
        value = getattr(protocol, name)
        if value < bound:
            raise ValueError(
                f"{name} must be at least {bound}. Received: {name}={value}."
            )
    for name in ("pair_samples", "class_samples"):
        samples = getattr(protocol, name)
        if samples and protocol.batch_size % samples:
            raise ValueError(
                f"batch_size must be a multiple of {name}={samples}. "
                f"Received: batch_size={protocol.batch_size}."
            )
    if protocol.pair_samples % 2:
        raise ValueError(
            "pair_samples must be even: n-pairs losses take a class two by "
            f"two. Received: pair_samples={protocol.pair_samples}."
        )
    for name in ("learning_rate", "weight_decay"):
        value = getattr(protocol, name)
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(
                f"{name} must be finite and not negative. Received: "
                f"{name}={value}."
            )


def _check_words(protocol):
    known = {
        "searcher": SEARCHERS,
        "metric": METRICS,
        "batch_norm": BATCH_NORMS,
    }
    for name, words in known.items():
        value = getattr(protocol, name)
        if value not in words:
            raise ValueError(
                f"{name} must be one of {', '.join(words)}. Received: "
                f"{name}={value!r}."
            )


def _check_losses(losses):
    if not isinstance(losses, Mapping):
        raise ValueError(
            f"losses must map names to kind and ranges. Received: {losses!r}."
        )
    missing = [name for name in BASELINES if name not in losses]
    if missing:
        raise ValueError(
            f"A comparison always has the baselines {', '.join(BASELINES)}. "
            f"Missing among the losses: {', '.join(missing)}."
        )
    for name, loss in losses.items():
        whole = isinstance(loss, Mapping) and set(loss) == LOSS_KEYS
        if not whole or loss["kind"] not in KINDS:
            raise ValueError(
                f"losses[{name!r}] must hold a `kind`, one of "
                f"{', '.join(KINDS)}, and a `search_space`. Received: "
                f"{loss!r}."
            )
