"""The geometry of embeddings, as a value, a text and JSON."""

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_arcface.evaluation.hubs import Hubness
from keras_arcface.evaluation.tables import aligned
from keras_arcface.evaluation.tables import jsonable
from keras_arcface.evaluation.tables import percent

QUANTILES = {
    f"p{percent:02d}": percent / 100 for percent in (5, 25, 50, 75, 95)
}
# name in the report: what the table calls it, and what it is
ANGLES = {
    "intra": ("Intra", "embedding to its embedding centre"),
    "target": ("target angle", "embedding to its class centre"),
    "w_ec": ("W-EC", "class centre to its embedding centre"),
    "inter": ("Inter", "embedding centre to the nearest other"),
    "w_inter": ("W-Inter", "class centre to the nearest other"),
}
# Embeddings for each effective dimension, below which it is over a tenth low.
_ENOUGH = 10


@dataclass(frozen=True)
class AngleDistribution:
    """Angles in degrees.

    Attributes:
        mean: Of all of them.
        quantiles: By name: "p05", "p25", "p50", "p75" and "p95".
        counts: How many lie in each bin of one degree, 180 of them.
        of: How many angles.
        random: The mean that as many independent random directions would
            have; None where the angles are not of nearest neighbours.
    """

    mean: float
    quantiles: dict[str, float]
    counts: tuple[int, ...]
    of: int
    random: float | None = None

    @classmethod
    def of_angles(
        cls, degrees: np.ndarray, random: float | None = None
    ) -> "AngleDistribution":
        """Returns the distribution of angles `(n,)`."""
        values = np.quantile(degrees, list(QUANTILES.values())).tolist()
        counts, _ = np.histogram(degrees, np.arange(181))
        return cls(
            mean=float(degrees.mean()),
            quantiles=dict(zip(QUANTILES, values, strict=True)),
            counts=tuple(counts.tolist()),
            of=degrees.size,
            random=random,
        )


@dataclass(frozen=True)
class GeometryReport:
    """How embeddings lie on the sphere.

    Attributes:
        embeddings: How many. dim: Numbers of each. classes: How many.
        lone_classes: Classes of a single embedding, which is its own centre.
        intra_without_lone: `intra` of the other classes; None without any.
        angles: `AngleDistribution` by name: "intra", of embeddings to their
            embedding centres (the mean of the class's unit embeddings);
            "inter", of embedding centres to the nearest other, with two
            classes or more. With class centres also "target", of embeddings
            to their class centres; "w_ec", of class centres to embedding
            centres; and "w_inter", of class centres to the nearest other.
        effective_dimension: Participation ratio of the eigenvalues of the
            covariance; NaN where all embeddings have one direction.
        effective_dimension_uncentered: The same of the second moments, to
            which the mean direction belongs.
        hubness: None with too few embeddings for k neighbours.
        warnings: What a reader must know before quoting a number.
    """

    embeddings: int
    dim: int
    classes: int
    lone_classes: int
    intra_without_lone: float | None
    angles: dict[str, AngleDistribution]
    effective_dimension: float
    effective_dimension_uncentered: float
    hubness: Hubness | None
    warnings: tuple[str, ...] = ()

    @property
    def intra(self) -> float:
        """Mean angle of an embedding to its embedding centre, degrees."""
        return self.angles["intra"].mean

    @property
    def inter(self) -> float | None:
        """Mean angle of an embedding centre to the nearest other, degrees."""
        return self._mean("inter")

    @property
    def w_ec(self) -> float | None:
        """Mean angle of a class centre to its embedding centre, degrees."""
        return self._mean("w_ec")

    @property
    def w_inter(self) -> float | None:
        """Mean angle of a class centre to the nearest other, degrees."""
        return self._mean("w_inter")

    def _mean(self, name):
        return self.angles[name].mean if name in self.angles else None

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values ready for JSON; what is NaN becomes None."""
        means = {n: getattr(self, n) for n in ("intra", "inter", "w_ec")}
        means["w_inter"] = self.w_inter
        return jsonable({**means, **dataclasses.asdict(self)})

    def lines(self) -> list[str]:
        """Returns the lines of `summary`."""
        rows = [("degrees", "mean", "5%", "50%", "95%", "random", "")]
        rows += [
            _row(*ANGLES[name], self.angles[name])
            for name in ANGLES
            if name in self.angles
        ]
        return [
            f"{self.embeddings:,} embeddings of {self.classes:,} classes in "
            f"{self.dim:,} dimensions",
            *aligned(rows),
            f"effective dimension {_number(self.effective_dimension)}; "
            f"uncentred {self.effective_dimension_uncentered:.1f}",
            *_about_hubness(self.hubness),
            *(f"Warning: {warning}" for warning in self.warnings),
        ]

    def summary(self) -> str:
        """Returns the report as a table for a terminal."""
        return "\n".join(self.lines())


def _row(name, what, angles):
    values = [
        angles.mean,
        *(angles.quantiles[q] for q in ("p05", "p50", "p95")),
    ]
    random = "" if angles.random is None else f"{angles.random:.2f}"
    note = f"{what} ({angles.of:,})"
    return (name, *(f"{value:.2f}" for value in values), random, note)


def _number(value):
    return "undefined" if math.isnan(value) else f"{value:.1f}"


def _about_hubness(hubness):
    if hubness is None:
        return
    strangers = ""
    if hubness.worst_stranger_lists:
        strangers = (
            f", row {hubness.worst_stranger} on "
            f"{hubness.worst_stranger_lists:,} of another class"
        )
    yield (
        f"hubness among {hubness.of:,} at k = {hubness.k}: skewness "
        f"{hubness.skewness:.2f}, {percent(hubness.anti_hubs)} on no list; "
        f"row {hubness.worst_hub} on {hubness.worst_hub_lists:,}{strangers}"
    )


def report_warnings(report: GeometryReport) -> Iterator[str]:
    """Yields what a reader must know before quoting a number."""
    if report.lone_classes:
        without = report.intra_without_lone
        others = "" if without is None else f"; without them {without:.2f}"
        yield (
            f"{report.lone_classes:,} of {report.classes:,} classes have a "
            f"single embedding, its own centre: Intra is too low{others}."
        )
    dimension = report.effective_dimension
    if math.isnan(dimension):
        yield "all embeddings have one direction; they spread in none."
    elif report.embeddings < _ENOUGH * dimension:
        yield (
            f"{report.embeddings:,} embeddings are few for an effective "
            f"dimension of {dimension:.1f}: it is biased low."
        )
    if report.hubness is None:
        yield "too few embeddings for hubness: k + 2 are needed."
