"""One typed description of a training run."""

import dataclasses
import functools
import os
from collections.abc import Mapping

from keras_arcface.training.recipe import checks
from keras_arcface.training.recipe import keys
from keras_arcface.training.recipe import sections
from keras_arcface.training.recipe import shipped
from keras_arcface.training.recipe import yaml_file


@dataclasses.dataclass(frozen=True)
class Recipe:
    """All that decides a training run; written to `recipe.yaml` beside it.

    Attributes:
        data: `DataSection`.
        output: Folder to write to.
        backbone, head, optimizer, schedule, distillation, evaluation,
            checkpoints, watch, export: Sections; see their classes.
        precision: Dtype policy.
        jit: Whether steps are compiled by XLA: `"auto"` (on accelerators),
            True or False.
        deterministic: Whether equal runs end equal to the last bit, for some
            speed; a resumed run too.
        devices: How many devices share a batch.
        seed: Of everything that is random.

    Raises:
        ValueError: for a value that cannot be, naming its key.

    Example:

    >>> recipe = keras_arcface.Recipe.from_values(
    ...     {"data.source": "glyphs", "output": "runs/a", "head.margin": 0.4}
    ... )
    >>> recipe.with_values({"schedule.epochs": 5}).schedule.epochs
    5
    """

    data: sections.DataSection
    output: str
    backbone: sections.BackboneSection = sections.BackboneSection()
    head: sections.HeadSection = sections.HeadSection()
    optimizer: sections.OptimizerSection = sections.OptimizerSection()
    schedule: sections.ScheduleSection = sections.ScheduleSection()
    distillation: sections.DistillationSection = sections.DistillationSection()
    evaluation: sections.EvaluationSection = sections.EvaluationSection()
    checkpoints: sections.CheckpointSection = sections.CheckpointSection()
    watch: sections.WatchSection = sections.WatchSection()
    export: sections.ExportSection = sections.ExportSection()
    precision: str = "float32"
    jit: str | bool = "auto"
    deterministic: bool = False
    devices: int = 1
    seed: int = 0

    def __post_init__(self):
        for name, key in recipe_keys().items():
            section, _, field = name.rpartition(".")
            owner = getattr(self, section) if section else self
            value = checks.checked(key, getattr(owner, field))
            if section:
                owner = dataclasses.replace(owner, **{field: value})
                field, value = section, owner
            object.__setattr__(self, field, value)
        checks.check_together(self)

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> "Recipe":
        """Returns the recipe of dotted keys; all others have their defaults.

        Args:
            values: `{"data.source": "faces", "head.margin": 0.4, ...}`. Text
                is read as `--set` reads it: `"0.4"` is a number where the key
                takes one, `"null"` is None.

        Raises:
            ValueError: for a key that there is not or that is missing, and for
                a value that cannot be.
        """
        return cls._from_plain(
            {name: _value(name, value) for name, value in values.items()}
        )

    def with_values(self, values: Mapping[str, object]) -> "Recipe":
        """Returns this recipe with other values; see `from_values`."""
        changes = {name: _value(name, value) for name, value in values.items()}
        return self._from_plain({**self.values(), **changes})

    def values(self) -> dict[str, object]:
        """Returns all values by their dotted keys."""
        found = {}
        for name in recipe_keys():
            section, _, field = name.rpartition(".")
            owner = getattr(self, section) if section else self
            found[name] = getattr(owner, field)
        return found

    def resolved(self) -> "Recipe":
        """Returns the recipe with every None filled whose default depends.

        Network, length of the embeddings, size of the pictures and
        augmentation differ between glyphs and other data. With
        `backbone.weights` network and length stay None: they are the weights'.
        """
        glyphs = self.data.source == checks.GLYPHS
        defaults = {
            "data.image_size": 32 if glyphs else 112,
            "data.augment": "shift" if glyphs else "flip",
        }
        if self.backbone.weights is None:
            defaults["backbone.name"] = (
                "smallnet" if glyphs else "mobilefacenet"
            )
            defaults["backbone.embedding_dim"] = 128 if glyphs else 512
        values = self.values()
        missing = {k: v for k, v in defaults.items() if values[k] is None}
        return self._from_plain({**values, **missing}) if missing else self

    @classmethod
    def from_yaml(
        cls,
        path: str | os.PathLike,
        changes: Mapping[str, object] | None = None,
    ) -> "Recipe":
        """Reads a recipe.

        Args:
            path: A YAML file without tags, anchors and aliases; the folder of
                a run; or the name of a recipe that came with the package.
            changes: Values that stand in place of the file's; see
                `from_values`.

        Raises:
            FileNotFoundError: when there is no file.
            ValueError: naming file, line and key.
        """
        path = shipped.find_recipe(path)
        values, lines = yaml_file.read(path, recipe_keys())
        changes = {
            name: _value(name, value) for name, value in (changes or {}).items()
        }
        try:
            return cls._from_plain({**values, **changes})
        except keys.RecipeError as error:
            if error.key in changes:
                raise
            line = lines.get(error.key)
            raise yaml_file.located(path, line, error) from error

    def to_yaml(self, path: str | os.PathLike | None = None) -> str:
        """Returns all values as YAML, and writes them where a path is given.

        Written whole or not at all. `from_yaml` gives an equal recipe.
        """
        text = yaml_file.text(self.values())
        if path is not None:
            yaml_file.write(path, text)
        return text

    @classmethod
    def _from_plain(cls, values):
        arguments = {}
        for name, key in recipe_keys().items():
            section, _, field = name.rpartition(".")
            if name not in values:
                if key.default is dataclasses.MISSING:
                    raise keys.RecipeError(
                        name,
                        f"{name} is missing. Give it in the recipe, or as "
                        f"--set {name}=...",
                    )
                continue
            target = arguments.setdefault(section, {}) if section else arguments
            target[field] = values[name]
        for field in dataclasses.fields(cls):
            if dataclasses.is_dataclass(field.type):
                inner = arguments.get(field.name, {})
                arguments[field.name] = field.type(**inner)
        return cls(**arguments)


@functools.cache
def recipe_keys() -> dict[str, keys.Key]:
    """Returns all keys of a recipe by their dotted names."""
    return keys.keys_of(Recipe)


def _value(name, value):
    known = recipe_keys()
    if name not in known:
        raise keys.unknown_key(name, known)
    return (
        keys.from_text(known[name], value) if isinstance(value, str) else value
    )
