"""keras-arcface quickstart"""

from keras_arcface.studies.quickstart import quickstart


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "quickstart",
        help="train ArcFace beside softmax on glyphs, judge, export: minutes",
        description="Trains a small network on characters of the fonts inside "
        "matplotlib, with ArcFace and with plain softmax under the same "
        "budget; judges both on characters that neither has seen; draws "
        "figures; and exports the ArcFace model to SavedModel, TFLite and "
        "ONNX with a proof of agreement.",
    )
    parser.add_argument(
        "--output",
        default="quickstart",
        help="folder to write to (default: %(default)s)",
    )
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--no-export", action="store_true", help="leave out the exports"
    )
    parser.set_defaults(run=run)


def run(args):
    quickstart(
        args.output,
        epochs=args.epochs,
        seed=args.seed,
        exports=not args.no_export,
    )
