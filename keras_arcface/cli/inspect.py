"""keras-arcface inspect"""

from keras_arcface.cli.sources import embed_paths
from keras_arcface.cli.sources import fixed_size
from keras_arcface.data.images import wrong_size
from keras_arcface.data.inspection import inspect_folder
from keras_arcface.data.inspection_report import close_to_text
from keras_arcface.data.inspection_report import to_json
from keras_arcface.data.inspection_report import to_text
from keras_arcface.pretrained import load_backbone
from keras_arcface.studies.close_embeddings import close_embeddings
from keras_arcface.studies.contact_sheet import contact_sheet
from keras_arcface.utils.files import check_output_file
from keras_arcface.utils.files import write_json
from keras_arcface.utils.text import printable

_MOST_SUSPECTS = 24


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "inspect",
        help="say what a folder of identities holds, and what is wrong with it",
        description="Decodes every picture of a folder with one sub-folder "
        "per identity and reports counts, sizes, formats, unreadable files, "
        "duplicates, identities with one picture, and pictures of two "
        "identities that look alike. Broken pictures do not stop it. It takes "
        "no .csv, .rec or pack: inspect the folder that the pictures are in; "
        "a .rec file is checked by `keras-arcface pack`.",
    )
    parser.add_argument(
        "data",
        metavar="DATA",
        help="folder with one sub-folder of pictures per identity",
    )
    parser.add_argument("--output", help=".json file with all that was found")
    parser.add_argument("--sheet", help=".png file with a contact sheet")
    parser.add_argument(
        "--model",
        help="preset, run folder or .keras file: also compare the identities' "
        "embeddings (the pictures must be aligned)",
    )
    parser.add_argument(
        "--cosine",
        type=float,
        default=0.7,
        help="with --model, least cosine to report (default: %(default)g)",
    )
    parser.add_argument(
        "--resize",
        action="store_true",
        help="with --model, resize pictures of another size",
    )
    parser.set_defaults(run=run)


def run(args):
    output = args.output and check_output_file(args.output, ".json")
    sheet = args.sheet and check_output_file(args.sheet, ".png", "--sheet")
    if not -1 <= args.cosine <= 1:
        raise ValueError(
            f"--cosine must be in [-1, 1]. Received: {args.cosine}."
        )
    backbone = size = None
    if args.model:
        backbone = load_backbone(args.model)
        size = fixed_size(backbone.input_shape[1:3])
    inspection = inspect_folder(args.data)
    report = to_json(inspection)
    print(to_text(report))
    _save(output, sheet, inspection, report)
    for path in filter(None, (output, sheet)):
        print(f"Wrote {printable(path)}")
    if backbone is None or not inspection.readable:
        return
    # What the model says comes on top: a picture that it cannot take, or a
    # stop in these hours, leaves the report that is there.
    if not args.resize:
        _check_sizes(inspection, size)
    close = _close(inspection, backbone, args)
    pairs = [
        {"first": printable(a), "second": printable(b), "cosine": value}
        for a, b, value in close
    ]
    report["close_embeddings_across_identities"] = pairs
    print(close_to_text(pairs))
    _save(output, sheet, inspection, report, close)


def _save(output, sheet, inspection, report, close=()):
    if output:
        write_json(output, report)
    if sheet:
        contact_sheet(inspection, sheet, _suspects(inspection, close))


def _check_sizes(inspection, size):
    for picture in inspection.readable:
        if picture.size != size:
            path = printable(inspection.root / picture.path)
            raise wrong_size(path, picture.size, size)


def _close(inspection, backbone, args):
    readable = inspection.readable
    paths = [inspection.root / picture.path for picture in readable]
    embeddings = embed_paths(backbone, paths, resize=args.resize)
    return [
        (readable[first].path, readable[second].path, round(cosine, 4))
        for first, second, cosine in close_embeddings(
            embeddings, inspection.labels, args.cosine
        )
    ]


def _suspects(inspection, close):
    alike = [
        (one.path, two.path, f"{one.path} ~ {two.path}: {bits} bits apart")
        for one, two, bits in inspection.near_duplicates
    ]
    alike += [
        (one, two, f"{one} ~ {two}: cosine {cosine:.3f}")
        for one, two, cosine in close
    ]
    return alike[:_MOST_SUSPECTS]
