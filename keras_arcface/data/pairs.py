"""Verification pairs: who is compared with whom, in which fold."""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of pictures with the answer. Each picture is listed once.

    Attributes:
        left, right: Indices of the two pictures of each pair, int64 (p,).
        is_same: Whether both show one identity, bool (p,).
        fold: Fold of each pair, 0..folds-1, int64 (p,).
        subject: Identity of each picture (not of each pair), int64 (n,), for
            the bootstrap over identities; `None` where nobody says.
        paths: Files of the n pictures, or `None` where the pictures are the
            samples of the data that the pairs were made from.
    """

    left: np.ndarray
    right: np.ndarray
    is_same: np.ndarray
    fold: np.ndarray
    subject: np.ndarray | None
    paths: list[str] | None = None

    def __len__(self) -> int:
        return len(self.is_same)

    @property
    def folds(self) -> int:
        """Number of folds."""
        return len(np.unique(self.fold))


def pairs_from_labels(
    labels: Sequence[int] | np.ndarray,
    pairs: int = 6000,
    folds: int = 10,
    seed: int = 0,
) -> Pairs:
    """Draws balanced genuine and impostor pairs, LFW's protocol on any data.

    Identities are dealt to the folds, and a pair takes both pictures from one
    fold: no identity is in two folds, so a threshold chosen on nine folds has
    never seen the tenth's. In each fold half of the pairs are genuine, taken
    from the identities in turn (one with many pictures does not dominate), and
    half are impostors. No pair occurs twice.

    Args:
        labels: Identity of each picture, integers (n,).
        pairs: How many pairs, a multiple of 2 * folds.
        folds: How many folds.
        seed: The same seed gives the same pairs.

    Returns:
        `Pairs` over the n pictures, sorted by fold, genuine first; `subject`
        is `labels`.

    Raises:
        ValueError: when `pairs` does not divide, or identities or pictures are
            too few for so many pairs; it says what would do.
    """
    labels = np.asarray(labels)
    if folds < 1 or pairs < 1 or pairs % (2 * folds):
        raise ValueError(
            "pairs must be a positive multiple of 2 * folds, so that every "
            f"fold is balanced. Received: pairs={pairs}, folds={folds}. Use "
            f"pairs={max(1, round(pairs / (2 * max(folds, 1)))) * 2 * folds}."
        )
    rng = np.random.default_rng(seed)
    quota = pairs // (2 * folds)
    chosen = []
    for number, members in enumerate(_deal(labels, folds, rng)):
        _check_capacity(members, number, quota)
        chosen += _genuine(members, quota, rng)
        chosen += _impostors(members, quota, rng)
    left, right = np.array(chosen, np.int64).T
    return Pairs(
        left=left,
        right=right,
        is_same=labels[left] == labels[right],
        fold=np.repeat(np.arange(folds), 2 * quota),
        subject=labels.astype(np.int64),
    )


def _deal(
    labels: np.ndarray, folds: int, rng: np.random.Generator
) -> list[list[np.ndarray]]:
    """Deals identities to folds, large ones first, so that folds are alike.

    Returns:
        For each fold, the picture indices of each of its identities.
    """
    identities, counts = np.unique(labels, return_counts=True)
    if len(identities) < 2 * folds:
        raise ValueError(
            f"folds={folds} with no identity in two of them needs "
            f"{2 * folds} identities or more (two a fold, for impostors). "
            f"Received: {len(identities)}. Use fewer folds."
        )
    by_label = np.argsort(labels, kind="stable")
    groups = np.split(by_label, np.cumsum(counts)[:-1])
    order = rng.permutation(len(identities))
    order = order[np.argsort(-counts[order], kind="stable")]
    return [[groups[i] for i in order[k::folds]] for k in range(folds)]


def _check_capacity(members: list[np.ndarray], fold: int, quota: int) -> None:
    counts = np.array([len(group) for group in members])
    genuine = int((counts * (counts - 1) // 2).sum())
    impostors = int((counts.sum() ** 2 - (counts**2).sum()) // 2)
    for kind, possible in (("genuine", genuine), ("impostor", impostors)):
        if possible < quota:
            raise ValueError(
                f"Fold {fold} allows {possible} different {kind} pairs, and "
                f"{quota} were asked for. Use fewer pairs or folds, or more "
                "identities with two pictures or more."
            )


def _genuine(
    members: list[np.ndarray], quota: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    pools = [_shuffled_pairs(group, quota, rng) for group in members]
    pools = [pool for pool in pools if pool]
    chosen = []
    while len(chosen) < quota:
        # One round: a pair from each identity that has one left.
        turn = [pools[i].pop() for i in rng.permutation(len(pools))]
        chosen += turn[: quota - len(chosen)]
        pools = [pool for pool in pools if pool]
    return chosen


def _shuffled_pairs(
    group: np.ndarray, quota: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Returns up to `quota` pairs of one identity's pictures, mixed."""
    first, second = np.triu_indices(len(group), k=1)
    picks = rng.permutation(len(first))[:quota]
    return [(int(group[first[k]]), int(group[second[k]])) for k in picks]


def _impostors(
    members: list[np.ndarray], quota: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    pictures = np.concatenate(members)
    identity = np.repeat(np.arange(len(members)), [len(m) for m in members])
    chosen = {}  # Ordered, without repetition.
    while len(chosen) < quota:
        draws = rng.integers(len(pictures), size=(2 * quota, 2))
        for first, second in draws[
            identity[draws[:, 0]] < identity[draws[:, 1]]
        ]:
            chosen[int(pictures[first]), int(pictures[second])] = None
    return list(chosen)[:quota]
