"""keras-arcface calibrate"""

import dataclasses

from keras_arcface import evaluation
from keras_arcface.cli.sources import pairs_from_csv
from keras_arcface.cli.sources import pairs_from_data
from keras_arcface.pretrained import load_backbone
from keras_arcface.pretrained import update_metadata
from keras_arcface.training.verification import verify


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "calibrate",
        help="find and store the threshold for a false-match rate",
        description="Finds the cosine at which a preset makes a given share "
        "of false matches on a folder of identities, checks it on other "
        "pairs, and stores both in the preset, for `verify`.",
    )
    parser.add_argument("model", help="preset folder or preset name")
    parser.add_argument(
        "--data", required=True, help="folder of identities to calibrate on"
    )
    parser.add_argument("--fmr", type=float, default=0.01)
    parser.add_argument("--check-pairs", help="CSV file of other pairs")
    parser.add_argument("--check-images", help="folder of their pictures")
    parser.add_argument("--flip", action="store_true")
    parser.add_argument("--resize", action="store_true")
    parser.set_defaults(run=run)


def run(args):

    if bool(args.check_pairs) != bool(args.check_images):
        raise ValueError("--check-pairs and --check-images go together.")
    backbone = load_backbone(args.model)
    size = backbone.input_shape[1:3]
    data, pairs, source = pairs_from_data(args.data, size, args.resize)
    _, scores = verify(backbone, data, pairs, args.flip, 0, verbose=True)
    found = evaluation.threshold_at_fmr(scores, pairs.is_same, args.fmr)
    entry = {
        "threshold": found.threshold,
        "fmr": args.fmr,
        "flip": args.flip,
        "calibrated_on": source,
        "calibration": dataclasses.asdict(found),
    }
    print(
        f"threshold {found.threshold:.4f} for a false-match rate of "
        f"{args.fmr:g} on {source} (FNMR {found.fnmr:.4f})"
    )
    if args.check_pairs:
        entry["checked"] = _check(args, backbone, size, found.threshold)
    update_metadata(args.model, {"verification": entry})


def _check(args, backbone, size, threshold):
    data, pairs, source = pairs_from_csv(
        args.check_pairs, args.check_images, size, args.resize
    )
    _, scores = verify(backbone, data, pairs, args.flip, 0, verbose=True)
    check = evaluation.check_threshold(scores, pairs.is_same, threshold)
    print(
        f"on {source}: false-match rate {check.fmr:.4f}, false-non-match "
        f"rate {check.fnmr:.4f}"
    )
    return {"on": source, "fmr": check.fmr, "fnmr": check.fnmr}
