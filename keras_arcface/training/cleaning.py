"""Finding wrongly labelled pictures with a sub-centre model."""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np

from keras_arcface.data import ImageData
from keras_arcface.data.keep_list import relative_paths
from keras_arcface.data.keep_list import write_keep_list
from keras_arcface.evaluation import assign_sub_centers
from keras_arcface.evaluation.sub_centers import check_angle
from keras_arcface.model import ArcFaceModel
from keras_arcface.training.verification import embed_data


@dataclasses.dataclass(frozen=True)
class CleaningReport:
    """What cleaning found.

    Attributes:
        paths: Paths of the pictures, from the root of their folder.
        identities: Name of each picture's identity.
        degrees: Float `(pictures,)`, angle to the dominant sub-centre.
        nearest: Int `(pictures,)`, the sub-centre nearest to each picture.
        dominant: Int `(pictures,)`, the dominant one of its identity.
        keep: Bool `(pictures,)`.
        angle: The limit, degrees.
    """

    paths: list[str]
    identities: list[str]
    degrees: np.ndarray
    nearest: np.ndarray
    dominant: np.ndarray
    keep: np.ndarray
    angle: float

    def summary(self) -> str:
        """Returns a few lines that say what would be dropped."""
        dropped = int((~self.keep).sum())
        elsewhere = int((self.nearest != self.dominant).sum())
        whole = set(self.identities) - {
            name
            for name, kept in zip(self.identities, self.keep, strict=True)
            if kept
        }
        return (
            f"{dropped} of {len(self.keep)} pictures "
            f"({dropped / len(self.keep):.1%}) are more than "
            f"{self.angle:g} degrees from the dominant centre of their "
            f"identity; {elsewhere} are nearest to another sub-centre. "
            f"{len(whole)} identities would lose all pictures."
        )

    def write(self, path) -> None:
        """Writes the list as CSV; `keras-arcface train --keep` reads it."""
        write_keep_list(
            path,
            [
                (name, identity, f"{degrees:.2f}", nearest, dominant, int(keep))
                for name, identity, degrees, nearest, dominant, keep in zip(
                    self.paths,
                    self.identities,
                    self.degrees,
                    self.nearest,
                    self.dominant,
                    self.keep,
                    strict=True,
                )
            ],
        )


def find_noise(
    model: ArcFaceModel,
    data: ImageData,
    angle: float = 75.0,
    flip: bool = False,
    verbose: bool = False,
) -> CleaningReport:
    """Finds pictures that do not belong to their identity.

    Args:
        model: Trained with `sub_centers` above 1 (3 in the paper) on the
            identities of `data`, in the order of their class ids.
        data: Pictures in a folder.
        angle: Pictures farther than this from the dominant sub-centre of
            their identity are dropped, degrees. Defaults to the paper's 75.
        flip: Whether to add the mirrored picture's features.
        verbose: Whether to show progress.

    Raises:
        ValueError: for a model with another number of classes, or an angle
            outside (0, 180].

    Reference:
    - Deng et al., 2020, "Sub-center ArcFace", ECCV
    """
    check_angle(angle)  # Before every picture is embedded.
    if model.head.num_classes != data.num_classes:
        raise ValueError(
            f"The model knows {model.head.num_classes} identities, the data "
            f"has {data.num_classes}. Clean the data that it was trained on."
        )
    paths = relative_paths(data)
    result = assign_sub_centers(
        embed_data(model.backbone, data, flip, verbose),
        data.labels,
        keras.ops.convert_to_numpy(model.head.class_centers),
        model.head.sub_centers,
    )
    return CleaningReport(
        paths,
        [data.class_names[label] for label in data.labels],
        result.degrees,
        result.nearest,
        result.dominant[data.labels],
        result.clean(angle),
        angle,
    )


def trained_identities(run: str | Path, data: ImageData) -> ImageData:
    """Returns the part of the data that a run trained on, ids as in the run.

    Raises:
        FileNotFoundError: when `run` is no folder of `keras-arcface train`.
        ValueError: when an identity of the run is not in the data, or the
            run's classes.json is damaged.
    """
    path = Path(run) / "classes.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: {run} is no folder that keras-arcface train "
            "wrote."
        )
    names = _names(path)
    known = {name: index for index, name in enumerate(data.class_names)}
    missing = [name for name in names if name not in known]
    if missing:
        raise ValueError(
            f"{len(missing)} identities of the run in {run} are not in the "
            f"data, such as {missing[0]!r}. Give the folder that it was "
            "trained on."
        )
    ids = [known[name] for name in names]
    if ids != sorted(ids):
        raise ValueError(
            f"The identities of the run in {run} come in another order than "
            "those of the data. Class ids would mean other identities."
        )
    return data.where(np.isin(data.labels, ids))


def _names(path):
    try:
        names = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(names, list) or not all(
        isinstance(name, str) for name in names
    ):
        raise ValueError(f"{path} is damaged: it is no list of names.")
    return names
