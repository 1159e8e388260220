"""Names of identities, checked in one place."""

from collections.abc import Iterable

LONGEST_NAME = 1000


def check_name(name: object) -> str:
    """Returns a name as a plain string.

    Raises:
        ValueError: for what is no text, is empty, or is very long.
    """
    if isinstance(name, str) and 0 < len(name) <= LONGEST_NAME:
        return str(name)
    if isinstance(name, str) and name:
        raise ValueError(
            f"A name may have up to {LONGEST_NAME:,} characters. Received: "
            f"{len(name):,}, beginning with {name[:20]!r}."
        )
    raise ValueError(
        f"A name must be a string that is not empty. Received: {name!r}."
    )


def check_names(names: Iterable[object], rows: int) -> list[str]:
    """Returns one name a row of the embeddings.

    Raises:
        ValueError: for another number of names, or a single string.
    """
    if isinstance(names, str):
        raise ValueError(
            "`names` must have one name an embedding. Received: the one name "
            f"{names!r}; for one identity call enroll(name, embeddings)."
        )
    if not isinstance(names, Iterable):
        raise ValueError(
            f"`names` must have one name an embedding. Received: {names!r}."
        )
    names = [check_name(name) for name in names]
    if len(names) != rows:
        raise ValueError(
            "`names` must have one name an embedding. Received: "
            f"{len(names):,} names and {rows:,} embeddings."
        )
    return names


def check_probe_names(
    names: Iterable[str | None] | None, rows: int
) -> list[str | None]:
    """Returns who is on each probe; None for a stranger.

    Raises:
        ValueError: for another number of names, or for what is no name: labels
            that are numbers would all pass for strangers.
    """
    if names is None:
        return [None] * rows
    wanted = "`names` must have one name, or None for a stranger, a probe."
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ValueError(f"{wanted} Received: {names!r}.")
    names = list(names)
    if len(names) != rows:
        raise ValueError(
            f"{wanted} Received: {len(names):,} for {rows:,} probes."
        )
    for place, name in enumerate(names):
        if name is not None and not isinstance(name, str):
            raise ValueError(f"{wanted} Received: {name!r} at probe {place}.")
    return names
