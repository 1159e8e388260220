"""The data of a recipe."""

import numpy as np

from keras_arcface.data import ImageData
from keras_arcface.data import glyphs
from keras_arcface.data import keep_listed
from keras_arcface.data import open_data
from keras_arcface.data import read_keep_list
from keras_arcface.training.recipe import GLYPHS
from keras_arcface.training.recipe import Recipe

# Decoded pictures are kept in memory up to this size.
MEMORY_BYTES = 2 * 2**30


def load_data(recipe: Recipe) -> tuple[ImageData, ImageData | None]:
    """Returns the data to train on, and the held-out identities.

    The second is None with `evaluation.holdout` 0: every identity is trained
    on, and the recipe's sets are what it is judged by.

    Raises:
        ValueError: for data that cannot be trained on, or is not what the
            recipe means.
    """
    recipe = recipe.resolved()
    section, batch_size = recipe.data, recipe.schedule.batch_size
    if section.keep is not None:
        read_keep_list(section.keep)  # Before every picture is opened.
    data = _open(section, recipe.seed)
    if section.keep is not None:
        data = keep_listed(data, section.keep)
    data = data.with_at_least(section.min_pictures)
    training, held_out = data, None
    if recipe.evaluation.holdout > 0:
        training, held_out = data.split_identities(
            recipe.evaluation.holdout, recipe.seed
        )
    if batch_size > len(training):
        raise ValueError(
            f"schedule.batch_size={batch_size} is larger than the "
            f"{len(training)} pictures to train on. Use --batch-size "
            f"{max(1, len(training) // 4)} or more data."
        )
    _check_accumulation(recipe, training)
    return _cached(training), _cached(held_out)


def _check_accumulation(recipe, training):
    """Refuses a run that would end before its first step of the optimizer."""
    batches = training.steps(recipe.schedule.batch_size, drop_remainder=True)
    batches *= recipe.schedule.epochs
    if recipe.optimizer.accumulate > batches:
        raise ValueError(
            f"optimizer.accumulate={recipe.optimizer.accumulate} is more than "
            f"the {batches} batches of the whole run: no weight would ever "
            "move. Set a smaller one, or more epochs."
        )


def _open(section, seed):
    """Opens what a recipe names, and refuses other data than it means."""
    side = section.image_size
    if section.source == GLYPHS:
        data = glyphs.load("train", seed=seed, image_size=side)
    else:
        data = open_data(section.source, (side, side), resize=section.resize)
    if section.identities not in (None, data.num_classes):
        raise ValueError(
            f"{section.source} has {data.num_classes} identities, and "
            f"data.identities={section.identities}: this is not the data that "
            "the recipe means. Give the right data.source, or "
            "--set data.identities=null."
        )
    return data


def _cached(data):
    if data is None:
        return None
    fits = len(data) * int(np.prod(data.image_size)) * 3 <= MEMORY_BYTES
    return data.in_memory() if fits else data
