"""Losses on pairs by triple loops over float64 NumPy arrays."""

import numpy as np


def unit(x):
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(length > 0, length, 1.0)


def distance(x, kind):
    """The matrix of distances by its definition, entry for entry."""
    x = np.asarray(x, "float64")
    if kind not in ("L2", "squared-L2"):
        x = unit(x)
    square = ((x[:, None] - x[None]) ** 2).sum(-1)
    if kind in ("L2", "euclidean"):
        return np.sqrt(square)
    if kind in ("squared-L2", "squared_euclidean"):
        return square
    if kind in ("angular", "cosine"):
        return 1.0 - x @ x.T
    return np.arccos(np.clip(x @ x.T, -1.0, 1.0))


def logsumexp(values):
    values = np.asarray(values, "float64")
    return values.max() + np.log(np.exp(values - values.max()).sum())


def positives_of(labels, a):
    return [p for p in range(len(labels)) if p != a and labels[p] == labels[a]]


def negatives_of(labels, a):
    return [n for n in range(len(labels)) if labels[n] != labels[a]]


def mean_positive(values):
    values = [value for value in values if value > 0]
    return np.mean(values) if values else 0.0


def triplets_of(labels):
    for a in range(len(labels)):
        for p in positives_of(labels, a):
            for n in negatives_of(labels, a):
                yield a, p, n


def triplet(labels, x, margin, kind, keep=lambda gap: True):
    d = distance(x, kind)
    return mean_positive(
        d[a, p] - d[a, n] + margin
        for a, p, n in triplets_of(labels)
        if keep(distance(x, "euclidean")[a, n] - distance(x, "euclidean")[a, p])
    )


def contrastive(labels, x, d=None, positive_margin=0.0, negative_margin=1.0):
    d = distance(x, "euclidean") if d is None else d
    rows = range(len(labels))
    far = [d[a, p] for a in rows for p in positives_of(labels, a)]
    near = [d[a, n] for a in rows for n in negatives_of(labels, a)]
    return mean_positive(each - positive_margin for each in far) + (
        mean_positive(negative_margin - each for each in near)
    )


def snr_contrastive(labels, x):
    x = unit(np.asarray(x, "float64"))
    d = [[np.var(a - b) / np.var(a) if np.var(a) else 0 for b in x] for a in x]
    return contrastive(labels, x, np.array(d))


def nt_xent(labels, x, temperature=0.07):
    s, losses = (1.0 - distance(x, "cosine")) / temperature, []
    for a in range(len(x)):
        negatives = [s[a, n] for n in negatives_of(labels, a)]
        for p in positives_of(labels, a):
            losses.append(logsumexp(negatives + [s[a, p]]) - s[a, p])
    return np.mean(losses) if losses else 0.0


def sup_con(labels, x, temperature=0.1):
    s, losses = (1.0 - distance(x, "cosine")) / temperature, []
    if len(set(labels.tolist())) == 1:
        return 0.0
    for a in range(len(x)):
        total = logsumexp([s[a, k] for k in range(len(x)) if k != a])
        each = [total - s[a, p] for p in positives_of(labels, a)]
        losses.append(np.mean(each) if each else 0.0)
    return mean_positive(losses)


def multi_similarity(labels, x, alpha=2.0, beta=50.0, base=0.5, epsilon=None):
    s, losses = 1.0 - distance(x, "cosine"), []
    for a in range(len(x)):
        positives = [s[a, p] for p in positives_of(labels, a)]
        negatives = [s[a, n] for n in negatives_of(labels, a)]
        if epsilon is not None:
            highest = max(negatives, default=-9.0)
            lowest = min(positives, default=9.0)
            positives = [p for p in positives if p - epsilon < highest]
            negatives = [n for n in negatives if n + epsilon > lowest]
        pull = sum(np.exp(-alpha * (p - base)) for p in positives)
        push = sum(np.exp(beta * (n - base)) for n in negatives)
        losses.append(np.log1p(pull) / alpha + np.log1p(push) / beta)
    return np.mean(losses)


def fast_ap(labels, x, num_bins=10):
    d, losses, width = distance(x, "squared_euclidean"), [], 4.0 / num_bins
    for a in range(len(x)):
        positives, negatives = positives_of(labels, a), negatives_of(labels, a)
        if not positives:
            continue
        average, so_far, so_far_positive = 0.0, 0.0, 0.0
        for edge in range(num_bins + 1):
            share = np.maximum(0, 1 - np.abs(d[a] - edge * width) / width)
            so_far += share[positives].sum() + share[negatives].sum()
            so_far_positive += share[positives].sum()
            if so_far > 0:
                average += share[positives].sum() * so_far_positive / so_far
        losses.append(1.0 - average / len(positives))
    return np.mean(losses) if losses else 0.0


def margin(labels, x, beta=1.2, margin=0.2, nu=0.0):
    """`beta` is a number, or an array of one for each class."""
    d, total, hinges = distance(x, "euclidean"), 0.0, 0
    for a, p, n in triplets_of(labels):
        boundary = beta if np.ndim(beta) == 0 else beta[labels[a]]
        far = max(0.0, d[a, p] - boundary + margin)
        near = max(0.0, boundary - d[a, n] + margin)
        total += far + near + (nu * boundary if np.ndim(beta) else 0.0)
        hinges += int(far > 0) + int(near > 0)
    if not hinges:
        return 0.0
    return total / hinges + (nu * beta if np.ndim(beta) == 0 else 0.0)
