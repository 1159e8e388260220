"""keras-arcface evaluate"""

from pathlib import Path

from keras_arcface import evaluation
from keras_arcface import plots
from keras_arcface.cli.sources import pairs_from_data
from keras_arcface.cli.sources import pairs_from_file
from keras_arcface.pretrained import load_backbone
from keras_arcface.training.verification import embed_data
from keras_arcface.training.verification import report
from keras_arcface.utils.files import check_output_folder
from keras_arcface.utils.files import write_json


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "evaluate",
        help="judge a model by verification on pairs of pictures",
        description="Judges a model on pairs from a CSV file (columns fold, "
        "left, right, is_same) or LFW's pairs.txt with their pictures, on a "
        ".bin set of insightface, on pairs drawn from a folder with one "
        "sub-folder an identity, or on unseen glyphs.",
    )
    parser.add_argument(
        "model", help="preset name, preset folder, run folder or .keras file"
    )
    parser.add_argument(
        "--pairs", help="CSV file of pairs, LFW's pairs.txt, or .bin set"
    )
    parser.add_argument(
        "--images",
        help="folder of the pictures that --pairs names; a .bin holds its own",
    )
    parser.add_argument(
        "--data", help="instead: folder of identities, or 'glyphs'"
    )
    parser.add_argument(
        "--flip",
        action="store_true",
        help="add the mirrored picture's features, as the papers do",
    )
    parser.add_argument(
        "--resize", action="store_true", help="resize other pictures"
    )
    parser.add_argument(
        "--geometry",
        action="store_true",
        help="also measure how the identities lie to each other: angles, "
        "effective dimension, hubness (adds geometry.png)",
    )
    parser.add_argument(
        "--output",
        help="folder for report.json, det.png and scores.png "
        "(default: evaluation-MODEL)",
    )
    parser.set_defaults(run=run)


def run(args):
    output = args.output or f"evaluation-{Path(args.model).stem}"
    folder = check_output_folder(output)
    backbone = load_backbone(args.model)
    data, pairs, source = _pairs(args, backbone.input_shape[1:3])
    if args.geometry and pairs.subject is None:
        raise ValueError(
            "--geometry needs to know who is on each picture, which a .bin "
            "set does not say. Take --data FOLDER, or --pairs CSV."
        )
    embeddings = embed_data(backbone, data, args.flip, verbose=True)
    similarity = evaluation.cosine_similarity(
        embeddings, pairs.left, pairs.right
    )
    judged = report(similarity, pairs)
    print(f"{args.model} on {source}" + (", with flip" if args.flip else ""))
    print(judged.summary())
    values = {"model": str(args.model), "pairs": source, "flip": args.flip}
    values |= judged.to_dict()
    geometry = None
    if args.geometry:
        geometry = evaluation.geometry_report(embeddings, pairs.subject)
        print(geometry.summary())
        values["geometry"] = geometry.to_dict()
    write_json(folder / "report.json", values)
    plots.plot_scores(
        similarity,
        pairs.is_same,
        folder / "scores.png",
        threshold=judged.eer_threshold,
        title=source,
    )
    curves = {Path(args.model).name: (similarity, pairs.is_same)}
    plots.plot_det(curves, folder / "det.png")
    written = ["report.json", "det.png", "scores.png"]
    if geometry is not None:
        plots.plot_geometry(geometry, folder / "geometry.png")
        written.append("geometry.png")
    print(f"Wrote {folder}: {', '.join(written)}")


def _pairs(args, size):
    if args.pairs and not args.data:
        return pairs_from_file(args.pairs, args.images, size, args.resize)
    if args.data and not args.pairs and not args.images:
        return pairs_from_data(args.data, size, args.resize)
    raise ValueError(
        "Say what to judge the model on: --pairs CSV --images FOLDER, or "
        "--pairs SET.bin, or --data FOLDER, or --data glyphs."
    )
