"""keras-arcface clean"""

from pathlib import Path

from keras_arcface.cli.sources import fixed_size
from keras_arcface.data import open_data
from keras_arcface.model import ArcFaceModel
from keras_arcface.pretrained import read_model
from keras_arcface.training.cleaning import find_noise
from keras_arcface.training.cleaning import trained_identities
from keras_arcface.utils.files import check_output_file


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "clean",
        help="find wrongly labelled pictures with a sub-centre model",
        description="Writes a CSV file that says of every picture how far it "
        "lies from the dominant centre of its identity, and whether to keep "
        "it. Train the model before with --sub-centers 3, and a clean one "
        "after with --keep FILE.",
    )
    parser.add_argument("run_folder", metavar="RUN", help="folder of the run")
    parser.add_argument("data", help="folder that the run was trained on")
    parser.add_argument("--output", required=True, help=".csv file to write")
    parser.add_argument(
        "--angle",
        type=float,
        default=75.0,
        help="limit in degrees (default: %(default)g)",
    )
    parser.add_argument(
        "--flip", action="store_true", help="add the mirrored picture"
    )
    parser.add_argument(
        "--resize", action="store_true", help="resize other pictures"
    )
    parser.set_defaults(run=run)


def run(args):
    output = check_output_file(args.output, ".csv")
    model = _load(Path(args.run_folder))
    size = fixed_size(model.backbone.input_shape[1:3])
    data = open_data(args.data, size, resize=args.resize)
    data = trained_identities(args.run_folder, data)
    report = find_noise(model, data, args.angle, args.flip, verbose=True)
    report.write(output)
    print(report.summary())
    print(f"Wrote {output}. To train without them: --keep {output}")


def _load(folder):
    path = folder / "best.keras"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: {folder} is no folder of keras-arcface train."
        )
    model = read_model(path)
    head = getattr(model, "head", None)
    if not isinstance(model, ArcFaceModel) or (
        getattr(head, "sub_centers", 1) == 1
    ):
        raise ValueError(
            f"{path} has one centre a class. Noise shows with several: train "
            "with --sub-centers 3."
        )
    return model
