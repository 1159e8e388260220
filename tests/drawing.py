"""Pictures that tests draw: one plain colour pattern an identity."""

import numpy as np
from PIL import Image


def picture(identity, number, side=32):
    """Returns an RGB picture whose pattern depends on the identity."""
    rng = np.random.default_rng([identity, 7])
    coarse = rng.integers(0, 256, (4, 4, 3)).astype("uint8")
    large = np.asarray(Image.fromarray(coarse).resize((side, side)))
    noise = np.random.default_rng([identity, number]).normal(0, 12, large.shape)
    return np.clip(large + noise, 0, 255).astype("uint8")


def identities_folder(folder, identities=8, pictures=4, side=32):
    """Writes a folder with one sub-folder an identity; returns it."""
    for identity in range(identities):
        sub = folder / f"person_{identity:02d}"
        sub.mkdir(parents=True)
        for number in range(pictures):
            path = sub / f"person_{identity:02d}_{number:04d}.png"
            Image.fromarray(picture(identity, number, side)).save(path)
    return folder
