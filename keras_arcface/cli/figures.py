"""keras-arcface figures"""

from pathlib import Path

from keras_arcface.cli.sources import fixed_size
from keras_arcface.data import glyphs
from keras_arcface.data import open_data
from keras_arcface.plots.style import SUFFIXES
from keras_arcface.pretrained import load_backbone
from keras_arcface.studies.figures import FIGURES
from keras_arcface.studies.figures import NAMES
from keras_arcface.studies.figures import figures
from keras_arcface.studies.model_figures import Judged
from keras_arcface.utils.text import printable


def add_parser(subparsers):
    kinds = "; ".join(
        f"{name}: {figure.about.replace('%', '%%')}"
        for name, figure in FIGURES.items()
    )
    parser = subparsers.add_parser(
        "figures",
        help="draw the figures of the ArcFace paper, and those of a model",
        description="Draws every figure that it can from what it is given: "
        "from nothing the paper's Figures 3 (trained here, minutes), 4b and "
        "5; from a run its target angles (4a) and curves; from a model and "
        "data that it was not trained on, scores, DET, ROC, CMC, geometry, "
        "neighbours and hardest pairs. "
        f"{kinds}; toy: 3: softmax, norm-softmax and ArcFace with features "
        "of two and three dimensions, and the measured angular gaps.",
    )
    parser.add_argument(
        "--only", nargs="+", choices=NAMES, metavar="NAME", help="these alone"
    )
    parser.add_argument(
        "--output",
        default="figures",
        help="folder to write to (default: %(default)s)",
    )
    parser.add_argument(
        "--format",
        choices=[suffix.lstrip(".") for suffix in SUFFIXES],
        default="png",
        help="of the files (default: %(default)s)",
    )
    parser.add_argument(
        "--run",
        dest="run_folder",
        metavar="RUN",
        help="folder of keras-arcface train",
    )
    parser.add_argument(
        "--model",
        help="preset, run folder or .keras file (default: that of --run)",
    )
    parser.add_argument(
        "--data",
        help="what to judge the model on: a folder of identities, .csv, "
        ".rec, a pack, or 'glyphs'",
    )
    parser.add_argument(
        "--resize", action="store_true", help="resize other pictures"
    )
    parser.add_argument(
        "--no-pictures",
        action="store_true",
        help="show no picture of the data, only numbers",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        default=3,
        help="how often each toy is trained (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(args):
    found = figures(
        args.output,
        args.only,
        suffix=f".{args.format}",
        run=args.run_folder,
        judged=_judged(args),
        seeds=args.seeds,
    )
    for path in found["written"]:
        print(f"Wrote {printable(path)}")
    for name, reason in found["left_out"].items():
        print(f"Left out {name}: {printable(reason)}")


def _judged(args):
    model = args.model or (args.run_folder if args.data else None)
    if not model and not args.data:
        return None
    if not args.data:
        raise ValueError(
            "--model needs --data FOLDER or --data glyphs, to be judged on."
        )
    if not model:
        raise ValueError("--data needs --model MODEL or --run RUN.")
    backbone = load_backbone(model)
    size = fixed_size(backbone.input_shape[1:3])
    if args.data == "glyphs":
        data = glyphs.load("test", image_size=size[0])
    else:
        data = open_data(args.data, size, resize=args.resize)
    name = Path(model).name
    return Judged(name, backbone, data, pictures=not args.no_pictures)
