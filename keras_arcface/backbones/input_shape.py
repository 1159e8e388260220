"""The shape of the pictures that a backbone is built for."""

import operator


def check_input_shape(input_shape, head):
    """Returns `input_shape` as a tuple; refuses one that `head` cannot take.

    Args:
        input_shape: `(height, width, channels)`; height and width may be
            `None`, for pictures of any size, where the head averages over the
            whole map.
        head: `"GDC"`, `"E"` or `"GAP"`.

    Raises:
        ValueError: for anything else.
    """
    try:
        sides = tuple(
            side if side is None else operator.index(side)
            for side in input_shape
        )
    except TypeError:
        sides = ()
    known = [side for side in sides if side is not None]
    if len(sides) != 3 or sides[2] is None or min(known) < 1:
        raise ValueError(
            "input_shape must be (height, width, channels), positive integers. "
            f"Received: input_shape={input_shape!r}"
        )
    if len(known) < 3 and head != "GAP":
        raise ValueError(
            f"The head {head!r} has a weight for each place in the picture, so "
            "input_shape must have a fixed height and width; head='GAP' takes "
            f"pictures of any size. Received: input_shape={input_shape!r}"
        )
    return sides
