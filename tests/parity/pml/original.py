"""pytorch-metric-learning's own losses and miners, on every case.

Runs in the environment of `requirements.txt`, never beside keras_arcface:

    PYTHONPATH=tests/parity python tests/parity/pml/original.py FOLDER

reads FOLDER/cases.npz and writes FOLDER/pml.npz.
"""

import importlib.metadata
import math
import operator
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
from pytorch_metric_learning import regularizers

HALF = math.degrees(0.5)  # margins are in degrees here
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
    weights_of = operator.attrgetter(attribute)

    def function(embeddings, labels, **arrays):
        points = torch.tensor(embeddings, requires_grad=True)
        ids = torch.tensor(labels).long()
        loss = make(len(arrays["centers"]), embeddings.shape[1])
        weights = torch.tensor(arrays[source])
        weights_of(loss).data = weights.T if transposed else weights
        value = loss(points, ids)
        value.backward()
        gradient = weights_of(loss).grad
        if gradient is None:  # no pair reached the parameters
            gradient = torch.zeros_like(weights_of(loss))
        return {
            "value": numpy(value),
            "gradient": numpy(points.grad),
            "gradient_centers": numpy(gradient.T if transposed else gradient),
            "bytes_of_centers": np.array(weights_of(loss).element_size()),
        }

    return function


def circle(embeddings, labels, centers, **_):
    """Records CircleLoss of embeddings and centres: its class-level form."""
    points = torch.tensor(embeddings, requires_grad=True)
    weights = torch.tensor(centers, dtype=points.dtype, requires_grad=True)
    loss = losses.CircleLoss(m=0.25, gamma=64, reducer=reducers.MeanReducer())
    value = loss(
        points,
        torch.tensor(labels).long(),
        ref_emb=weights,
        ref_labels=torch.arange(len(centers)),
    )
    value.backward()
    return {
        "value": numpy(value),
        "gradient": numpy(points.grad),
        "gradient_centers": numpy(weights.grad),
    }


def with_memory(make):
    """Returns a function that records a cross-batch memory over batches.

    It holds two of the three batches: the third overwrites the first.
    """

    def function(embeddings, labels, **_):
        points = torch.tensor(embeddings, requires_grad=True)
        ids = torch.tensor(labels).long()
        size = len(labels) // STEPS * 2
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


def outliers(embeddings, labels, sub_centers, **_):
    """Records what `get_outliers` finds far from the dominant sub-centres."""
    count = len(sub_centers) // cases.SUB_CENTERS
    loss = losses.SubCenterArcFaceLoss(
        num_classes=count,
        embedding_size=embeddings.shape[1],
        sub_centers=cases.SUB_CENTERS,
    )
    loss.W.data = torch.tensor(sub_centers).T
    found, centers = loss.get_outliers(
        torch.tensor(embeddings), torch.tensor(labels).long()
    )
    chosen = np.zeros(len(labels), bool)
    chosen[numpy(found).astype(int)] = True
    # Columns of absent classes are memory that nobody wrote.
    return {"outliers": chosen, "dominant": numpy(centers.T)[np.unique(labels)]}


def numpy(tensor):
    return tensor.detach().numpy()


def on_centers(kind, **options):
    return with_parameters(
        lambda count, dim: kind(count, dim, **options), "centers", "W", True
    )


def margin_softmax_losses():
    return {
        "ArcFaceLoss": on_centers(losses.ArcFaceLoss, margin=HALF),
        "ArcFaceLoss(scale=16)": on_centers(
            losses.ArcFaceLoss, margin=HALF, scale=16
        ),
        "CosFaceLoss": on_centers(losses.CosFaceLoss),
        "SphereFaceLoss": on_centers(losses.SphereFaceLoss),
        "NormalizedSoftmaxLoss": on_centers(losses.NormalizedSoftmaxLoss),
        "CircleLoss(class level)": circle,
        "SubCenterArcFaceLoss": with_parameters(
            lambda count, dim: losses.SubCenterArcFaceLoss(
                num_classes=count,
                embedding_size=dim,
                margin=HALF,
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
        "SoftTripleLoss(regularizer)": with_parameters(
            soft_triple_with_regularizer,
            "soft_centers",
            "fc",
            transposed=True,
        ),
    }


def soft_triple_with_regularizer(count, dim):
    """The paper's second term; PML averages it, over both orders of a pair."""
    return losses.SoftTripleLoss(
        count,
        dim,
        centers_per_class=cases.SOFT_CENTERS,
        weight_regularizer=regularizers.SparseCentersRegularizer(
            count, cases.SOFT_CENTERS
        ),
        weight_reg_weight=0.2,
    )


def pair_losses():
    lp = distances.LpDistance
    metrics = {
        "euclidean": lp(),
        "squared": lp(power=2),
        "cosine": distances.CosineSimilarity(),
    }
    plain = {
        f"TripletMarginLoss({name})": losses.TripletMarginLoss(
            margin=0.2, distance=metric
        )
        for name, metric in metrics.items()
    }
    plain |= {
        "ContrastiveLoss": losses.ContrastiveLoss(),
        "ContrastiveLoss(0.2, 0.8)": losses.ContrastiveLoss(0.2, 0.8),
        "NTXentLoss": losses.NTXentLoss(),
        "NTXentLoss(temperature=0.5)": losses.NTXentLoss(temperature=0.5),
        "SupConLoss": losses.SupConLoss(),
        "MultiSimilarityLoss": losses.MultiSimilarityLoss(),
        "FastAPLoss": losses.FastAPLoss(),
        "FastAPLoss(num_bins=25)": losses.FastAPLoss(num_bins=25),
        "SignalToNoiseRatioContrastiveLoss": (
            losses.SignalToNoiseRatioContrastiveLoss()
        ),
        "MarginLoss": losses.MarginLoss(),
        "LiftedStructureLoss": losses.LiftedStructureLoss(
            distance=lp(normalize_embeddings=False)
        ),
    }
    made = {name: on_embeddings(loss) for name, loss in plain.items()}
    for nu in (0, 0.1):
        made[f"MarginLoss(class betas, nu={nu})"] = with_parameters(
            lambda count, _, nu=nu: losses.MarginLoss(
                learn_beta=True, num_classes=count, nu=nu
            ),
            "betas",
            "beta",
        )
    return made


def losses_after_miners():
    triplet = losses.TripletMarginLoss(margin=0.2)
    made = {
        f"TripletMarginLoss({kind} miner)": on_embeddings(
            triplet, miners.TripletMarginMiner(type_of_triplets=kind)
        )
        for kind in ("all", "hard", "semihard")
    }
    made["TripletMarginLoss(batch-hard miner)"] = on_embeddings(
        triplet, miners.BatchHardMiner()
    )
    made["MarginLoss(semihard miner)"] = on_embeddings(
        losses.MarginLoss(),
        miners.TripletMarginMiner(type_of_triplets="semihard"),
    )
    made["MultiSimilarityLoss(miner)"] = on_embeddings(
        losses.MultiSimilarityLoss(), miners.MultiSimilarityMiner()
    )
    made["ContrastiveLoss(pair miner)"] = on_embeddings(
        losses.ContrastiveLoss(), miners.PairMarginMiner()
    )
    return made


def memories():
    made = {
        kind.__name__: with_memory(kind)
        for kind in (
            losses.ContrastiveLoss,
            losses.MultiSimilarityLoss,
            losses.NTXentLoss,
            losses.SupConLoss,
            losses.TripletMarginLoss,
        )
    }
    return {f"CrossBatchMemory({name})": loss for name, loss in made.items()}


def mined_pairs():
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


def facts():
    """Returns what else the original does: `deviations.FACTS` says why."""
    sub_center = losses.SubCenterArcFaceLoss(num_classes=2, embedding_size=4)
    points, ids = torch.eye(4)[:2], torch.tensor([0, 0])
    found = sub_center.get_outliers(points, ids, return_dominant_centers=False)
    one_pair = tuple(torch.tensor([i]) for i in (0, 1, 0, 2))
    memory = losses.CrossBatchMemory(losses.MultiSimilarityLoss(), 4, 2)
    memory(torch.eye(4)[:1], ids[:1])
    return {
        "SubCenterArcFaceLoss(2, 4)": error_of(
            losses.SubCenterArcFaceLoss, 2, 4
        ),
        "get_outliers(return_dominant_centers=False)": type(found).__name__,
        "ContrastiveLoss of one mined pair": losses.ContrastiveLoss()(
            torch.eye(4)[:3], torch.tensor([0, 0, 1]), one_pair
        ).item(),
        "CrossBatchMemory of one sample a batch": memory(
            torch.eye(4)[1:2], ids[:1]
        ).item(),
    }


def error_of(function, *arguments):
    try:
        function(*arguments)
    except Exception as error:
        return type(error).__name__
    return None


def main(folder):
    packages = ("torch", "pytorch-metric-learning", "numpy")
    versions = {name: importlib.metadata.version(name) for name in packages}
    versions = {"python": platform.python_version(), **versions}
    with_centers = margin_softmax_losses() | proxy_losses()
    with_centers["SubCenterArcFaceLoss.get_outliers"] = outliers
    without = pair_losses() | losses_after_miners() | memories() | mined_pairs()
    records = recording.record(with_centers, cases.load(folder))
    records |= recording.record(without, cases.load(folder, cases.PAIRS))
    records |= recording.record(
        {"NPairsLoss": on_embeddings(losses.NPairsLoss())},
        cases.load(folder, set(cases.PAIRS) - {"all_different"}),
    )
    records |= recording.record(
        {
            f"ArcFaceLoss({means})": on_centers(losses.ArcFaceLoss, margin=0.5)
            for means in ("margin=0.5", "margin=0.5 degrees")
        },
        cases.load(folder, ["ordinary"]),
    )
    records |= recording.record(
        {
            "ContrastiveLoss(triplet miner)": on_embeddings(
                losses.ContrastiveLoss(),
                miners.TripletMarginMiner(type_of_triplets="semihard"),
            )
        },
        cases.load(folder, ["ordinary"]),
    )
    records |= recording.record(
        {"ArcFaceLoss(tail)": on_centers(losses.ArcFaceLoss, margin=HALF)},
        cases.load(folder, ["before_tail", "past_tail"]),
    )
    recording.save(Path(folder) / "pml.npz", records, versions, facts())
    print(f"pml: {len(records)} arrays")


if __name__ == "__main__":
    torch.manual_seed(0)
    main(sys.argv[1])
