"""keras-arcface enroll"""

from pathlib import Path

from keras_arcface.cli.galleries import Embedder
from keras_arcface.cli.galleries import add_embedder_options
from keras_arcface.cli.galleries import pictures_of_people
from keras_arcface.cli.galleries import strangers_and_people
from keras_arcface.cli.galleries import warn
from keras_arcface.evaluation.pairs import check_rate
from keras_arcface.evaluation.tables import aligned
from keras_arcface.gallery import Gallery
from keras_arcface.gallery.calibrating import check_searches
from keras_arcface.utils.files import check_output_folder
from keras_arcface.utils.text import printable

FPIR = 0.01
NAMED = 3


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "enroll",
        help="keep people in a gallery, for `identify`",
        description="Adds people to a gallery, a file that is made where it is "
        "missing. A folder has one sub-folder a person, or is called as the "
        "one person in it. Instead of pictures: --list, --remove, or "
        "--calibrate.",
    )
    parser.add_argument("gallery", help="file, for example people.gallery")
    parser.add_argument(
        "pictures", nargs="*", help="folders of people; pictures with --name"
    )
    parser.add_argument("--name", help="who is on all these pictures")
    known = parser.add_mutually_exclusive_group()
    known.add_argument(
        "--add",
        action="store_true",
        help="more pictures of people who are enrolled already",
    )
    known.add_argument(
        "--replace",
        action="store_true",
        help="forget the old pictures of people who are enrolled already",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--list", action="store_true", help="say who is enrolled"
    )
    instead.add_argument(
        "--remove", nargs="+", metavar="NAME", help="forget people"
    )
    instead.add_argument(
        "--calibrate",
        nargs="+",
        metavar="FOLDER",
        help="find the threshold by pictures of strangers; those in "
        "sub-folders called as somebody enrolled say how many are missed",
    )
    parser.add_argument(
        "--fpir",
        type=float,
        help="with --calibrate, share of strangers that may be given a name "
        f"(default: {FPIR})",
    )
    add_embedder_options(parser)
    parser.set_defaults(run=run)


def run(args):
    _check(args)
    if args.list:
        _list(Gallery.load(args.gallery))
    elif args.remove:
        _remove(args)
    elif args.calibrate:
        _calibrate(args)
    else:
        _enroll(args)


def _check(args):
    instead = args.list or args.remove or args.calibrate
    if bool(args.pictures) == bool(instead):
        raise ValueError(
            "Say what to do with the gallery: give folders of people, or one "
            "of --list, --remove NAME and --calibrate FOLDER."
        )
    if args.fpir is not None and not args.calibrate:
        raise ValueError("--fpir needs --calibrate.")
    if args.fpir is not None:
        check_rate("--fpir", args.fpir)
    if instead and (args.name is not None or args.add or args.replace):
        raise ValueError("--name, --add and --replace need pictures.")


def _enroll(args):
    before = None
    if Path(args.gallery).exists():
        before = Gallery.load(args.gallery)
    _check_place(args.gallery)
    pictures = pictures_of_people(args.pictures, args.name)
    _check_new({name for name, _ in pictures}, before, args)
    embedder = Embedder(args, before)
    del before  # It may be gigabytes, and is read again.
    paths, embeddings = embedder.embed([path for _, path in pictures])
    whose = {path: name for name, path in pictures}
    names = [whose[path] for path in paths]
    # Not before: embedding takes minutes, in which others may write.
    with Gallery.writing(args.gallery, model=embedder.fingerprint) as gallery:
        known = _put(gallery, names, embeddings, args)
    how = "replaced" if args.replace else "added to"
    others = f", {how} {known:,}" if known else ""
    print(
        f"Enrolled {len(set(names)) - known:,} people{others}, from "
        f"{len(names):,} pictures. {printable(args.gallery)} has "
        f"{len(gallery):,} people."
    )
    _say_left_out({name for name, _ in pictures} - set(names), embedder)
    warn(_warnings(gallery))


def _put(gallery, names, embeddings, args):
    """Enrols who is new; returns how many were enrolled already."""
    rows = {}
    for row, name in enumerate(names):
        rows.setdefault(name, []).append(row)
    _check_new(rows, gallery, args)
    known = [name for name in rows if name in gallery]
    for name in known:
        if args.replace:
            gallery.remove(name)
        else:
            gallery.add(name, embeddings[rows[name]])
    new = [row for row, name in enumerate(names) if name not in gallery]
    if new:
        gallery.enroll_many([names[row] for row in new], embeddings[new])
    return len(known)


def _check_new(names, gallery, args):
    if gallery is None or args.add or args.replace:
        return
    known = sorted(name for name in names if name in gallery)
    if known:
        who = f"{known[0]!r} is"
        if len(known) > 1:
            who = f"{known[0]!r} and {len(known) - 1:,} others are"
        raise ValueError(
            f"{who} enrolled already. --add gives them "
            "these pictures too, --replace forgets the old ones; another "
            "person needs another name."
        )


def _say_left_out(people, embedder):
    if embedder.without:
        print(f"Left out: {len(embedder.without)} pictures without a face")
    if people:
        some = ", ".join(sorted(map(printable, people))[:NAMED])
        print(f"Not enrolled, without any face: {len(people)}, such as {some}")


def _list(gallery):
    print(gallery.summary())
    rows = [("name", "pictures", "agreement", "")]
    for name in gallery:
        kept = gallery.describe(name)
        agreement = f"{kept.agreement:.3f}"
        rows.append((printable(name), f"{kept.pictures:,}", agreement, ""))
    print("\n".join(aligned(rows)))


def _remove(args):
    _require(args.gallery)
    with Gallery.writing(args.gallery) as gallery:
        for name in dict.fromkeys(args.remove):
            gallery.remove(name)
    print(f"{printable(args.gallery)} has {len(gallery):,} people.")


def _calibrate(args):
    gallery = Gallery.load(args.gallery)
    _check_place(args.gallery)
    pictures = strangers_and_people(args.calibrate)
    fpir = FPIR if args.fpir is None else args.fpir
    check_searches(sum(name not in gallery for name, _ in pictures), fpir)
    embedder = Embedder(args, gallery)
    del gallery  # It may be gigabytes, and is read again.
    paths, embeddings = embedder.embed([path for _, path in pictures])
    whose = {path: name for name, path in pictures}
    names = [whose[path] for path in paths]
    with Gallery.writing(args.gallery, model=embedder.fingerprint) as gallery:
        found = gallery.calibrate(embeddings, names, fpir=fpir)
    print(f"threshold {found.threshold:.4f}: {found.basis()}")
    warn(found.warnings(len(gallery)))


def _warnings(gallery):
    if not gallery.calibrations:
        return ()
    return gallery.calibration().warnings(len(gallery))


def _check_place(path):
    # Before pictures are embedded, which takes minutes.
    check_output_folder(Path(path).resolve().parent)


def _require(path):
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no gallery {path}.")
