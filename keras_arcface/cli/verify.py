"""keras-arcface verify"""

import math

from keras_arcface.cli.detecting import add_detect_options
from keras_arcface.cli.detecting import detecting_reader
from keras_arcface.cli.embed import add_model_options
from keras_arcface.cli.sources import embed_paths
from keras_arcface.cli.sources import picture_paths
from keras_arcface.pretrained import how_to_calibrate
from keras_arcface.pretrained import load_backbone
from keras_arcface.pretrained import read_metadata


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "verify",
        help="say whether two face pictures show one person",
    )
    parser.add_argument(
        "first", help="an aligned 112x112 picture; any photograph with --detect"
    )
    parser.add_argument("second", help="another")
    parser.add_argument(
        "--threshold",
        type=float,
        help="cosine to decide at (default: the model's, from `calibrate`)",
    )
    add_model_options(parser)
    add_detect_options(parser)
    parser.set_defaults(run=run)


def run(args):
    paths = picture_paths([args.first, args.second])
    if len(paths) != 2:
        raise ValueError(
            f"verify takes two pictures. Received: {len(paths)} files."
        )
    threshold, basis = _threshold(args)
    backbone = load_backbone(args.model)
    read = detecting_reader(args, backbone)
    first, second = embed_paths(backbone, paths, args.flip, args.resize, read)
    similarity = float(first @ second)
    same = "the same person" if similarity >= threshold else "two people"
    print(f"similarity {similarity:.4f} (cosine, -1 to 1)")
    print(f"decision   {same} (threshold {threshold:.4f}{basis}")


def _threshold(args):
    if args.threshold is not None:
        if not math.isfinite(args.threshold):
            raise ValueError(
                f"--threshold must be a number. Received: {args.threshold}."
            )
        return args.threshold, ", yours)"
    entry = read_metadata(args.model).get("verification")
    if not isinstance(entry, dict) or "threshold" not in entry:
        raise ValueError(
            f"{args.model} has no calibrated threshold. Pass --threshold, or "
            f"calibrate it first: {how_to_calibrate(args.model)}"
        )
    if bool(entry.get("flip_sum")) != args.flip:
        how = "with" if entry.get("flip_sum") else "without"
        raise ValueError(
            f"The threshold of {args.model} was calibrated {how} --flip. "
            f"Use it {how} --flip, or pass --threshold."
        )
    rate = f" for a false-match rate of {entry['fmr']:g}" * ("fmr" in entry)
    basis = [f",{rate or ' of the preset'})"]
    for key, text in (
        ("calibrated_on", "calibrated on"),
        ("checked_on", "checked on"),
    ):
        if entry.get(key):
            basis.append(f"{text} {entry[key]}")
    return entry["threshold"], "\n           ".join(basis)
