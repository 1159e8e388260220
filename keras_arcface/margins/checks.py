"""Checks of a margin's arguments, made where they are given."""

import math


def check_angle(margin, name="margin"):
    """Returns an angular margin as float, or says what is wrong with it."""
    margin = check_number(name, margin)
    if 0.0 <= margin < math.pi / 2:
        return margin
    hint = ""
    if math.pi / 2 <= margin <= 90.0:
        radians = math.radians(margin)
        hint = (
            f" This looks like degrees: math.radians({margin:g}) = "
            f"{radians:.3f}."
        )
    raise ValueError(
        f"{name} must be in [0, pi/2) radians. Received: {name}={margin:g}."
        + hint
    )


def check_number(name, value, least=None, below=None):
    """Returns `value` as a finite float, or says what is wrong with it.

    Args:
        name: Of the argument, for the message.
        value: What was given.
        least: Where given, the smallest value allowed.
        below: Where given, the value must be smaller than this.
    """
    is_number = isinstance(value, (int, float)) or hasattr(value, "__float__")
    if not is_number or isinstance(value, (bool, str)):
        raise ValueError(
            f"{name} must be a number. Received: {name}={value!r} "
            f"(of type {type(value).__name__})."
        )
    if not math.isfinite(value := float(value)):
        raise ValueError(f"{name} must be finite. Received: {name}={value}.")
    too_low = least is not None and value < least
    if too_low or (below is not None and value >= below):
        bounds = f"at least {least:g}" if least is not None else ""
        if below is not None:
            bounds += f"{' and ' if bounds else ''}below {below:g}"
        raise ValueError(
            f"{name} must be {bounds}. Received: {name}={value:g}."
        )
    return value


def check_count(name, value, least=1):
    """Returns `value` as an int of at least `least`."""
    is_int = hasattr(value, "__index__") and not isinstance(value, bool)
    if not is_int or int(value) < least:
        raise ValueError(
            f"{name} must be an integer of at least {least}. Received: "
            f"{name}={value!r}."
        )
    return int(value)


def check_choice(name, value, choices):
    """Returns `value` if it is one of `choices`."""
    if value not in choices:
        raise ValueError(
            f"{name} must be one of {', '.join(map(repr, choices))}. "
            f"Received: {name}={value!r}."
        )
    return value
