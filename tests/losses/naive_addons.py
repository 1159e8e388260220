"""TensorFlow Addons' losses by triple loops over float64 NumPy arrays."""

import numpy as np
from naive_pairs import distance
from naive_pairs import logsumexp
from naive_pairs import negatives_of
from naive_pairs import positives_of


def triplet_semihard(labels, x, margin=1.0, metric="L2"):
    d, hinges = distance(x, metric), []
    for a in range(len(x)):
        negatives = [d[a, n] for n in negatives_of(labels, a)]
        for p in positives_of(labels, a):
            beyond = [each for each in negatives if each > d[a, p]]
            if negatives:
                chosen = min(beyond) if beyond else max(negatives)
                hinges.append(max(0.0, margin + d[a, p] - chosen))
    return np.mean(hinges) if hinges else 0.0


def triplet_hard(labels, x, margin=1.0, soft=False, metric="L2"):
    d, losses, has_triplet = distance(x, metric), [], False
    for a in range(len(x)):
        positives = [d[a, p] for p in positives_of(labels, a)]
        negatives = [d[a, n] for n in negatives_of(labels, a)]
        has_triplet = has_triplet or bool(positives and negatives)
        gap = max(positives, default=0.0) - min(negatives, default=0.0)
        losses.append(np.log1p(np.exp(gap)) if soft else max(0.0, gap + margin))
    return np.mean(losses) if has_triplet else 0.0


def contrastive(is_same, d, margin=1.0):
    losses = [
        dist**2 if same else max(0.0, margin - dist) ** 2
        for same, dist in zip(is_same, d)
    ]
    return np.mean(losses)


def npairs(labels, similarity):
    losses = []
    for i in range(len(labels)):
        same = [j for j in range(len(labels)) if labels[j] == labels[i]]
        total = logsumexp(similarity[i])
        losses.append(np.mean([total - similarity[i, j] for j in same]))
    return np.mean(losses)


def npairs_multilabel(sets, similarity):
    losses = []
    for i in range(len(sets)):
        shared = [int((sets[i] * sets[j]).sum()) for j in range(len(sets))]
        total = logsumexp(similarity[i])
        each = [n * (total - s) for n, s in zip(shared, similarity[i])]
        losses.append(sum(each) / max(sum(shared), 1))
    return np.mean(losses)


def lifted_struct(labels, x, margin=1.0):
    d, squares = distance(x, "L2"), []
    for i in range(len(x)):
        for j in positives_of(labels, i):
            close = [margin - d[i, k] for k in negatives_of(labels, i)]
            close += [margin - d[j, k] for k in negatives_of(labels, j)]
            if close:
                squares.append(max(0.0, d[i, j] + logsumexp(close)) ** 2 / 2)
            else:
                squares.append(0.0)
    return np.mean(squares) if squares else 0.0
