"""keras-arcface report"""

import shlex
from pathlib import Path

from keras_arcface.studies.report import Options
from keras_arcface.studies.report import report
from keras_arcface.utils.text import printable

_DEFAULTS = Options()
_FLAGS = ("flip", "resize")
_VALUES = (
    "embeddings",
    "images",
    "groups",
    "quality",
    "run_folder",
    "most_pictures",
    "most_pairs",
    "seed",
)


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "report",
        help="write one HTML page with all that can be said of a model",
        description="Judges a model on data and writes one self-contained "
        "HTML page: verification, error rates with intervals, calibrated "
        "thresholds, identification, retrieval, geometry, errors by quality "
        "and by group, the hardest pairs and nearest neighbours. "
        "With --embeddings it judges anybody's embeddings instead.",
    )
    parser.add_argument(
        "model",
        nargs="?",
        help="preset name, preset folder, run folder or .keras file",
    )
    parser.add_argument(
        "data",
        nargs="?",
        help="folder of identities, pack, .rec, CSV of identities or of pairs, "
        "LFW's pairs.txt, .bin set, or 'glyphs'",
    )
    parser.add_argument(
        "--embeddings",
        metavar="FILE.npz",
        help="instead: embeddings with labels, paths or pairs",
    )
    parser.add_argument(
        "--images", help="folder of the pictures that a list of DATA names"
    )
    parser.add_argument(
        "--flip", action="store_true", help="add the mirrored picture"
    )
    parser.add_argument(
        "--resize", action="store_true", help="resize other pictures"
    )
    parser.add_argument(
        "--groups", help="CSV with identity,group: errors by group"
    )
    parser.add_argument(
        "--quality", help="CSV with path,quality: errors by quality"
    )
    parser.add_argument(
        "--run",
        dest="run_folder",
        help="folder of the training run, for its curves (default: MODEL)",
    )
    parser.add_argument(
        "--no-pictures",
        action="store_true",
        help="leave out pictures and names of identities",
    )
    parser.add_argument(
        "--most-pictures",
        type=int,
        default=_DEFAULTS.most_pictures,
        help="of more, whole identities are drawn (default: %(default)s)",
    )
    parser.add_argument(
        "--most-pairs",
        type=int,
        default=_DEFAULTS.most_pairs,
        help="of more, pairs are drawn (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of every draw")
    parser.add_argument(
        "--output", help=".html file to write (default: report-MODEL.html)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a file that is there"
    )
    parser.set_defaults(run=run)


def run(args):
    output = args.output
    if output is None:
        output = f"report-{Path(args.model or args.embeddings or '').stem}.html"
    report(
        args.model,
        args.data,
        output,
        embeddings=args.embeddings,
        overwrite=args.overwrite,
        command=_command(args),
        images=args.images,
        flip=args.flip,
        resize=args.resize,
        pictures=not args.no_pictures,
        groups=args.groups,
        quality=args.quality,
        run=args.run_folder,
        most_pictures=args.most_pictures,
        most_pairs=args.most_pairs,
        seed=args.seed,
    )
    size = Path(output).stat().st_size / 1e6
    print(f"Wrote {printable(output)} ({size:.1f} MB)")
    if args.data and not args.no_pictures:
        print("It holds pictures of the data; --no-pictures leaves them out.")


def _command(args):
    """Returns the command with all that differs from the defaults."""
    words = ["keras-arcface", "report"]
    words += [each for each in (args.model, args.data) if each is not None]
    for name in _VALUES:
        value = getattr(args, name)
        default = getattr(_DEFAULTS, name, None)
        if value is not None and value != default:
            option = name.removesuffix("_folder").replace("_", "-")
            words += [f"--{option}", str(value)]
    words += [f"--{name}" for name in _FLAGS if getattr(args, name)]
    words += ["--no-pictures"] * args.no_pictures
    return shlex.join(words)
