"""Which settings are tried: drawn in a cube, then put into the ranges."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_arcface.studies.compare.contract import Range
from keras_arcface.studies.compare.sobol import sobol_point
from keras_arcface.utils.optional import require


class Tried(NamedTuple):
    """A setting that was tried: where in the cube, and how good it was.

    `value` is None where the training failed.
    """

    point: tuple[float, ...]
    value: float | None


def trial_point(
    searcher: str,
    names: Sequence[str],
    trial: int,
    seed: int,
    earlier: Sequence[Tried] = (),
) -> tuple[float, ...]:
    """Returns where in the unit cube a trial is: a number in [0, 1) a name.

    The same arguments give the same point, so a comparison that was stopped
    goes on with the points that it would have had.

    Args:
        searcher: "sobol", "random" or "optuna" (its TPE sampler).
        names: Of the settings, sorted.
        trial: Which one, from 0.
        seed: Of the draw. The same for all losses: those with as many settings
            are tried at the same points.
        earlier: What came before this trial; only "optuna" looks at it.

    Raises:
        ImportError: when "optuna" is not installed.
        ValueError: when Sobol has no numbers for so many settings.
    """
    if not names:
        return ()
    if searcher == "sobol":
        point = sobol_point(trial, len(names), seed)
    elif searcher == "random":
        point = np.random.default_rng([seed, trial]).random(len(names))
    else:
        point = _by_optuna(names, trial, seed, earlier)
    return tuple(float(u) for u in point)


def settings_at(
    point: Sequence[float], ranges: Mapping[str, Range]
) -> dict[str, Any]:
    """Returns the value of every setting at a point of the cube.

    The point's coordinates are those of the names in alphabetical order.
    """
    return {
        name: ranges[name].sample(u)
        for name, u in zip(sorted(ranges), point, strict=True)
    }


def _by_optuna(names, trial, seed, earlier):
    optuna = require("optuna", "compare")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # A new study every time, told all that came before: nothing is remembered
    # that a kill could take away.
    draw = np.random.SeedSequence([seed, trial]).generate_state(1)[0]
    sampler = optuna.samplers.TPESampler(seed=int(draw))
    study = optuna.create_study(direction="maximize", sampler=sampler)
    cube = {
        name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in names
    }
    for point, value in earlier:
        state = optuna.trial.TrialState
        study.add_trial(
            optuna.trial.create_trial(
                state=state.FAIL if value is None else state.COMPLETE,
                value=value,
                params=dict(zip(names, point, strict=True)),
                distributions=cube,
            )
        )
    params = study.ask(cube).params
    below_1 = np.nextafter(1.0, 0.0)
    return [min(params[name], below_1) for name in names]
