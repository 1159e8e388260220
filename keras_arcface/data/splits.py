"""Which identities are held out for open-set validation."""

import numpy as np


def held_out_classes(
    counts: np.ndarray, fraction: float, seed: int
) -> np.ndarray:
    """Draws identities to hold out among those with two pictures or more.

    Args:
        counts: Pictures of each identity, (C,).
        fraction: Share of all C identities to hold out, in (0, 1).
        seed: The same seed gives the same identities.

    Returns:
        Boolean mask (C,), true where held out.

    Raises:
        ValueError: when `fraction` is out of range, fewer than two identities
            would be held out or remain, or too few have two pictures.
    """
    if not 0 < fraction < 1:
        raise ValueError(
            "fraction must be in (0, 1), a share of the identities. "
            f"Received: fraction={fraction}"
        )
    total = len(counts)
    wanted = round(fraction * total)
    if min(wanted, total - wanted) < 2:
        raise ValueError(
            "Two identities at least must be held out and two remain. A share "
            f"of {fraction:g} (fraction, or --holdout) holds out {wanted} of "
            f"{total} identities. Hold out another share, or bring more."
        )
    eligible = np.flatnonzero(counts >= 2)
    if len(eligible) < wanted:
        raise ValueError(
            f"A share of {fraction:g} (fraction, or --holdout) holds out "
            f"{wanted} of {total} identities, but only {len(eligible)} have "
            "the two pictures that a genuine pair needs. Hold out at most "
            f"{np.floor(1000 * len(eligible) / total) / 1000:g}."
        )
    mask = np.zeros(total, bool)
    rng = np.random.default_rng(seed)
    mask[rng.choice(eligible, wanted, replace=False)] = True
    return mask
