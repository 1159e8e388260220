"""The calibrated thresholds of a gallery, one a target FPIR."""

from collections.abc import Iterable

from keras_arcface.evaluation.pairs import check_rate
from keras_arcface.gallery.calibration import Calibration


class Thresholds:
    """Calibrations by the rate that they were made for; the last one counts.

    Args:
        calibrations: In the order in which they were made.
    """

    def __init__(self, calibrations: Iterable[Calibration] = ()):
        self._by_rate = {each.target_fpir: each for each in calibrations}

    def __iter__(self):
        return iter(self._by_rate.values())

    def keep(self, calibration: Calibration) -> Calibration:
        """Takes a new one, in place of an older one for the same rate."""
        self._by_rate.pop(calibration.target_fpir, None)
        self._by_rate[calibration.target_fpir] = calibration
        return calibration

    def chosen(self, fpir: float | None = None) -> Calibration:
        """Returns the calibration for a rate, by default the last one made.

        Raises:
            ValueError: when there is none.
        """
        if not self._by_rate:
            raise ValueError(
                "The gallery has no threshold, and without one every stranger "
                "is given the name of whoever is nearest. Calibrate it with "
                "pictures of people who are not enrolled, or give a threshold."
            )
        if fpir is None:
            return next(reversed(self._by_rate.values()))
        check_rate("fpir", fpir)
        if fpir not in self._by_rate:
            known = ", ".join(f"{rate:g}" for rate in self._by_rate)
            raise ValueError(
                f"The gallery is not calibrated for FPIR {fpir:g}, but for "
                f"{known}."
            )
        return self._by_rate[fpir]
