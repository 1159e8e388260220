"""What each key means, from the docstrings of the sections."""

import dataclasses
import functools
import inspect
import re

from keras_arcface.training.recipe import checks
from keras_arcface.training.recipe import yaml_file
from keras_arcface.training.recipe.recipe import Recipe
from keras_arcface.training.recipe.recipe import recipe_keys


@functools.cache
def help_texts() -> dict[str, str]:
    """Returns the meaning of every key by its dotted name, in one line."""
    texts = {}
    for field in dataclasses.fields(Recipe):
        if not dataclasses.is_dataclass(field.type):
            texts[field.name] = _attributes(Recipe)[field.name]
            continue
        meanings = _attributes(field.type)
        for inner in dataclasses.fields(field.type):
            texts[f"{field.name}.{inner.name}"] = meanings[inner.name]
    return texts


def keys_table() -> str:
    """Returns all keys as a Markdown table: takes, default and meaning."""
    rows = ["| key | takes | default | meaning |", "|---|---|---|---|"]
    for name, key in recipe_keys().items():
        takes, meaning = checks.expected(key), help_texts()[name]
        cells = (f"`{name}`", takes, _default(key), meaning)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _default(key):
    if key.default is dataclasses.MISSING:
        return "must be given"
    return f"`{yaml_file.word(key.default)}`"


def _attributes(section):
    """Returns the entries of a docstring's `Attributes:`, by name."""
    _, _, block = inspect.getdoc(section).partition("Attributes:\n")
    block = re.split(r"\n\S", block)[0]
    entries = re.split(r"^    (?=\w[\w, \n]*:)", block, flags=re.MULTILINE)
    found = {}
    for entry in entries:
        names, colon, meaning = entry.partition(":")
        for name in names.split(",") if colon else ():
            found[name.strip()] = " ".join(meaning.split())
    return found
