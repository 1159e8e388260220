"""The house of the architecture: no import upward, no circle."""

import ast
import subprocess
import sys
from pathlib import Path

import keras_arcface

PACKAGE = Path(keras_arcface.__file__).parent
FLOORS = {
    "utils": 0,
    "version": 0,
    "numerics": 1,
    "ranges": 1,
    "data": 1,
    "evaluation": 1,
    "faces": 1,
    "margins": 2,
    "plots": 2,
    "gallery": 2,
    "export": 2,
    "softmax": 3,
    "losses": 3,
    "layers": 4,
    "presets": 4,
    "embedding": 5,
    "model": 5,
    "backbones": 5,
    "checks": 5,
    "training": 6,
    "pretrained": 6,
    "studies": 7,
    "cli": 8,
}
# The front doors see everything.
DOORS = {"__init__", "__main__"}


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            parts = (node.module or "").split(".")
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.split(".")
            continue
        else:
            continue
        if parts == ["keras_arcface"]:
            yield from (["keras_arcface", name] for name in names)
        else:
            yield parts


def edges():
    for path in PACKAGE.rglob("*.py"):
        here = room(path)
        if here in DOORS:
            continue
        for parts in imports(path):
            if parts[0] == "keras_arcface" and parts[1] != here:
                yield here, parts[1], path


def test_every_room_has_a_floor():
    rooms = {room(path) for path in PACKAGE.rglob("*.py")} - DOORS
    assert rooms == set(FLOORS)


def test_no_import_goes_upward():
    upward = [
        f"{path.relative_to(PACKAGE)} imports {there}"
        for here, there, path in edges()
        if FLOORS[there] > FLOORS[here]
    ]
    assert upward == []


def test_rooms_do_not_import_each_other_in_a_circle():
    graph = {}
    for here, there, _ in edges():
        graph.setdefault(here, set()).add(there)

    def reach(start):
        seen, todo = set(), [start]
        while todo:
            for there in graph.get(todo.pop(), ()):
                if there not in seen:
                    seen.add(there)
                    todo.append(there)
        return seen

    circles = [name for name in graph if name in reach(name)]
    assert circles == []


def test_modelling_code_speaks_keras_ops_only():
    rooms = {"numerics", "margins", "softmax", "layers", "losses", "backbones"}
    rooms |= {"embedding", "model", "checks", "presets"}
    foreign = {"tensorflow", "jax", "torch"}
    # What no operation of Keras can say has files of its own.
    exempt = {
        PACKAGE / "softmax" / name
        for name in ("backend.py", "row_steps.py", "sharded.py")
    }
    offenders = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if room(path) in rooms
        and path not in exempt
        and any(parts[0] in foreign for parts in imports(path))
    ]
    assert offenders == []


def test_evaluation_imports_no_keras():
    for path in (PACKAGE / "evaluation").glob("*.py"):
        assert not any(parts[0] == "keras" for parts in imports(path)), path


def test_import_loads_nothing_that_only_some_need():
    code = (
        "import sys, keras_arcface; "
        "heavy = {'onnx', 'tf2onnx', 'onnxruntime', 'ai_edge_litert', "
        "'tensorboard'} & set(sys.modules); "
        "print(sorted(heavy))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
