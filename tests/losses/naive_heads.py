"""Losses with proxies and centres, by loops over float64 NumPy arrays."""

import numpy as np
from naive_pairs import logsumexp
from naive_pairs import unit


def proxy_nca(labels, x, proxies, scale=1.0, negatives_only=False):
    x, proxies, losses = unit(x), unit(proxies), []
    for each, label in zip(x, labels):
        logits = [-scale * ((each - p) ** 2).sum() for p in proxies]
        rivals = [
            logits[c]
            for c in range(len(proxies))
            if c != label or not negatives_only
        ]
        losses.append(logsumexp(rivals) - logits[label])
    return np.mean(losses)


def proxy_anchor(labels, x, proxies, margin=0.1, alpha=32.0):
    cosine, pull, push = unit(x) @ unit(proxies).T, [], []
    for c in range(len(proxies)):
        own = [cosine[i, c] for i in range(len(x)) if labels[i] == c]
        others = [cosine[i, c] for i in range(len(x)) if labels[i] != c]
        if own:
            exponents = [-alpha * (s - margin) for s in own]
            pull.append(np.log1p(np.exp(exponents).sum()))
        exponents = [alpha * (s + margin) for s in others]
        push.append(np.log1p(np.exp(exponents).sum()) if others else 0.0)
    return np.mean(pull) + np.mean(push)


def soft_triple(
    labels, x, proxies, centers, scale=20.0, gamma=0.1, margin=0.01, tau=0.0
):
    x, losses = unit(x), []
    proxies = unit(proxies).reshape(-1, centers, x.shape[1])
    for each, label in zip(x, labels):
        logits = []
        for c, own in enumerate(proxies):
            cosine = own @ each
            choice = np.exp(cosine / gamma - logsumexp(cosine / gamma))
            similarity = (choice * cosine).sum() - margin * (c == label)
            logits.append(scale * similarity)
        losses.append(logsumexp(logits) - logits[label])
    apart = [
        np.linalg.norm(own[k] - own[t])
        for own in proxies
        for k in range(centers)
        for t in range(k)
    ]
    spread = sum(apart) / (len(proxies) * centers * max(centers - 1, 1))
    return np.mean(losses) + tau * spread


def intra(labels, x, centers):
    cosine = (unit(x) * unit(centers)[labels]).sum(1)
    return (np.arccos(np.clip(cosine, -1, 1)) / np.pi).mean()


def energy(labels, centers, power, kind):
    centers, terms = unit(centers), []
    for y in labels:
        for j in range(len(centers)):
            if j != y:
                z = np.linalg.norm(centers[y] - centers[j])
                if kind == "angle":
                    z = np.arccos(np.clip(centers[y] @ centers[j], -1, 1))
                kernel = np.sign(power) * z**-power if power else -np.log(z)
                terms.append(kernel)
    return np.mean(terms)
