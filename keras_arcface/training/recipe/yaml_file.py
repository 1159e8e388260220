"""Recipes as YAML: plain values by section and key, and nothing else.

Words become values by the type of their key and not by YAML 1.1's guesses, in
which `1e-4` is text and `no` is false.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from keras_arcface.training.recipe import keys
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.text import printable

# A recipe with all its comments is a few KiB.
MOST_BYTES = 64 * 1024
# Sections and lists: a value lies at most this deep.
MOST_DEPTH = 3


def read(
    path: str | os.PathLike, known: Mapping[str, keys.Key]
) -> tuple[dict[str, object], dict[str, int]]:
    """Reads the values of a recipe, not yet checked.

    Args:
        path: The file.
        known: All keys that there are.

    Returns:
        The values, and the line of each, by dotted keys.

    Raises:
        ValueError: naming file and line, for what is no plain YAML, for a key
            that there is not, and for one that comes twice.
    """
    path = Path(path)
    root = _compose(path, _text_of(path))
    values, lines = {}, {}
    for name, node, line in _entries(path, root, known):
        values[name] = _value(path, known[name], node)
        lines[name] = line
    return values, lines


def text(values: Mapping[str, object]) -> str:
    """Returns values by dotted keys as YAML, one section after another."""
    nested = {}
    for name, value in values.items():
        section, _, field = name.rpartition(".")
        target = nested.setdefault(section, {}) if section else nested
        target[field] = list(value) if isinstance(value, tuple) else value
    return _dump(nested)


def _dump(values):
    return yaml.dump(
        values,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=10 * MOST_BYTES,  # A long path stays in one line.
    )


def word(value: object) -> str:
    """Returns one value as it stands in a recipe."""
    value = list(value) if isinstance(value, tuple) else value
    return _dump({"key": value}).removeprefix("key: ").strip()


def write(path: str | os.PathLike, content: str) -> None:
    """Writes text atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(content, "utf-8")


def located(path, line: int | None, error: object) -> ValueError:
    """Returns an error that says where in a file it lies."""
    where = f"{path}, line {line}" if line else f"{path}"
    return ValueError(f"{where}: {printable(error)}")


class _Dumper(yaml.SafeDumper):
    """Writes sections as blocks and lists in one line."""

    def ignore_aliases(self, data):
        return True


_Dumper.add_representer(
    list,
    lambda dumper, items: dumper.represent_sequence(
        "tag:yaml.org,2002:seq", items, flow_style=True
    ),
)


def _text_of(path):
    with open(path, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise located(
            path, None, f"no recipe: it is larger than {MOST_BYTES} bytes."
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise located(path, line, "no recipe: it is no UTF-8 text.") from error


def _compose(path, content):
    """Returns the root node; refuses all of YAML that a recipe needs not."""
    try:
        depth = 0
        for event in yaml.parse(content, Loader=yaml.SafeLoader):
            line = event.start_mark.line + 1
            if getattr(event, "anchor", None) or getattr(event, "tag", None):
                raise located(
                    path,
                    line,
                    "a recipe has plain values only, no anchors, aliases or "
                    "tags.",
                )
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > MOST_DEPTH:
                raise located(path, line, "a recipe is not nested so deep.")
        root = yaml.compose(content, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise located(path, line, f"no YAML: {error.problem}.") from error
    except yaml.YAMLError as error:
        first = str(error).splitlines()[0]
        raise located(path, None, f"no YAML: {first}.") from error
    if not isinstance(root, yaml.MappingNode):
        raise located(
            path,
            1,
            "a recipe has sections with keys and values, as `head:` and, "
            "indented in the next line, `margin: 0.5`; see "
            "`keras-arcface recipes show glyphs`.",
        )
    return root


def _entries(path, root, known):
    """Yields dotted name, value's node and line of all keys."""
    sections = {name.partition(".")[0] for name in known if "." in name}
    tops = sections | {name for name in known if "." not in name}
    for name, node, line in _pairs(path, root, "", tops, dotted=known):
        if name not in sections:
            yield name, node, line
        elif isinstance(node, yaml.MappingNode):
            yield from _pairs(path, node, name + ".", known)
        elif node.value != "":  # A section may be empty.
            raise located(
                path, line, f"{name} is a section, with keys of its own."
            )


def _pairs(path, mapping, prefix, known, dotted=()):
    """Yields name, value's node and line; refuses strange and double names."""
    lines = {}
    for key, node in mapping.value:
        name, line = f"{prefix}{key.value}", key.start_mark.line + 1
        if name in dotted and name not in known:
            section, _, field = name.partition(".")
            raise located(
                path,
                line,
                f"{name} is written in a file as `{section}:` and, indented "
                f"in a line of its own, `{field}: ...`.",
            )
        if not isinstance(key, yaml.ScalarNode) or name not in known:
            raise located(path, line, keys.unknown_key(name, sorted(known)))
        if name in lines:
            raise located(
                path,
                line,
                f"{name} is given twice, first in line {lines[name]}.",
            )
        lines[name] = line
        yield name, node, line


def _value(path, key, node):
    if isinstance(node, yaml.ScalarNode):
        # What stands in quotes is text.
        plain = node.style is None
        return keys.from_text(key, node.value) if plain else node.value
    if isinstance(node, yaml.SequenceNode) and key.many:
        if all(isinstance(item, yaml.ScalarNode) for item in node.value):
            single = keys.Key(key.name, key.kinds, False, False, None)
            return tuple(_value(path, single, item) for item in node.value)
    raise located(
        path,
        node.start_mark.line + 1,
        f"{key.name} must be {key.describe()}.",
    )
