import importlib.util
from pathlib import Path

import drawing
import numpy as np
from PIL import Image

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_cosface_on_glyphs():
    eer = load("cosface_on_glyphs").main(identities=100, epochs=6)
    assert 0 <= eer < 0.45


def test_find_a_face(tmp_path):
    for identity in range(3):
        picture = drawing.picture(identity, 0, 112)
        Image.fromarray(picture).save(tmp_path / f"{identity}.png")
    found = load("find_a_face").main(tmp_path / "1.png", tmp_path, count=2)
    assert found[0][0].name == "1.png"
    np.testing.assert_allclose(found[0][1], 1, atol=1e-5)


def test_every_program_says_what_to_expect():
    for folder in ("examples", "benchmarks"):
        for path in (EXAMPLES.parent / folder).glob("*.py"):
            text = path.read_text("utf-8")
            if "__main__" in text:
                for word in ("Command:", "Data:", "Hardware:", "Time:"):
                    assert word in text, (path.name, word)
