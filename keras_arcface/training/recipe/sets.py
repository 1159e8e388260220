"""Where the verification sets of a recipe lie."""

from pathlib import Path

from keras_arcface.training.recipe.recipe import Recipe


def set_paths(recipe: Recipe) -> list[Path]:
    """Returns the files of `evaluation.sets`, in their order.

    A name is looked for as it is, and then in the folder of the data, where
    insightface's packages have lfw.bin and its like.

    Raises:
        FileNotFoundError: naming both places.
    """
    source = Path(recipe.data.source)
    beside = source if source.is_dir() else source.parent
    found = []
    for name in recipe.evaluation.sets:
        places = [Path(name), beside / name]
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise FileNotFoundError(
                f"evaluation.sets names {name}, and there is no file "
                f"{places[0]} or {places[1]}. Bring it, or leave it out with "
                "--set evaluation.sets=... and an evaluation.holdout above 0."
            )
        found.append(path)
    return found
