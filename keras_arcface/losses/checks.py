"""Checks of a loss's arguments, made where they are given."""

from keras_arcface.margins.checks import check_number


def check_positive(name, value):
    """Returns `value` as a float above 0, or says what is wrong with it."""
    value = check_number(name, value)
    if value <= 0:
        raise ValueError(f"{name} must be above 0. Received: {name}={value}.")
    return value
