"""The examples in the docstrings give what they say."""

import doctest
import importlib
import pkgutil

import keras
import numpy as np
import pytest

import keras_arcface

MODULES = [
    module.name
    for module in pkgutil.walk_packages(
        keras_arcface.__path__, "keras_arcface."
    )
    if not module.name.endswith("__main__")
]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    module = importlib.import_module(name)
    known = {"keras": keras, "keras_arcface": keras_arcface, "np": np}
    failed, _ = doctest.testmod(
        module, extraglobs=known, optionflags=OPTIONS, verbose=False
    )
    assert failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    examples = [
        example
        for name in MODULES
        for test in finder.find(importlib.import_module(name))
        for example in test.examples
    ]
    assert len(examples) > 10
