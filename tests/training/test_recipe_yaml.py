"""Recipes as YAML: nothing is lost, and nothing but a recipe is read."""

import random

import pytest

from keras_arcface import Recipe
from keras_arcface.training.recipe import RecipeError
from keras_arcface.training.recipe import recipe_keys

# Text that YAML, or a careless reader of it, takes for something else.
STRANGE = (
    "null", "~", "true", "no", "1e-3", "012", "12:30", "2026-01-01", "a: b # c",
    "- x", "[a]", "{a: 1}", "*a", "&a", "!t", "@x", "%x", "'", '"', " edges ",
    "two\nlines", "tab\t", "ü 漢字 🙂", "\x07", "\x85\u2028\ufeff", "a,b", "\\",
    "\udc80", "0.5", "long " * 100, "---", "...", "?", "key: |",
)  # fmt: skip
SHARES = (0.0, 0.1, 1 / 3, 1e-12, 0.9999999999999999)
POSITIVE = (1e-300, 0.1, 1 / 3, 7.0, 1e22, 1.7976931348623157e308)
COUNTS = (1, 2, 1000, 10**12)
BOOLS = (False, True)
SAMPLES = {
    "data.source": STRANGE,
    "data.identities": (None, 2, 10572),
    "data.image_size": (None, *COUNTS),
    "data.resize": BOOLS,
    "data.augment": (None, "none", "flip"),
    "data.min_pictures": COUNTS,
    "data.keep": (None, *STRANGE),
    "output": STRANGE,
    "backbone.name": (None, "iresnet50"),
    "backbone.embedding_dim": (None, 64),
    "backbone.weights": (None, *STRANGE),
    "backbone.dropout": (None, *SHARES),
    "backbone.frozen_epochs": (0, 1, 3),
    "backbone.batch_norm": ("train", "frozen", "synchronized"),
    "head.margin": (0.5, 0, 1 / 3, "cosface:0.35", "none", "per_class"),
    "head.scale": ("auto", *POSITIVE),
    "head.margin_warmup": SHARES,
    "head.sub_centers": COUNTS,
    "head.sample_rate": (1.0, 0.1, 1 / 3),
    "head.chunk_size": (None, 0, 4096),
    "head.centers": ("random", "means"),
    "head.centers_rate": POSITIVE,
    "head.dense_update": BOOLS,
    "head.sharded": (False,),
    "optimizer.name": ("sgd", "adamw", "adam"),
    "optimizer.learning_rate": POSITIVE,
    "optimizer.momentum": SHARES,
    "optimizer.weight_decay": (0.0, *POSITIVE),
    "optimizer.clip_norm": (None, *POSITIVE),
    "optimizer.accumulate": (1, 4),
    "optimizer.ema": (None, 0.999),
    "schedule.epochs": (20, 100),
    "schedule.batch_size": (128, 1024),
    "schedule.name": ("cosine", "polynomial", "step", "constant"),
    "schedule.warmup": SHARES,
    "schedule.power": POSITIVE,
    "schedule.milestones": ((), (6,), (6, 9)),
    "schedule.factor": (0.1, 1 / 3),
    "distillation.teacher": (None, *STRANGE),
    "distillation.weight": POSITIVE,
    "evaluation.holdout": SHARES,
    "evaluation.sets": ((), ("a.bin",), STRANGE),
    "evaluation.pairs": (4, 6000),
    "evaluation.flip": BOOLS,
    "evaluation.every": COUNTS,
    "evaluation.monitor": ("eer", *STRANGE),
    "checkpoints.every_steps": (None, *COUNTS),
    "checkpoints.keep": COUNTS,
    "watch.angles": BOOLS,
    "watch.csv": BOOLS,
    "watch.every_steps": COUNTS,
    "watch.tensorboard": BOOLS,
    "export.formats": ((), ("onnx",), ("tflite", "saved_model")),
    "precision": ("float32", "mixed_float16"),
    "jit": ("auto", True, False),
    "deterministic": BOOLS,
    "devices": (1, 2, 8),
    "seed": (0, 2**32 - 1),
}


def any_recipe(seed):
    """Returns a recipe of values drawn for every key."""
    rng = random.Random(seed)
    values = Recipe.from_values({"data.source": "a", "output": "b"}).values()
    for name, samples in SAMPLES.items():
        # What does not go with the values so far is left as it was.
        for value in rng.sample(samples, len(samples)):
            try:
                _literally({**values, name: value})
            except RecipeError:
                continue
            values[name] = value
            break
    return _literally(values)


def _literally(values):
    """As from_values, but text stays text."""
    return Recipe._from_plain(values)


def test_there_are_samples_for_every_key():
    assert list(SAMPLES) == list(recipe_keys())


def test_a_recipe_of_any_values_comes_back_from_yaml(tmp_path):
    path = tmp_path / "recipe.yaml"
    seen = {name: set() for name in SAMPLES}
    for seed in range(30):
        recipe = any_recipe(seed)
        text = recipe.to_yaml(path)
        assert path.read_text("utf-8") == text
        back = Recipe.from_yaml(path)
        assert back == recipe
        assert back.to_yaml() == text
        for name, value in recipe.values().items():
            seen[name].add(value)
    assert {n for n, v in seen.items() if len(v) < 2} == {"head.sharded"}


@pytest.mark.parametrize("text", STRANGE)
def test_any_text_is_a_name(tmp_path, text):
    recipe = _literally({"data.source": text, "output": "b", "data.keep": text})
    recipe.to_yaml(tmp_path / "recipe.yaml")
    assert Recipe.from_yaml(tmp_path) == recipe


def test_a_file_reads_as_people_write_it(tmp_path):
    path = write(
        tmp_path,
        "# mine\n"
        "data: {source: faces}   # short\n"
        "output: runs/a\n"
        "optimizer:\n"
        "  weight_decay: 1e-4\n"
        "head:\n"
        "backbone:\n"
        "  name: null\n"
        "schedule:\n"
        "  name: step\n"
        "  milestones:\n"
        "    - 6\n"
        "    - 9\n"
        "evaluation:\n"
        "  sets: ['no', 1.bin]\n",
    )
    recipe = Recipe.from_yaml(path)
    assert recipe.optimizer.weight_decay == 1e-4
    assert recipe.schedule.milestones == (6, 9)
    assert recipe.evaluation.sets == ("no", "1.bin")
    changed = Recipe.from_yaml(path, {"schedule.epochs": "12"})
    assert changed == recipe.with_values({"schedule.epochs": 12})


GOOD = "data:\n  source: faces\noutput: runs/a\n"
BOMB = "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
)


def write(folder, text):
    path = folder / "recipe.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    "text, message",
    [
        (
            GOOD + "head:\n  margin: 28.6\n",
            "line 5: head.margin must .*degrees",
        ),
        (GOOD + "head:\n  margn: 1\n", "line 5: head.margn is no key.*margin"),
        (GOOD + "margin: 1\n", "line 4: margin is no key"),
        (GOOD + "head.margin: 1\n", "line 4: head.margin .* as `head:` and"),
        (GOOD + "output.margin: 1\n", "line 4: output.margin is no key"),
        (GOOD + "head: 1\n", "line 4: head is a section"),
        (GOOD + "head: [1]\n", "line 4: head is a section"),
        (GOOD + "seed: 1\nseed: 2\n", "line 5: seed is given twice, .*line 4"),
        (GOOD + "head:\n  scale: 1\n  scale: 2\n", "line 6: head.scale is giv"),
        (GOOD + "head:\n  scale: 1\nhead:\n", "line 6: head is given twice"),
        (GOOD + "seed: [1]\n", "line 4: seed must be an integer"),
        (GOOD + "seed: {a: 1}\n", "line 4: seed must be an integer"),
        (GOOD + "seed: 'x'\n", "line 4: seed must be at least 0.*seed='x'"),
        (GOOD + "seed: '1'\n", "line 4: seed must be at least 0.*seed='1'"),
        (GOOD + "devices: 3\n", "schedule.batch_size must be divisible"),
        (
            GOOD + "schedule:\n  milestones: [[1]]\n",
            "line 5: a recipe is not",
        ),
        ("data:\n  source: a\n", "recipe.yaml: output is missing"),
        ("", "a recipe has sections with keys"),
        ("# nothing\n", "a recipe has sections with keys"),
        ("- 1\n- 2\n", "a recipe has sections with keys"),
        ("word", "a recipe has sections with keys"),
        (GOOD + "---\n" + GOOD, "line 4: no YAML"),
        ("data: [1\n", "no YAML"),
        ("data:\n\tsource: a\n", "line 2: no YAML"),
        (GOOD + "seed: !!python/object/apply:os.getcwd []\n", "line 4.*tags"),
        (GOOD + "seed: !!int 1\n", "line 4: .* no anchors, aliases or tags"),
        ("a0: &a0 x\n" + BOMB, "line 1: .* no anchors, aliases or tags"),
        (GOOD + "seed: *a\n", "line 4: .* no anchors, aliases or tags"),
        (GOOD + "<<: {seed: 1}\n", "line 4: << is no key"),
        (GOOD + "? [a, b]\n: 1\n", "line 4: .*is no key"),
        ("[" * 60000, "nested"),
        ("{a: " * 15000, "nested"),
        (GOOD + "#" * 70000, "larger than"),
        (b"\xff\xfe\x00", "line 1: no recipe: it is no UTF-8"),
        (GOOD.encode() + b"seed: \xe9\n", "line 4: no recipe"),
        (b"data:\x00\n", "no YAML"),
    ],
)
def test_what_is_no_recipe_is_refused_by_file_and_line(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=message) as raised:
        Recipe.from_yaml(path)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def test_a_wrong_change_is_not_blamed_on_the_file(tmp_path):
    path = write(tmp_path, GOOD + "seed: 1\n")
    with pytest.raises(ValueError, match="^seed must be"):
        Recipe.from_yaml(path, {"seed": "-1"})
    with pytest.raises(ValueError, match="^head.margn is no key"):
        Recipe.from_yaml(path, {"head.margn": "1"})


def test_writing_leaves_the_old_file_where_it_fails(tmp_path, monkeypatch):
    from keras_arcface.utils import files

    recipe = Recipe.from_values({"data.source": "a", "output": "b"})
    path = tmp_path / "recipe.yaml"
    recipe.to_yaml(path)
    before = path.read_bytes()

    def broken(*args):
        raise OSError("disk full")

    monkeypatch.setattr(files, "_replace", broken)
    with pytest.raises(OSError, match="disk full"):
        recipe.with_values({"seed": 1}).to_yaml(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["recipe.yaml"]


def test_no_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no recipe .*gone.*glyphs"):
        Recipe.from_yaml(tmp_path / "gone.yaml")
