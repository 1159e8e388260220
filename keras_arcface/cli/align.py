"""keras-arcface align"""

import os

from keras_arcface.faces.align import INTERPOLATIONS
from keras_arcface.faces.detect import CHOICES
from keras_arcface.faces.folder import align_folder
from keras_arcface.faces.options import FORMATS
from keras_arcface.faces.options import AlignOptions
from keras_arcface.faces.report import WITH_CROP


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "align",
        help="cut aligned faces out of a folder of photographs",
        description="Finds the face in every photograph of a folder and its "
        "sub-folders, and writes it, aligned to the ArcFace template, to the "
        "same place in another folder, with a report.csv that says what became "
        "of every file. Goes on where it was stopped, with the same options.",
    )
    parser.add_argument("source", metavar="SRC", help="folder of photographs")
    parser.add_argument("target", metavar="DST", help="folder of crops")
    parser.add_argument(
        "--size", type=int, default=112, help="side (default: %(default)s)"
    )
    parser.add_argument(
        "--face",
        choices=CHOICES,
        default="largest",
        help="which of several faces (default: %(default)s)",
    )
    parser.add_argument(
        "--interpolation", choices=INTERPOLATIONS, default="bilinear"
    )
    parser.add_argument("--format", choices=tuple(FORMATS), default="png")
    parser.add_argument(
        "--pad",
        type=float,
        default=0.25,
        help="share of the picture added around it before detecting "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--min-score",
        type=float,
        default=0.8,
        help="least score of a face (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=max(1, (os.cpu_count() or 1) // 2),
        help="processes, about 0.7 GiB each (default: %(default)s, half of "
        "the cores)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="make existing crops anew"
    )
    parser.set_defaults(run=run)


def run(args):
    options = AlignOptions(
        size=args.size,
        face=args.face,
        interpolation=args.interpolation,
        pad=args.pad,
        min_score=args.min_score,
        format=args.format,
    )
    report = align_folder(
        args.source,
        args.target,
        options,
        workers=args.workers,
        overwrite=args.overwrite,
    )
    print(report.summary())
    crops = report.of(*WITH_CROP)
    if not crops:
        raise ValueError(
            f"Not one crop came of {args.source}; {report.path} says why."
        )
    print(f"Wrote {args.target}: {len(crops):,} crops; report: {report.path}")
