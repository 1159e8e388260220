"""keras-arcface export"""

from pathlib import Path

from keras_arcface.cli.sources import sample_images
from keras_arcface.export import check_export
from keras_arcface.export import export
from keras_arcface.pretrained import load_backbone


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "export",
        help="write SavedModel, TFLite and ONNX, each proved against Keras",
    )
    parser.add_argument(
        "model", help="preset name, preset folder, run folder or .keras file"
    )
    parser.add_argument(
        "--format",
        default="all",
        choices=("saved_model", "tflite", "onnx", "all"),
        help="what to write (default: %(default)s)",
    )
    parser.add_argument(
        "--samples",
        help="folder of pictures to compare on (default: unseen glyphs)",
    )
    parser.add_argument(
        "--input-dtype",
        default="float32",
        choices=("float32", "uint8"),
        help="pixels that the TFLite and ONNX files take",
    )
    parser.add_argument(
        "--resize", action="store_true", help="resize other samples"
    )
    parser.add_argument(
        "--output",
        default="exports",
        help="folder to write to (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(args):
    check_export(args.output, args.format)
    backbone = load_backbone(args.model)
    size = backbone.input_shape[1:3]
    images, name = sample_images(args.samples, size, args.resize)
    export(
        backbone,
        args.output,
        formats=args.format,
        images=images,
        samples_name=name,
        input_dtype=args.input_dtype,
    )
    print(f"Wrote {Path(args.output)}")
