"""keras-arcface convert"""

from keras_arcface.cli.sources import sample_images
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
    parser.add_argument(
        "--calibration",
        metavar="FOLDER",
        help="aligned faces to measure the batch normalisation on, which the "
        "file has folded away; needed for fine-tuning only",
    )
    parser.set_defaults(run=run)


def run(args):
    images = None
    if args.calibration is not None:
        images, _ = sample_images(args.calibration, (112, 112), most=512)
    print(convert(args.source, args.to, calibration_images=images))
