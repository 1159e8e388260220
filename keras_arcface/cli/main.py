"""The command `keras-arcface`: parse, call, print."""

import argparse
import sys

from keras_arcface.cli import commands
from keras_arcface.export import ParityError
from keras_arcface.version import __version__


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="keras-arcface",
        description="Embeddings with an angular margin (ArcFace) in Keras 3.",
    )
    parser.add_argument(
        "--version", action="version", version=f"keras-arcface {__version__}"
    )
    subparsers = parser.add_subparsers(
        title="commands", dest="command", required=True, metavar="COMMAND"
    )
    for command in commands.COMMANDS:
        command.add_parser(subparsers)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; returns the exit code of the process.

    0 when all went well, 1 for work that failed, 2 for bad input, 130 for
    Ctrl-C. Errors are one line on stderr that says what to do; a traceback is
    a bug of ours.
    """
    args = build_parser().parse_args(arguments)

    try:
        args.run(args)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except (FloatingPointError, ParityError, ConnectionError) as error:
        return _fail(error, 1)
    except (ValueError, OSError, ImportError) as error:
        return _fail(error, 2)
    return 0


def _fail(error, code):
    print(f"keras-arcface: error: {error}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
