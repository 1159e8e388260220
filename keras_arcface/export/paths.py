"""Checks of where to write, before any work begins."""

import os
from pathlib import Path

OTHER_SUFFIXES = (".keras", ".h5", ".pb", ".tflite", ".onnx")


def check_file(path: str | os.PathLike, suffix: str) -> Path:
    """Returns `path`; refuses a wrong suffix or a folder in its place."""
    path = Path(path)
    if path.suffix != suffix:
        raise ValueError(
            f"The file must end in `{suffix}`, for example `model{suffix}`. "
            f"Received: path={str(path)!r}."
        )
    if path.is_dir():
        raise ValueError(f"{path} is a folder. Give the name of a file.")
    return path


def check_folder(path: str | os.PathLike) -> Path:
    """Returns `path`; refuses to replace a folder that is no SavedModel."""
    path = Path(path)
    if path.suffix in OTHER_SUFFIXES:
        raise ValueError(
            "A SavedModel is a folder, for example `saved_model`. "
            f"Received: path={str(path)!r}."
        )
    if path.is_file():
        raise ValueError(f"{path} is a file. Give the name of a folder.")
    foreign = path.is_dir() and any(path.iterdir())
    if foreign and not (path / "saved_model.pb").exists():
        raise ValueError(
            f"{path} holds files and is not a SavedModel; writing there would "
            "delete them. Give the name of a new folder."
        )
    return path
