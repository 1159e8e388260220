"""What the values of a recipe must be, each alone and together."""

import functools
import math
import re

import keras

from keras_arcface import margins
from keras_arcface.backbones.registry import BACKBONES
from keras_arcface.data.augment import AUGMENTATIONS
from keras_arcface.export import FORMATS
from keras_arcface.training.recipe import keys
from keras_arcface.training.recipe.keys import RecipeError

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
OPTIMIZERS = ("sgd", "adamw", "adam")
SCHEDULES = ("cosine", "polynomial", "step", "constant")
BATCH_NORMS = ("train", "frozen", "synchronized")
CENTERS = ("random", "means")
GLYPHS = "glyphs"
PER_CLASS = "per_class"


def _at_least(least):
    return lambda x: x >= least, f"at least {least}, an integer"


def _one_of(choices):
    return lambda x: x in choices, "one of " + ", ".join(choices)


_TEXT = (lambda x: bool(x.strip()), "text, not empty")
_POSITIVE = (lambda x: 0 < x < math.inf, "positive and finite")
_NOT_NEGATIVE = (lambda x: 0 <= x < math.inf, "0 or more, and finite")
_SHARE = (lambda x: 0 <= x < 1, "in [0, 1)")
_INNER = (lambda x: 0 < x < 1, "in (0, 1)")

# Whether a value that is not None may stand, and what it must be in words.
RULES = {
    "data.source": _TEXT,
    "data.identities": _at_least(2),
    "data.image_size": _at_least(1),
    "data.augment": _one_of(AUGMENTATIONS),
    "data.min_pictures": _at_least(1),
    "data.keep": _TEXT,
    "output": _TEXT,
    "backbone.name": _one_of(tuple(BACKBONES)),
    "backbone.embedding_dim": _at_least(1),
    "backbone.weights": _TEXT,
    "backbone.dropout": _SHARE,
    "backbone.frozen_epochs": _at_least(0),
    "backbone.batch_norm": _one_of(BATCH_NORMS),
    "head.margin_warmup": _SHARE,
    "head.sub_centers": _at_least(1),
    "head.sample_rate": (lambda x: 0 < x <= 1, "in (0, 1]"),
    "head.chunk_size": _at_least(0),
    "head.centers": _one_of(CENTERS),
    "head.centers_rate": _POSITIVE,
    "optimizer.name": _one_of(OPTIMIZERS),
    "optimizer.learning_rate": _POSITIVE,
    "optimizer.momentum": _SHARE,
    "optimizer.weight_decay": _NOT_NEGATIVE,
    "optimizer.clip_norm": _POSITIVE,
    "optimizer.accumulate": _at_least(1),
    "optimizer.ema": _INNER,
    "schedule.epochs": _at_least(1),
    "schedule.batch_size": _at_least(1),
    "schedule.name": _one_of(SCHEDULES),
    "schedule.warmup": _SHARE,
    "schedule.power": _POSITIVE,
    "schedule.milestones": (
        lambda x: all(a < b for a, b in zip((0, *x), x, strict=False)),
        "a list of epochs, each at least 1 and later than the one before",
    ),
    "schedule.factor": _INNER,
    "distillation.teacher": _TEXT,
    "distillation.weight": _POSITIVE,
    "evaluation.holdout": _SHARE,
    "evaluation.sets": (lambda x: all(map(str.strip, x)), "a list of files"),
    "evaluation.pairs": _at_least(4),
    "evaluation.every": _at_least(1),
    "evaluation.monitor": _TEXT,
    "checkpoints.every_steps": _at_least(1),
    "checkpoints.keep": _at_least(1),
    "watch.every_steps": _at_least(1),
    "export.formats": (
        lambda x: set(x) <= set(FORMATS),
        "a list of some of " + ", ".join(FORMATS),
    ),
    "precision": _one_of(PRECISIONS),
    "jit": (lambda x: x in ("auto", True, False), "auto, True or False"),
    "devices": _at_least(1),
    "seed": (lambda x: 0 <= x < 2**32, "at least 0 and below 2**32"),
}


def expected(key: keys.Key) -> str:
    """Returns what a key takes, in words."""
    text = RULES[key.name][1] if key.name in RULES else key.describe()
    return f"{text}, or null" if key.optional else text


def checked(key: keys.Key, value: object) -> object:
    """Returns the value of one key as plain Python.

    Raises:
        RecipeError: for what the key does not take.
    """
    value = keys.typed(key, value, expected(key))
    holds = RULES[key.name][0] if key.name in RULES else None
    if holds is not None and value is not None and not holds(value):
        raise keys.wrong(key.name, value, expected(key))
    if key.name == "head.margin" and value != PER_CLASS:
        _by_name(key.name, _check_margin, value)
    if key.name == "head.scale":
        _by_name(key.name, margins.check_scale, value)
    return value


def check_together(recipe) -> None:
    """Refuses values that do not go with one another.

    Raises:
        RecipeError: naming the key to change.
    """
    data, head, optimizer = recipe.data, recipe.head, recipe.optimizer
    schedule, devices = recipe.schedule, recipe.devices
    if data.keep is not None and data.source == GLYPHS:
        raise RecipeError(
            "data.keep", "data.keep lists pictures of a folder, not of glyphs."
        )
    if recipe.backbone.weights is not None:
        _check_weights(recipe.backbone)
    elif head.centers == "means":
        raise RecipeError(
            "head.centers",
            "head.centers=means asks trained weights where the classes are, "
            "and backbone.weights is null. Give weights, or "
            "head.centers=random.",
        )
    if recipe.backbone.frozen_epochs > schedule.epochs:
        raise keys.wrong(
            "backbone.frozen_epochs",
            recipe.backbone.frozen_epochs,
            f"at most schedule.epochs={schedule.epochs}",
        )
    if schedule.name == "step":
        _check_milestones(schedule)
    if schedule.batch_size % devices:
        raise keys.wrong(
            "schedule.batch_size",
            schedule.batch_size,
            f"divisible by devices={devices}, which share it",
        )
    if optimizer.accumulate > 1 and devices > 1:
        raise RecipeError(
            "optimizer.accumulate",
            "optimizer.accumulate does not work on several devices. Received: "
            f"optimizer.accumulate={optimizer.accumulate}, devices={devices}. "
            "Set optimizer.accumulate=1: the devices share a larger "
            "schedule.batch_size.",
        )
    if recipe.evaluation.holdout == 0 and not recipe.evaluation.sets:
        raise RecipeError(
            "evaluation.holdout",
            "evaluation.holdout must be in (0, 1) where evaluation.sets is "
            "empty: there would be nothing to judge by. Received: "
            "evaluation.holdout=0.0.",
        )
    _check_head(head, optimizer)


def check_integer(name: str, value: object, at_least: int) -> None:
    """Refuses what is no integer, or less than `at_least`, by name."""
    key = keys.Key(name, (int,), many=False, optional=False, default=None)
    wanted = f"at least {at_least}, an integer"
    if keys.typed(key, value, wanted) < at_least:
        raise keys.wrong(name, value, wanted)


def check_seed(seed: object) -> None:
    """Refuses what cannot seed Python, NumPy and TensorFlow alike."""
    check_integer("seed", seed, at_least=0)
    if seed >= 2**32:
        raise keys.wrong("seed", seed, "at least 0 and below 2**32")


def _check_weights(backbone):
    for name in ("name", "embedding_dim"):
        if getattr(backbone, name) is not None:
            key = f"backbone.{name}"
            raise RecipeError(
                key,
                f"{key} is decided by backbone.weights, which bring their own "
                f"network. Received: {key}={getattr(backbone, name)!r}. Set it "
                "to null.",
            )


def _check_milestones(schedule):
    last = schedule.milestones[-1] if schedule.milestones else 0
    if not 0 < last < schedule.epochs:
        raise keys.wrong(
            "schedule.milestones",
            list(schedule.milestones),
            f"epochs before schedule.epochs={schedule.epochs}, at least one, "
            "for schedule.name=step",
        )


def _check_head(head, optimizer):
    if head.sharded and keras.backend.backend() != "jax":
        raise RecipeError(
            "head.sharded",
            "head.sharded divides the centres on the JAX backend alone. "
            f"Received: head.sharded=True on {keras.backend.backend()}. Set "
            "KERAS_BACKEND=jax, or head.sample_rate=0.1 for many identities.",
        )
    if head.sample_rate == 1 or head.dense_update:
        return
    for name, why in (
        ("ema", "averages every class centre"),
        ("accumulate", "sums gradients of other samples"),
    ):
        value = getattr(optimizer, name)
        if value not in (None, 1):
            raise RecipeError(
                f"optimizer.{name}",
                f"With head.sample_rate < 1, optimizer.{name} {why}. Received: "
                f"optimizer.{name}={value}, head.sample_rate="
                f"{head.sample_rate}. Leave it out, or set "
                "head.dense_update=True.",
            )


@functools.lru_cache
def _check_margin(margin):
    # Only tried: a margin is a layer, which takes a while to make.
    margins.get(margin)


def _by_name(name, check, value):
    """Runs a check that knows its argument without its section."""
    short = name.rpartition(".")[2]
    try:
        # A margin has variables, and a variable starts TensorFlow, whose
        # devices could not be divided any more.
        with keras.StatelessScope(initialize_variables=False):
            check(value)
    except ValueError as error:
        text = re.sub(rf"(?<![\w.]){short}(?= must|=)", name, str(error))
        raise RecipeError(
            name, text if text.startswith(name) else f"{name}: {text}"
        ) from None
