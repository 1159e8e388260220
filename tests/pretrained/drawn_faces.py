"""Pictures from fixed arithmetic, the same on every machine and version."""

import numpy as np

COUNT = 6


def drawn_faces():
    """Returns `(6, 112, 112, 3)` uint8: ovals with eyes and a mouth.

    Integers only, no random numbers and no transcendental functions, so that
    embeddings computed once stay comparable for good.
    """
    return np.stack([_face(number) for number in range(COUNT)])


def _face(number):
    y, x = np.mgrid[0:112, 0:112].astype(np.int64)
    picture = np.empty((112, 112, 3), np.int64)
    for channel in range(3):
        across, down = 1 + (number + channel) % 3, 1 + (number * channel) % 2
        picture[..., channel] = 20 + (across * x + down * y) // 3
    skin = np.array([210 - 18 * number, 160 - 9 * number, 130 - 11 * number])
    light = (x - 56) * (3 - number) // 4
    face = _oval(y, x, 60, 56, 46 + number, 34 + 2 * (number % 3))
    picture = np.where(face[..., None], skin + light[..., None], picture)
    for side in (-1, 1):
        eye = _oval(y, x, 52, 56 + side * 18, 4 + number % 3, 7)
        pupil = _oval(y, x, 52, 56 + side * 18 + number % 2, 3, 3)
        picture = np.where(eye[..., None], 235, picture)
        picture = np.where(
            pupil[..., None], [40, 30 + 15 * number, 20], picture
        )
    nose = _oval(y, x, 68, 56, 10, 3 + number % 4)
    picture = np.where(nose[..., None], picture - 30, picture)
    mouth = _oval(y, x, 92, 56, 2 + number, 16)
    picture = np.where(mouth[..., None], [150, 40 + 10 * number, 60], picture)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _oval(y, x, row, column, height, width):
    inside = (y - row) ** 2 * width**2 + (x - column) ** 2 * height**2
    return inside <= height**2 * width**2
