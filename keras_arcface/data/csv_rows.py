"""CSV files with a header, read so that errors name file and line."""

import csv
import os
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path


def read_rows(
    path: str | os.PathLike, columns: Sequence[str], **dialect: object
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields ("file, line n", row) of a CSV file.

    Args:
        path: UTF-8, with or without a byte order mark.
        columns: Those that it must have; it may have others.
        **dialect: As `csv.DictReader` takes it.

    Raises:
        FileNotFoundError: when there is no such file.
        IsADirectoryError: when it is a folder.
        ValueError: when it is no CSV file in UTF-8, lacks a column, or a line
            has too few or too many values.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder. Give a CSV file.")
    if not path.exists():
        raise FileNotFoundError(f"There is no CSV file {path}.")
    try:
        yield from _rows(path, columns, dialect)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no CSV file in UTF-8: {error}") from error


def _rows(path, columns, dialect):
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, **dialect)
        names = reader.fieldnames or []
        missing = [name for name in columns if name not in names]
        if missing:
            raise ValueError(
                f"{path}, line 1: the header must name the columns "
                f"{','.join(columns)}. Missing: {', '.join(missing)}. "
                f"Received: {','.join(names)[:200]}"
            )
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if None in row or any(row[name] is None for name in columns):
                raise ValueError(
                    f"{where}: expected {len(names)} values, one per column."
                )
            yield where, row
