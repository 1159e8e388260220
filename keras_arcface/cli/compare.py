"""keras-arcface compare"""

import dataclasses
import json
from pathlib import Path

from keras_arcface.studies.compare import budgets
from keras_arcface.studies.compare.losses import candidates
from keras_arcface.studies.compare.pace import measure_pace
from keras_arcface.studies.compare.protocol import Protocol
from keras_arcface.studies.compare.protocol_checks import SEARCHERS
from keras_arcface.studies.compare.report import TEXT
from keras_arcface.studies.compare.report import write_report
from keras_arcface.studies.compare.running import compare
from keras_arcface.studies.compare.terminal import to_text
from keras_arcface.studies.compare.training import fit
from keras_arcface.utils.text import printable
from keras_arcface.version import __version__

GLYPHS, FEATURES = "glyphs", "features"
_NUMBERS = ("trials", "folds", "seeds", "steps", "seed")


def add_parser(subparsers):
    about = "; ".join(f"{n}: {b.about}" for n, b in budgets.BUDGETS.items())
    parser = subparsers.add_parser(
        "compare",
        help="compare losses fairly: like many trials, a test half seen once",
        description="Compares losses of the family under one frozen protocol "
        "(docs/compare.md). Stopped, the same command goes on. `compare report "
        "DIR` writes the report of a comparison anew, from its ledger. "
        f"Budgets: {about}.",
    )
    parser.add_argument(
        "action", nargs="?", choices=["report"], help="write a report anew"
    )
    parser.add_argument("folder", nargs="?", help="of the comparison")
    parser.add_argument(
        "--budget",
        choices=tuple(budgets.BUDGETS),
        help="how large (default: smoke)",
    )
    parser.add_argument(
        "--data",
        default=GLYPHS,
        help="folder with one sub-folder an identity, .rec, .csv or a pack; "
        "or glyphs (default: %(default)s)",
    )
    parser.add_argument(
        "--name", help="of the data, in the report (default: the folder's)"
    )
    parser.add_argument(
        "--losses",
        metavar="A,B",
        help="names, or all; the baselines come on top (default: the budget's)",
    )
    parser.add_argument(
        "--output",
        default="comparison",
        help="folder to write to (default: %(default)s)",
    )
    for name in _NUMBERS:
        parser.add_argument(f"--{name}", type=int, help="of the protocol")
    parser.add_argument("--searcher", choices=SEARCHERS, help="of settings")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="another value for a field of the protocol; may be repeated",
    )
    parser.add_argument(
        "--from",
        dest="protocol",
        metavar="PROTOCOL.JSON",
        help="the protocol of another comparison, run again",
    )
    parser.add_argument(
        "--reopen",
        action="append",
        default=[],
        metavar="LOSS=REASON",
        help="see the test half again for a loss; the report shows it",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="say what would be done and how long it would take, and stop",
    )
    parser.set_defaults(run=run)


def run(args):
    if args.action == "report":
        _report(args)
        return
    reopen = dict(_pair(text, "--reopen LOSS=REASON") for text in args.reopen)
    protocol, examples, losses = _plan(args)
    print(
        f"{len(protocol.losses)} losses on {printable(examples.name)}: "
        f"{protocol.classes:,} classes, {protocol.samples:,} examples. "
        f"Protocol {protocol.hash[:16]}."
    )
    if args.dry_run or protocol.budget == "full":
        pace = measure_pace(protocol, examples, losses, fit)
        print(pace.in_words(protocol), flush=True)
    if args.dry_run:
        return
    output = Path(args.output)
    values = compare(protocol, examples, losses, fit, output, reopen=reopen)
    _print(values, output)


def _report(args):
    if args.folder is None:
        raise ValueError(
            "compare report needs the folder of a comparison: "
            "keras-arcface compare report DIR"
        )
    _print(write_report(args.folder), Path(args.folder))


def _print(values, folder):
    print(to_text(values))
    print(f"Wrote {printable(folder / TEXT)}")


def _plan(args):
    losses = candidates()
    if args.protocol is None:
        budget = args.budget or "smoke"
        examples = _load(args, budget)
        names = None if args.losses is None else _names(args.losses, losses)
        changes = _changes(args, budget)
        protocol = budgets.make_protocol(
            budget, examples, losses, names, **changes
        )
        return protocol, examples, losses
    _refuse_beside_from(args)
    protocol = _of_this_version(Protocol.load(args.protocol))
    return protocol, _load(args, protocol.budget), losses


def _load(args, budget):
    cache = Path(args.output) / FEATURES
    return budgets.load_examples(
        budget, args.data, cache, args.name, verbose=True
    )


def _refuse_beside_from(args):
    given = [f"--{n}" for n in _NUMBERS if getattr(args, n) is not None]
    given += [
        flag
        for flag, value in (
            ("--budget", args.budget),
            ("--losses", args.losses),
            ("--name", args.name),
            ("--searcher", args.searcher),
            ("--set", args.set),
        )
        if value
    ]
    if given:
        raise ValueError(
            "--from takes a protocol as it is. Received beside it: "
            f"{', '.join(given)}."
        )


def _of_this_version(protocol):
    if protocol.version == __version__:
        return protocol
    print(
        f"The protocol is of version {protocol.version}, and this is "
        f"{__version__}: its numbers get another hash, and cannot be compared "
        "with the old."
    )
    return dataclasses.replace(protocol, version=__version__)


def _names(text, losses):
    if text == "all":
        return list(losses)
    return [name.strip() for name in text.split(",")]


def _changes(args, budget):
    changes = {
        name: getattr(args, name)
        for name in (*_NUMBERS, "searcher")
        if getattr(args, name) is not None
    }
    for text in args.set:
        name, value = _pair(text, "--set FIELD=VALUE")
        default = budgets.get_budget(budget).fields.get(name)
        changes[name] = _value(name, value, default)
    return changes


def _value(name, text, default):
    if isinstance(default, str) or default is None:
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(
            f"{name} must be a number. Received: {name}={text}."
        ) from None


def _pair(text, form):
    name, sign, value = text.partition("=")
    if not sign:
        raise ValueError(f"Give {form}. Received: {text}.")
    return name, value
