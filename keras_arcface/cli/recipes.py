"""keras-arcface recipes"""

import argparse

from keras_arcface.training.recipe import find_recipe
from keras_arcface.training.recipe import keys_table
from keras_arcface.training.recipe import list_recipes
from keras_arcface.training.recipe import recipe_header
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.files import check_output_file

SHOWN = ("Command", "Hardware", "Time", "Expects")


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "recipes",
        help="list the recipes that came with the package, show or copy one",
        description="Without more, lists the recipes. A copy is a file of your "
        "own to change; --set of train changes single keys.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    show = actions.add_parser("show", help="print a recipe")
    show.add_argument("name", help="name of a recipe, file or folder of a run")
    show.add_argument("--copy", metavar="FILE", help=".yaml file to write")
    actions.add_parser("keys", help="print every key and what it means")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    if args.action == "keys":
        print(keys_table())
    elif args.action == "show":
        _show(args.name, args.copy)
    else:
        print("\n".join(_entry(name) for name in list_recipes()))


def _entry(name):
    header = recipe_header(find_recipe(name))
    lines = [f"  {part + ':':<10}{header[part]}" for part in SHOWN]
    return "\n".join([f"{name}: {header['Title']}", *lines])


def _show(name, copy):
    source = find_recipe(name)
    text = source.read_text("utf-8")
    if copy is None:
        print(text, end="")
        return
    path = check_output_file(copy, ".yaml", "--copy")
    if path.exists():
        raise FileExistsError(f"{path} is there already. Give another --copy.")
    with atomic_path(path) as temporary:
        temporary.write_text(text, "utf-8")
    print(f"Wrote {path}. Next: keras-arcface train {path}")
