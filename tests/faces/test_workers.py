import os

import pytest

from keras_arcface.faces.workers import _in_processes
from keras_arcface.faces.workers import unordered


def test_processes_give_every_result_once():
    results = unordered(abs, range(-30, 0), 2)
    assert sorted(results) == list(range(1, 31))


@pytest.mark.slow
def test_a_process_that_dies_is_said():
    with pytest.raises(ChildProcessError, match="fewer workers"):
        list(_in_processes(os._exit, [1, 1], 1))
