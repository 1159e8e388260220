"""The recipes that come with the package, and what their headers say."""

import difflib
import os
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "recipes"
# What the header of every shipped recipe says, in this order.
PARTS = (
    "Reproduces",
    "Command",
    "Data",
    "Hardware",
    "Time",
    "Expects",
    "Deviations",
)
IN_RUN = "recipe.yaml"


def list_recipes() -> list[str]:
    """Returns the names of the recipes that came with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def find_recipe(source: str | os.PathLike) -> Path:
    """Returns the file that a name or path means.

    Args:
        source: The name of a shipped recipe, a file, or the folder of a run.

    Raises:
        FileNotFoundError: when there is none; names those that exist.
    """
    name = os.fspath(source)
    if name in list_recipes():
        return FOLDER / f"{name}.yaml"
    path = Path(name)
    if (path / IN_RUN).is_file():
        return path / IN_RUN
    if path.is_file():
        return path
    near = difflib.get_close_matches(name, list_recipes(), n=1)
    raise FileNotFoundError(
        f"There is no recipe {name}: no file, no folder of a run, and none of "
        f"those that came with the package ({', '.join(list_recipes())})."
        + (f" Did you mean {near[0]}?" if near else "")
    )


def recipe_header(path: str | os.PathLike) -> dict[str, str]:
    """Returns what the comment at the top of a recipe says.

    Args:
        path: The file.

    Returns:
        Its first line as `"Title"`, and the text of each of `PARTS` that is
        there, in one line.
    """
    lines = Path(path).read_text("utf-8").splitlines()
    end = next((i for i, x in enumerate(lines) if x[:1] != "#"), len(lines))
    comment = [line.removeprefix("#").removeprefix(" ") for line in lines[:end]]
    found = {"Title": comment[0]} if comment else {}
    part = None
    for line in comment[1:]:
        if match := re.match(rf"({'|'.join(PARTS)}):\s*(.*)", line):
            part, line = match.groups()
            found[part] = ""
        if part is not None:
            found[part] = f"{found[part]} {line.strip()}".strip()
    return found
