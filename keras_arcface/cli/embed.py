"""keras-arcface embed"""

import numpy as np

from keras_arcface.cli.detecting import add_detect_options
from keras_arcface.cli.detecting import crops_with_faces
from keras_arcface.cli.detecting import detecting_reader
from keras_arcface.cli.sources import embed_paths
from keras_arcface.cli.sources import embed_pictures
from keras_arcface.cli.sources import picture_paths
from keras_arcface.pretrained import load_backbone
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.files import check_output_file

DEFAULT_MODEL = "mobilefacenet_ms1m_192"


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "embed",
        help="write the embeddings of face pictures",
        description="Writes an .npz file with `embeddings` (n, dim), unit "
        "length, and `paths` (n,). Pictures are aligned faces, or, with "
        "--detect, any photographs; those without a face are named and left "
        "out.",
    )
    parser.add_argument(
        "images", nargs="+", help="pictures, or folders of pictures"
    )
    parser.add_argument("--output", required=True, help=".npz file to write")
    add_model_options(parser)
    add_detect_options(parser)
    parser.set_defaults(run=run)


def add_model_options(parser):
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        help="preset, run folder or .keras file (default: %(default)s)",
    )
    parser.add_argument(
        "--flip", action="store_true", help="add the mirrored picture"
    )
    parser.add_argument(
        "--resize", action="store_true", help="resize other pictures"
    )


def run(args):
    output = check_output_file(args.output, ".npz")
    paths = picture_paths(args.images)
    backbone = load_backbone(args.model)
    read = detecting_reader(args, backbone)
    without = []
    if read is None:
        embeddings = embed_paths(backbone, paths, args.flip, args.resize)
    else:
        crops = crops_with_faces(read, paths, without)
        paths, embeddings = embed_pictures(backbone, crops, args.flip)
    with atomic_path(output) as temporary:
        np.savez(
            temporary,
            embeddings=embeddings,
            paths=np.array([str(path) for path in paths]),
        )
    print(
        f"Wrote {output}: {embeddings.shape[0]} embeddings of length "
        f"{embeddings.shape[1]}"
    )
    if without:
        print(f"Left out: {len(without)} pictures without a face")
