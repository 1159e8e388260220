"""What a session ran on, without host names or paths."""

import functools
import hashlib
import os
import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras

_PACKAGE = Path(__file__).parents[2]
PACKAGES = ("keras", "tensorflow", "jax", "numpy", "optuna")


def describe() -> dict[str, Any]:
    """Returns versions, machine and the hash of this package's code."""
    return {
        "code": code_hash(),
        "backend": keras.config.backend(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


@functools.cache
def code_hash() -> str:
    """Returns the SHA-256 of all Python files of this package.

    What a protocol calls by name (an augmentation, a batch rule) is code:
    two sessions of a comparison must have had the same.
    """
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
