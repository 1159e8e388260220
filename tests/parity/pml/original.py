"""pytorch-metric-learning's own losses and miners, on every case.

Runs in the environment of `requirements.txt`, never beside keras_arcface:

    PYTHONPATH=tests/parity python tests/parity/pml/original.py FOLDER

reads FOLDER/cases.npz and writes FOLDER/pml.npz.
"""

import importlib.metadata
import math
import platform
import sys
from pathlib import Path

import cases
import numpy as np
import recording
import torch
from pytorch_metric_learning import distances
from pytorch_metric_learning import losses
from pytorch_metric_learning import miners
from pytorch_metric_learning import reducers

STEPS = 3  # into which a case is cut for the cross-batch memory


def on_embeddings(loss, miner=None):
    """Returns a function that records a loss without parameters."""

    def function(embeddings, labels, **_):
        points = torch.tensor(embeddings, requires_grad=True)
        ids = torch.tensor(labels).long()
        indices = miner(points, ids) if miner else None
        value = loss(points, ids, indices)
        value.backward()
        return {"value": numpy(value), "gradient": numpy(points.grad)}

    return function


def with_parameters(make, source, attribute, transposed=False):
    """Returns a function that records a loss that owns parameters.

    Args:
        make: From the class count and the dimension to the loss.
        source: The array of the case that the parameters become.
        attribute: Where the loss keeps them.
        transposed: Whether it keeps them as (dimension, classes).
    """

    def function(embeddings, labels, **arrays):
        points = torch.tensor(embeddings, requires_grad=True)
        ids = torch.tensor(labels).long()
        loss = make(len(arrays["centers"]), embeddings.shape[1])
        weights = torch.tensor(arrays[source])
        getattr(loss, attribute).data = weights.T if transposed else weights
        value = loss(points, ids)
        value.backward()
        gradient = getattr(loss, attribute).grad
        if gradient is None:  # no pair reached the parameters
            gradient = torch.zeros_like(getattr(loss, attribute))
        return {
            "value": numpy(value),
            "gradient": numpy(points.grad),
            "gradient_centers": numpy(gradient.T if transposed else gradient),
        }

    return function


def with_memory(make, size):
    """Returns a function that records a cross-batch memory over batches."""

    def function(embeddings, labels, **_):
        points = torch.tensor(embeddings, requires_grad=True)
        ids = torch.tensor(labels).long()
        loss = losses.CrossBatchMemory(make(), embeddings.shape[1], size)
        # One sample of every class a step, so that every step has positives
        # in the memory only.
        order = [torch.arange(step, len(ids), STEPS) for step in range(STEPS)]
        values = [loss(points[rows], ids[rows]) for rows in order]
        sum(values).backward()
        return {
            "value": np.array([numpy(value) for value in values]),
            "gradient": numpy(points.grad),
        }

    return function


def mined(miner):
    """Returns a function that records what a miner chose, as masks."""

    def function(embeddings, labels, **_):
        points, ids = torch.tensor(embeddings), torch.tensor(labels).long()
        chosen = [indices.numpy() for indices in miner(points, ids)]
        shape = (len(labels), len(labels))
        if len(chosen) == 3:
            triplets = np.zeros((*shape, len(labels)), bool)
            triplets[tuple(chosen)] = True
            return {"triplets": triplets}
        positives, negatives = np.zeros(shape, bool), np.zeros(shape, bool)
        positives[chosen[0], chosen[1]] = True
        negatives[chosen[2], chosen[3]] = True
        return {"positives": positives, "negatives": negatives}

    return function


def numpy(tensor):
    return tensor.detach().numpy()


def margin_softmax_losses():
    def on_centers(kind, transposed=True, attribute="W", **options):
        return with_parameters(
            lambda count, dim: kind(count, dim, **options),
            "centers",
            attribute,
            transposed,
        )

    half = math.degrees(0.5)
    return {
        "ArcFaceLoss": on_centers(losses.ArcFaceLoss, margin=half),
        "ArcFaceLoss(scale=16)": on_centers(
            losses.ArcFaceLoss, margin=half, scale=16
        ),
        "ArcFaceLoss(margin=0.5 degrees)": on_centers(
            losses.ArcFaceLoss, margin=0.5
        ),
        "CosFaceLoss": on_centers(losses.CosFaceLoss),
        "SphereFaceLoss": on_centers(losses.SphereFaceLoss),
        "NormalizedSoftmaxLoss": on_centers(losses.NormalizedSoftmaxLoss),
        "SubCenterArcFaceLoss": with_parameters(
            lambda count, dim: losses.SubCenterArcFaceLoss(
                num_classes=count,
                embedding_size=dim,
                margin=half,
                sub_centers=cases.SUB_CENTERS,
            ),
            "sub_centers",
            "W",
            transposed=True,
        ),
    }


def proxy_losses():
    return {
        "ProxyNCALoss": with_parameters(
            losses.ProxyNCALoss, "centers", "proxies"
        ),
        "ProxyNCALoss(softmax_scale=3)": with_parameters(
            lambda count, dim: losses.ProxyNCALoss(count, dim, softmax_scale=3),
            "centers",
            "proxies",
        ),
        "ProxyAnchorLoss": with_parameters(
            losses.ProxyAnchorLoss, "centers", "proxies"
        ),
        "SoftTripleLoss": with_parameters(
            lambda count, dim: losses.SoftTripleLoss(
                count, dim, centers_per_class=cases.SOFT_CENTERS
            ),
            "soft_centers",
            "fc",
            transposed=True,
        ),
    }


def pair_losses():
    every = reducers.MeanReducer
    lp = distances.LpDistance
    metrics = {
        "euclidean": lp(),
        "squared": lp(power=2),
        "cosine": distances.CosineSimilarity(),
    }
    plain = {
        f"TripletMarginLoss({name}, mean)": losses.TripletMarginLoss(
            margin=0.2, distance=metric, reducer=every()
        )
        for name, metric in metrics.items()
    }
    plain |= {
        "TripletMarginLoss": losses.TripletMarginLoss(),
        "ContrastiveLoss": losses.ContrastiveLoss(),
        "ContrastiveLoss(mean)": losses.ContrastiveLoss(reducer=every()),
        "ContrastiveLoss(squared)": losses.ContrastiveLoss(
            distance=lp(power=2)
        ),
        "NTXentLoss": losses.NTXentLoss(),
        "NTXentLoss(temperature=0.5)": losses.NTXentLoss(temperature=0.5),
        "SupConLoss": losses.SupConLoss(),
        "SupConLoss(mean)": losses.SupConLoss(reducer=every()),
        "MultiSimilarityLoss": losses.MultiSimilarityLoss(),
        "FastAPLoss": losses.FastAPLoss(),
        "SignalToNoiseRatioContrastiveLoss": (
            losses.SignalToNoiseRatioContrastiveLoss()
        ),
        "MarginLoss": losses.MarginLoss(),
        "LiftedStructureLoss": losses.LiftedStructureLoss(
            distance=lp(normalize_embeddings=False)
        ),
    }
    made = {name: on_embeddings(loss) for name, loss in plain.items()}
    made["MultiSimilarityLoss(miner)"] = on_embeddings(
        losses.MultiSimilarityLoss(), miners.MultiSimilarityMiner()
    )
    made["ContrastiveLoss(miner)"] = on_embeddings(
        losses.ContrastiveLoss(), miners.PairMarginMiner()
    )
    made["MarginLoss(class betas)"] = with_parameters(
        lambda count, _: losses.MarginLoss(learn_beta=True, num_classes=count),
        "betas",
        "beta",
    )
    made["MarginLoss(class betas, nu=0.1)"] = with_parameters(
        lambda count, _: losses.MarginLoss(
            learn_beta=True, num_classes=count, nu=0.1
        ),
        "betas",
        "beta",
    )
    for kind in ("all", "hard", "semihard"):
        made[f"TripletMarginLoss({kind} miner)"] = on_embeddings(
            losses.TripletMarginLoss(margin=0.2, reducer=every()),
            miners.TripletMarginMiner(type_of_triplets=kind),
        )
    made["TripletMarginLoss(batch-hard miner)"] = on_embeddings(
        losses.TripletMarginLoss(margin=0.2, reducer=every()),
        miners.BatchHardMiner(),
    )
    return made


def memories():
    size = cases.BATCH // STEPS * 2  # the third step overwrites the first
    return {
        "CrossBatchMemory(ContrastiveLoss)": with_memory(
            losses.ContrastiveLoss, size
        ),
        "CrossBatchMemory(MultiSimilarityLoss)": with_memory(
            losses.MultiSimilarityLoss, size
        ),
        "CrossBatchMemory(NTXentLoss)": with_memory(losses.NTXentLoss, size),
        "CrossBatchMemory(SupConLoss)": with_memory(losses.SupConLoss, size),
        "CrossBatchMemory(TripletMarginLoss)": with_memory(
            lambda: losses.TripletMarginLoss(margin=0.2), size
        ),
    }


def all_miners():
    made = {
        f"TripletMarginMiner({kind})": mined(
            miners.TripletMarginMiner(type_of_triplets=kind)
        )
        for kind in ("all", "hard", "semihard")
    }
    made["MultiSimilarityMiner"] = mined(miners.MultiSimilarityMiner())
    made["PairMarginMiner"] = mined(miners.PairMarginMiner())
    made["BatchHardMiner"] = mined(miners.BatchHardMiner())
    return made


def main(folder):
    packages = ("torch", "pytorch-metric-learning", "numpy")
    versions = {name: importlib.metadata.version(name) for name in packages}
    versions = {"python": platform.python_version(), **versions}
    with_centers = margin_softmax_losses() | proxy_losses()
    without = pair_losses() | memories() | all_miners()
    records = recording.record(with_centers, cases.load(folder))
    records |= recording.record(without, cases.load(folder, cases.PAIRS))
    recording.save(Path(folder) / "pml.npz", records, versions)
    print(f"pml: {len(records)} arrays")


if __name__ == "__main__":
    torch.manual_seed(0)
    main(sys.argv[1])
