"""keras-arcface identify"""

import csv
import json
import math
import sys

from keras_arcface.cli.galleries import Embedder
from keras_arcface.cli.galleries import add_embedder_options
from keras_arcface.cli.galleries import warn
from keras_arcface.cli.sources import picture_paths
from keras_arcface.gallery import Gallery
from keras_arcface.utils.text import printable

CSV_HEADER = ("path", "name", "rank", "candidate", "similarity")


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "identify",
        help="say who of a gallery is on pictures, or that nobody is",
        description="Compares every picture with all people of a gallery. "
        "Whoever is less like them than the threshold is unknown; find that "
        "threshold with `enroll GALLERY --calibrate FOLDER`.",
    )
    parser.add_argument("gallery", help="file that `enroll` wrote")
    parser.add_argument(
        "pictures", nargs="+", help="pictures, or folders of pictures"
    )
    parser.add_argument(
        "--top",
        type=int,
        default=1,
        metavar="K",
        help="candidates to name (default: %(default)s)",
    )
    known = parser.add_mutually_exclusive_group()
    known.add_argument(
        "--threshold",
        type=float,
        help="cosine to decide at (default: the gallery's)",
    )
    known.add_argument(
        "--fpir",
        type=float,
        help="which of the gallery's thresholds (default: the last one made)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument(
        "--csv", action="store_true", help="print CSV, a line a candidate"
    )
    add_embedder_options(parser)
    parser.set_defaults(run=run)


def run(args):
    gallery = Gallery.load(args.gallery)
    calibration = None
    if args.threshold is None:
        calibration = gallery.calibration(args.fpir)
    elif not math.isfinite(args.threshold):
        raise ValueError(
            f"--threshold must be a finite number. Received: {args.threshold}."
        )
    if args.top < 1:
        raise ValueError(f"--top must be at least 1. Received: {args.top}.")
    paths = picture_paths(args.pictures)
    embedder = Embedder(args, gallery)
    paths, embeddings = embedder.embed(paths)
    found = gallery.identify(
        embeddings, args.top, threshold=args.threshold, fpir=args.fpir
    )
    results = list(zip(paths, found, strict=True))
    if args.json:
        _print_json(results, embedder.without, calibration)
    elif args.csv:
        _print_csv(results)
    else:
        _print_text(results, calibration)
    if calibration is not None:
        warn(calibration.warnings(len(gallery)))


def _print_text(results, calibration):
    for path, found in results:
        print(f"{printable(path)}: {_decision(found)}")
        for rank, each in enumerate(found.candidates[1:], start=2):
            name = printable(each.name)
            print(f"    {rank}. {name} {each.similarity:.4f}")
    basis = "yours" if calibration is None else calibration.basis()
    print(f"threshold {results[0][1].threshold:.4f} ({basis})")


def _decision(found):
    if not found.candidates:
        return "unknown (nobody is enrolled)"
    nearest = printable(found.candidates[0].name)
    if found.name is None:
        return f"unknown (nearest: {nearest} {found.similarity:.4f})"
    return f"{nearest} {found.similarity:.4f}"


def _print_json(results, without, calibration):
    value = {
        "threshold": results[0][1].threshold,
        "calibration": calibration and calibration.to_dict(),
        "results": [
            {
                "path": str(path),
                "name": found.name,
                "similarity": found.similarity,
                "candidates": [each._asdict() for each in found.candidates],
            }
            for path, found in results
        ],
        "without_face": [str(path) for path in without],
    }
    print(json.dumps(value, indent=2, allow_nan=False))


def _print_csv(results):
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for path, found in results:
        for rank, each in enumerate(found.candidates, start=1):
            name = "" if found.name is None else printable(found.name)
            candidate, similarity = printable(each.name), each.similarity
            writer.writerow(
                [printable(path), name, rank, candidate, f"{similarity:.6f}"]
            )
