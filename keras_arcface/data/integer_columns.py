"""Columns of integers from text files of many millions of lines."""

import itertools
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

# `np.loadtxt` on a whole file holds its lines and says a row of its own count.
_LINES = 2**18
_LONGEST_LINE = 4096


def read_integer_columns(
    path: str | os.PathLike, columns: int
) -> list[np.ndarray]:
    """Reads lines of non-negative integers, separated by blanks or tabs.

    Blank lines are passed over. Memory: the result (4 bytes a number) and a
    block of 262,144 lines.

    Returns:
        One int32 array (lines,) a column.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: with file and line, when a line has not that many numbers,
            or a number is none or above 2**31 - 1.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    table = np.empty((columns, _count_lines(path)), np.int32)
    done = passed = 0
    with open(path, encoding="latin-1") as file:
        for lines in _blocks(file):
            numbers = _numbers(lines, columns, path, passed)
            table[:, done : done + len(numbers)] = numbers.T
            done += len(numbers)
            passed += len(lines)
    return list(table[:, :done])


def _count_lines(path: Path) -> int:
    """Returns at least the number of lines."""
    with open(path, "rb") as file:
        blocks = iter(lambda: file.read(2**22), b"")
        return 1 + sum(block.count(b"\n") for block in blocks)


def _blocks(file) -> Iterator[list[str]]:
    lines = iter(lambda: file.readline(_LONGEST_LINE), "")
    while block := list(itertools.islice(lines, _LINES)):
        yield block


def _numbers(
    lines: list[str], columns: int, path: Path, passed: int
) -> np.ndarray:
    """Returns int32 (lines, columns)."""
    full = [line for line in lines if line.strip()]
    if not full:
        return np.empty((0, columns), np.int32)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # 1.5 would become 1.
            numbers = np.loadtxt(full, np.int32, comments=None, ndmin=2)
        if numbers.shape[1] == columns and numbers.min() >= 0:
            return numbers
    except (ValueError, OverflowError, DeprecationWarning):
        pass  # The line is sought below.
    pattern = re.compile(r"\s*" + r"\s+".join([r"\d{1,10}"] * columns) + r"\s*")
    for number, line in enumerate(lines, start=passed + 1):
        good = pattern.fullmatch(line) and max(map(int, line.split())) < 2**31
        if line.strip() and not good:
            raise ValueError(
                f"{path}, line {number}: expected {columns} integers of 0 to "
                f"{2**31 - 1}. Received: {line[:80]!r}"
            )
    raise ValueError(f"{path} is no file of {columns} columns of integers.")
