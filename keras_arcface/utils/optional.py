"""Packages that only some users need."""

import importlib
from types import ModuleType


def require(module: str, extra: str) -> ModuleType:
    """Imports an optional package or says which pip command brings it.

    Args:
        module: Import name, for example `"tf2onnx"`.
        extra: Our extra that installs it, for example `"export"`.

    Raises:
        ImportError: when the package is missing, with the pip command.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"This needs the package `{module.split('.')[0]}` ({error}). "
            f'Install it with: pip install "keras-arcface[{extra}]"'
        ) from error
