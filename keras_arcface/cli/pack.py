"""keras-arcface pack"""

import os

from keras_arcface.data import open_data
from keras_arcface.data import pack


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "pack",
        help="pack pictures into TFRecords that open at once",
        description="Writes any data that train reads as sharded TFRecords "
        "with an index. Pictures keep their own bytes; order, labels and names "
        "stay. Interrupted, it goes on when called again.",
    )
    parser.add_argument(
        "source", metavar="SRC", help="folder, .csv, .rec or TFRecords"
    )
    parser.add_argument("folder", metavar="DST", help="new or empty folder")
    parser.add_argument(
        "--image-size",
        type=int,
        metavar="PIXELS",
        help="side of the pictures (default: 112, or what a pack says)",
    )
    parser.add_argument(
        "--resize", action="store_true", help="resize other pictures"
    )
    parser.add_argument(
        "--images", help="folder that the paths of a .csv start from"
    )
    parser.add_argument(
        "--shard-pictures",
        type=int,
        help="pictures a file (default: 8192, or more in at most 256 files)",
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count(),
        help="processes that write (default: one a core, %(default)s)",
    )
    parser.set_defaults(run=run)


def run(args):
    side = args.image_size
    data = open_data(
        args.source,
        None if side is None else (side, side),
        resize=args.resize,
        images=args.images,
    )
    index = pack(
        data,
        args.folder,
        shard_pictures=args.shard_pictures,
        processes=args.processes,
    )
    print(f"Packed {data.describe()}.")
    print(f"Wrote {index}. To train on it: --data {index.parent}")
