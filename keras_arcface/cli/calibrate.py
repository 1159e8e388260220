"""keras-arcface calibrate"""

import math
from pathlib import Path

from keras_arcface import evaluation
from keras_arcface.cli.sources import fixed_size
from keras_arcface.cli.sources import pairs_from_file
from keras_arcface.data import open_data
from keras_arcface.pretrained import load_backbone
from keras_arcface.pretrained import require_preset
from keras_arcface.pretrained import update_metadata
from keras_arcface.training.verification import embed_data
from keras_arcface.training.verification import verify


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "calibrate",
        help="find and store the threshold for a false-match rate",
        description="Finds the cosine at which a preset makes a given share "
        "of false matches on known identities, checks it on other "
        "pairs, and stores both in the preset, for `verify`.",
    )
    parser.add_argument("model", help="preset folder or preset name")
    parser.add_argument(
        "--data",
        required=True,
        help="identities to calibrate on: folder, .csv, pack or .rec",
    )
    parser.add_argument("--fmr", type=float, default=0.01)
    parser.add_argument("--check-pairs", help="other pairs: CSV, .txt or .bin")
    parser.add_argument("--check-images", help="folder of their pictures")
    parser.add_argument("--flip", action="store_true")
    parser.add_argument("--resize", action="store_true")
    parser.set_defaults(run=run)


def run(args):
    if args.check_images and not args.check_pairs:
        raise ValueError("--check-images is for the pictures of --check-pairs.")
    require_preset(args.model)  # Only a preset can keep a threshold.
    backbone = load_backbone(args.model)
    size = fixed_size(backbone.input_shape[1:3])
    data = open_data(args.data, size, resize=args.resize)
    check = None
    if args.check_pairs:  # Opened first: embedding takes minutes.
        check = pairs_from_file(
            args.check_pairs, args.check_images, size, args.resize
        )
    embeddings = embed_data(backbone, data, args.flip, verbose=True)
    scores, is_same = evaluation.all_pairs(embeddings, data.labels)
    found = evaluation.threshold_at_fmr(scores, is_same, args.fmr)
    # Rounded up: a lower threshold could break the promised rate.
    threshold = math.ceil(found.threshold * 1e6) / 1e6
    entry = {
        "threshold": threshold,
        "fmr": args.fmr,
        "flip_sum": args.flip,
        "calibrated_on": f"{found.impostor_pairs:,} impostor pairs among "
        f"{len(data):,} pictures of {Path(args.data).name}",
    }
    print(
        f"threshold {threshold:.4f} for a false-match rate of "
        f"{args.fmr:g} on {entry['calibrated_on']}; false-non-match rate "
        f"{found.fnmr:.4f} on {found.genuine_pairs:,} genuine pairs"
    )
    if not found.reliable:
        print(
            "warning: the rule of 30 asks for "
            f"{math.ceil(30 / args.fmr):,} impostor pairs at this rate; with "
            "fewer the threshold is a guess"
        )
    if check is not None:
        entry["checked_on"] = _check(backbone, check, args.flip, threshold)
        print(f"checked on {entry['checked_on']}")
    update_metadata(args.model, {"verification": entry})


def _check(backbone, opened, flip, threshold):
    data, pairs, source = opened
    _, scores = verify(backbone, data, pairs, flip, 0, verbose=True)
    check = evaluation.check_threshold(scores, pairs.is_same, threshold)
    return (
        f"{source}: FMR {check.fmr:.4f} of {check.impostor_pairs:,}, FNMR "
        f"{check.fnmr:.4f} of {check.genuine_pairs:,}"
    )
