"""What `enroll` and `identify` share: a gallery's model, people in folders."""

import sys
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from keras_arcface.cli.detecting import add_detect_options
from keras_arcface.cli.detecting import crops_with_faces
from keras_arcface.cli.detecting import detecting_reader
from keras_arcface.cli.embed import DEFAULT_MODEL
from keras_arcface.cli.sources import embed_paths
from keras_arcface.cli.sources import embed_pictures
from keras_arcface.cli.sources import picture_paths
from keras_arcface.gallery import model_fingerprint
from keras_arcface.gallery.names import check_name
from keras_arcface.pretrained import load_backbone
from keras_arcface.utils.text import printable


def add_embedder_options(parser):
    parser.add_argument(
        "--model",
        help="preset, run folder or .keras file (default: that of the "
        f"gallery; of a new one {DEFAULT_MODEL})",
    )
    parser.add_argument(
        "--flip",
        action="store_true",
        help="add the mirrored picture; what a gallery was begun with counts",
    )
    parser.add_argument(
        "--resize", action="store_true", help="resize other pictures"
    )
    add_detect_options(parser)


class Embedder:
    """The model of a gallery, at work on pictures.

    Args:
        args: Of a command with `add_embedder_options`.
        gallery: Whose model is taken where --model names no other; or None.

    Attributes:
        fingerprint: Of the model.
        without: Pictures in which --detect found no face.

    Raises:
        ValueError: when the gallery's embeddings are another model's.
    """

    def __init__(self, args, gallery):
        known = None if gallery is None else gallery.model
        source = args.model or (known and known.name) or DEFAULT_MODEL
        self._backbone = load_backbone(source)
        self._flip = args.flip or bool(known and known.flip)
        self._resize = args.resize
        self._read = detecting_reader(args, self._backbone)
        self.fingerprint = model_fingerprint(
            self._backbone, flip=self._flip, name=source
        )
        self.without = []
        if gallery is not None:
            gallery.check_model(self.fingerprint)
            if known is None and len(gallery):
                warn(["the gallery does not say which model made it."])

    def embed(self, paths: Sequence[Path]):
        """Returns paths with a face, and their embeddings, `(n, dim)`."""
        if self._read is None:
            embeddings = embed_paths(
                self._backbone, paths, self._flip, self._resize
            )
            return paths, embeddings
        crops = crops_with_faces(self._read, paths, self.without)
        return embed_pictures(self._backbone, crops, self._flip)


class Picture(NamedTuple):
    """A file, and whom it shows; None where nobody says."""

    name: str | None
    path: Path


def pictures_of_people(
    sources: Sequence[str], name: str | None = None
) -> list[Picture]:
    """Returns the pictures in files and folders, with the people on them.

    A folder with sub-folders has one person in each of them; one without has
    one person, who is called as it is.

    Args:
        sources: Files and folders.
        name: Who is on all of them, whatever they are called.

    Raises:
        FileNotFoundError: for a path that is not there.
        ValueError: for a folder without pictures, a picture without a name, or
            one with two.
    """
    if name is not None:
        name = check_name(name)
        found = [Picture(name, path) for path in picture_paths(sources)]
    else:
        found = [each for s in sources for each in _people_in(Path(s))]
    return _each_once(found)


def strangers_and_people(sources: Sequence[str]) -> list[Picture]:
    """Returns pictures to calibrate on; loose ones show strangers.

    Each comes once, however often it was given: a search that is counted
    twice would pass for more evidence than there is.

    Raises:
        FileNotFoundError: for a path that is not there.
        ValueError: for a folder without pictures, or a picture of two people.
    """
    found = []
    for source in map(Path, sources):
        folders = _sub_folders(source) if source.is_dir() else []
        if folders:
            found += _people_in(source)
        else:
            found += [Picture(None, path) for path in picture_paths([source])]
    return _each_once(found)


def _each_once(found):
    first = {}
    for each in found:
        other = first.setdefault(each.path.absolute(), each)
        if other.name != each.name:
            raise ValueError(
                f"{each.path} would be a picture of {_who(other)} and of "
                f"{_who(each)}. Give each folder once."
            )
    return list(first.values())


def _who(picture):
    return "a stranger" if picture.name is None else repr(picture.name)


def _people_in(source: Path) -> Iterator[Picture]:
    if source.is_file():
        raise ValueError(
            f"Nobody says who is on {source}. Give --name, or a folder whose "
            "name is the person's."
        )
    folders = _sub_folders(source) if source.is_dir() else []
    for folder in folders or [source]:
        for path in picture_paths([folder]):
            yield Picture(check_name(folder.resolve().name), path)
    if folders:
        _mention_loose(source)


def _sub_folders(source):
    return sorted(
        path
        for path in source.iterdir()
        if path.is_dir() and not path.name.startswith(".")
    )


def _mention_loose(source):
    loose = [path for path in source.iterdir() if path.is_file()]
    loose = [path for path in loose if not path.name.startswith(".")]
    if loose:
        print(
            f"{printable(source)}: {len(loose)} files beside the folders of "
            f"people were left out, such as {printable(loose[0].name)}",
            file=sys.stderr,
        )


def warn(warnings):
    """Prints warnings to stderr."""
    for text in warnings:
        print(f"warning: {text}", file=sys.stderr)
