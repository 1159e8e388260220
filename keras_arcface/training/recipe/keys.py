"""The keys of a recipe in dotted form, such as `head.margin`."""

import dataclasses
import difflib
import math
import numbers
import os
import types
import typing


class RecipeError(ValueError):
    """What is wrong with the value of one key.

    Attributes:
        key: Its dotted name.
    """

    def __init__(self, key, message):
        super().__init__(message)
        self.key = key


@dataclasses.dataclass(frozen=True)
class Key:
    """One key: what it is called and what it takes.

    Attributes:
        name: Dotted.
        kinds: Some of `bool`, `int`, `float` and `str`.
        many: Whether it takes a list of them.
        optional: Whether it takes None.
        default: `dataclasses.MISSING` where it must be given.
    """

    name: str
    kinds: tuple[type, ...]
    many: bool
    optional: bool
    default: object

    def describe(self) -> str:
        """Returns what it takes, in words."""
        words = {bool: "True or False", int: "an integer", float: "a number"}
        words[str] = "text"
        text = " or ".join(words[kind] for kind in self.kinds)
        return f"a list, each {text}" if self.many else text


def keys_of(recipe_class: type) -> dict[str, Key]:
    """Returns all keys by name, in the order of the sections."""
    keys = {}
    for field in dataclasses.fields(recipe_class):
        if not dataclasses.is_dataclass(field.type):
            keys[field.name] = _key(field.name, field)
            continue
        for inner in dataclasses.fields(field.type):
            name = f"{field.name}.{inner.name}"
            keys[name] = _key(name, inner)
    return keys


def unknown_key(name: str, known) -> RecipeError:
    """Returns the error for a key that there is not, with the nearest."""
    inside = [key for key in known if key.startswith(f"{name}.")]
    if inside:
        return RecipeError(
            str(name),
            f"{name} is a section, with keys of its own, such as {inside[0]}.",
        )
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.0)
    ends = [key for key in known if key.rpartition(".")[2] == str(name)]
    return RecipeError(
        str(name),
        f"{name} is no key of a recipe. Did you mean {(ends or near)[0]}? "
        "`keras-arcface recipes keys` lists all.",
    )


def from_text(key: Key, text: str) -> object:
    """Returns the value that a word of a YAML file or of `--set` means.

    `null` is None, `a,b` or `[a, b]` a list. Text that means nothing for this
    key comes back as it is, for `typed` to refuse, as None is where the key
    does not take it: a folder is not called null by accident.
    """
    word = text.strip()
    if word in ("null", "~") or (key.optional and not word):
        return None
    if key.many:
        words = text.strip().removeprefix("[").removesuffix("]").split(",")
        words = [word.strip() for word in words]
        return tuple(_word(key, word) for word in words if word)
    return _word(key, text)


def typed(key: Key, value: object, expected: str) -> object:
    """Returns a value as the plain Python type that its key takes.

    NumPy's numbers become Python's, paths become text, lists become tuples.

    Raises:
        RecipeError: for any other type.
    """
    if value is None and key.optional:
        return None
    if not key.many:
        return _typed(key, value, expected)
    if not isinstance(value, (list, tuple)):
        raise wrong(key.name, value, expected)
    return tuple(_typed(key, item, expected) for item in value)


def wrong(name: str, value: object, expected: str) -> RecipeError:
    """Returns the error for a value that its key does not take."""
    return RecipeError(
        name, f"{name} must be {expected}. Received: {name}={value!r}."
    )


def _key(name, field):
    kinds = _alternatives(field.type)
    optional = type(None) in kinds
    kinds = tuple(kind for kind in kinds if kind is not type(None))
    many = typing.get_origin(kinds[0]) is tuple
    if many:
        kinds = _alternatives(typing.get_args(kinds[0])[0])
    return Key(name, kinds, many, optional, field.default)


def _alternatives(annotation):
    is_union = isinstance(annotation, types.UnionType)
    return typing.get_args(annotation) if is_union else (annotation,)


def _word(key, word):
    plain = word.strip()
    if bool in key.kinds and plain.lower() in ("true", "false"):
        return plain.lower() == "true"
    for kind in (int, float):
        if kind in key.kinds and (number := _number(kind, plain)) is not None:
            return number
    return word


def _number(kind, word):
    try:
        number = kind(word)
        # 1_000 is a number to Python only, and nan to nobody who writes
        # recipes.
        strange = "_" in word or math.isnan(number)
    except (ValueError, OverflowError):  # The second: 400 digits.
        return None
    return None if strange else number


def _typed(key, value, expected):
    is_bool = isinstance(value, bool)
    if is_bool and bool in key.kinds:
        return value
    if not is_bool and isinstance(value, numbers.Real) and value == value:
        if int in key.kinds and isinstance(value, numbers.Integral):
            return int(value)
        if float in key.kinds:
            return float(value)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str) and str in key.kinds:
        return _word(key, value) if float in key.kinds else value
    raise wrong(key.name, value, expected)
