"""keras-arcface convert"""

from keras_arcface.pretrained import convert


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "convert",
        help="turn foreign weights (.tflite) into a preset folder",
    )
    parser.add_argument("source", help="MobileFaceNet .tflite file")
    parser.add_argument(
        "--to", required=True, metavar="FOLDER", help="preset folder to write"
    )
    parser.set_defaults(run=run)


def run(args):
    print(convert(args.source, args.to))
