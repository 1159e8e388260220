"""A comparison of losses that cannot cheat."""
