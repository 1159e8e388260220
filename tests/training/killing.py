"""Runs that are killed: a process that forks one child for every run.

TensorFlow takes seconds to import; a child that is forked before TensorFlow
starts its threads has it, is a process of its own, and can be killed. Reads
one JSON command a line, answers with one line each.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

FILE_EVENTS = ("open", "os.mkdir", "os.rename", "os.rmdir", "os.remove")


class Zygote:
    """The forking process, seen from the tests."""

    def __init__(self):
        # No pool of threads may be there when it forks.
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )

    def run(self, what, *arguments, **kill):
        """Runs a function of this file in a child; returns how it ended.

        Args:
            what: `"train_to_the_end"` or `"write"`.
            *arguments: Of the function, JSON-able.
            **kill: `event=n`, to kill it before its n-th change in the folder
                of its output; or `after=seconds`; or `signal=number` with
                `step=n`, a signal of another kind after so many steps.

        Returns:
            A dictionary: `killed`, `code`, `seconds`, and `said` (stderr).
        """
        command = {"what": what, "arguments": arguments, "kill": kill}
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.communicate()


def train_to_the_end(values):
    from keras_arcface.training import Recipe
    from keras_arcface.training import train

    recipe = Recipe.from_values(values)
    resume = (Path(recipe.output) / "recipe.yaml").exists()
    train(recipe, resume=resume)


def write(folder, number, keep):
    """Writes a checkpoint of a model that is all `number`."""
    import numpy as np

    from keras_arcface.training import Checkpoints
    from keras_arcface.training import Place

    class Variable:
        path, shape, dtype = "dense/kernel", (1000,), "float32"

        def numpy(self):
            return np.full(self.shape, number, self.dtype)

    class Model:
        optimizer, metrics, variables = None, [], [Variable()]

        def to_json(self):
            return "{}"

    checkpoints = Checkpoints(folder, keep=keep)
    checkpoints.set_params({"steps": 10})
    checkpoints.set_model(Model())
    checkpoints.on_epoch_begin(0)
    checkpoints._place = Place(0, number)
    checkpoints._write()


def _child(command, error):
    kill, arguments = command["kill"], command["arguments"]
    os.dup2(error, 2)
    os.dup2(error, 1)
    folder = arguments[0]
    folder = folder if isinstance(folder, str) else folder["output"]
    if "event" in kill:
        _kill_before(kill["event"], folder)
    if "signal" in kill:
        _signal_after(kill["step"], kill["signal"])
    globals()[command["what"]](*arguments)


def _kill_before(number, folder):
    seen = 0

    def watch(event, arguments):
        nonlocal seen
        if event in FILE_EVENTS and folder in str(arguments[0]):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def _signal_after(step, number):
    from keras_arcface.training import NaNGuard

    count = 0
    before = NaNGuard.on_train_batch_end

    def on_train_batch_end(self, batch, logs=None):
        nonlocal count
        before(self, batch, logs)
        count += 1
        if count == step:
            os.kill(os.getpid(), number)

    NaNGuard.on_train_batch_end = on_train_batch_end


def _serve():
    import keras_arcface.training  # noqa: F401

    for line in sys.stdin:
        command = json.loads(line)
        read, write_end = os.pipe()
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            os.close(read)
            code = 1
            try:
                _child(command, write_end)
                code = 0
            except SystemExit as error:
                code = error.code
            except KeyboardInterrupt:
                code = 130
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        os.close(write_end)
        status, said = _wait(child, read, command["kill"].get("after"), start)
        answer = {
            "killed": os.WIFSIGNALED(status),
            "code": None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status),
            "seconds": time.monotonic() - start,
            "said": said,
        }
        print(json.dumps(answer), flush=True)


def _wait(child, read, after, start):
    import select

    said = b""
    while True:
        left = None
        if after is not None:
            left = max(0.0, start + after - time.monotonic())
        if not select.select([read], [], [], left)[0]:
            os.kill(child, signal.SIGKILL)
            after = None
            continue
        part = os.read(read, 65536)
        if not part:
            break
        said += part
    os.close(read)
    _, status = os.waitpid(child, 0)
    return status, said.decode("utf-8", "replace")


if __name__ == "__main__":
    _serve()
