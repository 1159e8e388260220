"""The option --detect: photographs where aligned crops are expected."""

import functools
import sys

from keras_arcface.cli.sources import fixed_size
from keras_arcface.faces import NoFaceError
from keras_arcface.faces import crop_face
from keras_arcface.faces.detect import CHOICES
from keras_arcface.faces.detect import check_detector
from keras_arcface.utils.console import progress
from keras_arcface.utils.text import printable


def add_detect_options(parser):
    parser.add_argument(
        "--detect",
        action="store_true",
        help="find and align the face in ordinary photographs first",
    )
    parser.add_argument(
        "--face",
        choices=CHOICES,
        help="with --detect, which of several faces (default: largest)",
    )


def detecting_reader(args, backbone):
    """Returns `read(path)`, or `None` without --detect.

    It says on stderr where there were several faces to choose from.

    Raises:
        ValueError: for options or a model that do not fit --detect.
    """
    if not args.detect:
        if args.face:
            raise ValueError("--face needs --detect.")
        return None
    if args.resize:
        raise ValueError(
            "--detect gives pictures of the model's own size. Leave out "
            "--resize."
        )
    height, width = fixed_size(backbone.input_shape[1:3])
    if height != width:
        raise ValueError(
            "--detect needs a model of square pictures. Received: one of "
            f"{height}x{width}."
        )
    check_detector()
    return functools.partial(_read, size=height, face=args.face or "largest")


def _read(path, size, face):
    crop = crop_face(path, size, face)
    if crop.found > 1:
        print(
            f"{printable(path)}: {crop.found} faces; took the "
            f"{'largest' if face == 'largest' else 'most central'}",
            file=sys.stderr,
        )
    return crop.image


def crops_with_faces(read, paths, without):
    """Yields `(path, crop)`; paths without a face are added to `without`.

    These are named on stderr too.

    Raises:
        NoFaceError: at the end, when there was no face in any picture.
    """
    for path in progress(paths, "Detecting"):
        try:
            crop = read(path)
        except NoFaceError:
            without.append(path)
            print(f"{printable(path)}: no face, left out", file=sys.stderr)
        else:
            yield path, crop
    if len(without) == len(paths):
        raise NoFaceError(f"No face in any of {len(paths)} pictures.")
