"""ArcFace beside softmax, from pixels to exported files, in minutes."""

import time

import keras
import numpy as np

from keras_arcface import evaluation
from keras_arcface import plots
from keras_arcface.backbones import create_backbone
from keras_arcface.data import ImageData
from keras_arcface.data import glyphs
from keras_arcface.data import pairs_from_labels
from keras_arcface.evaluation import cosine_similarity
from keras_arcface.export import check_export
from keras_arcface.export import export
from keras_arcface.layers import ArcMarginLayer
from keras_arcface.model import ArcFaceModel
from keras_arcface.training.loss_diagnosis import LossDiagnosis
from keras_arcface.training.margin_warmup import MarginWarmup
from keras_arcface.training.nan_guard import NaNGuard
from keras_arcface.training.optimizers import CoupledSGD
from keras_arcface.training.progress import TrainingProgress
from keras_arcface.training.recipe import check_integer
from keras_arcface.training.recipe import check_seed
from keras_arcface.training.schedules import warmup_cosine
from keras_arcface.training.verification import embed_data
from keras_arcface.training.verification import report
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.files import check_output_folder
from keras_arcface.utils.files import write_json

BATCH = 128
LEARNING_RATE = 0.1
MARGIN = 0.5
FAR = 1e-2


def quickstart(
    folder: str,
    epochs: int = 5,
    seed: int = 0,
    exports: bool = True,
    train_data: ImageData | None = None,
    test_data: ImageData | None = None,
    pairs: int = 6000,
) -> dict:
    """Trains, judges, draws and exports; prints a summary and returns it.

    Both losses get the same network with the same starting weights, the same
    batches in the same order, the same optimizer and number of steps. Neither
    sees the characters it is judged on, and nothing is chosen by them.

    Args:
        folder: Where to write.
        epochs: Passes over the training pictures.
        seed: Of the pictures, the weights and the order.
        exports: Whether to write SavedModel, TFLite and ONNX.
        train_data: Instead of the 600 training glyphs.
        test_data: Instead of the 300 unseen glyphs.
        pairs: How many pairs to judge by, half of them genuine.

    Returns:
        The values of `summary.json`.

    Raises:
        ValueError: for a number of epochs or a seed that is none, before any
            work.
    """
    start = time.monotonic()
    check_integer("epochs", epochs, at_least=1)
    check_seed(seed)
    folder = check_output_folder(folder)
    if exports:
        check_export(folder / "exports")
    print("Drawing glyphs ...", flush=True)
    train_data = train_data or glyphs.load("train", seed=seed)
    test_data = test_data or glyphs.load("test", seed=seed)
    print(f"To train on: {train_data.describe()}")
    print(f"To judge by: {test_data.describe()}, none of them trained on")
    pairs = pairs_from_labels(test_data.labels, pairs, seed=seed)
    results, histories, scores = {}, {}, {}
    for name, train in (("ArcFace", _arcface), ("softmax", _softmax)):
        print(f"\nTraining with {name}", flush=True)
        backbone, histories[name] = train(train_data, epochs, seed)
        embeddings = embed_data(backbone, test_data)
        scores[name] = cosine_similarity(embeddings, pairs.left, pairs.right)
        results[name] = _judge(embeddings, test_data, scores[name], pairs)
        if name == "ArcFace":
            arcface, arcface_embeddings = backbone, embeddings
    difference = _difference(scores, pairs)
    _draw(folder, scores, pairs, histories["ArcFace"])
    plots.plot_neighbours(
        test_data.images(),
        test_data.labels,
        arcface_embeddings,
        folder / "neighbours.png",
    )
    with atomic_path(folder / "arcface.keras") as temporary:
        arcface.save(temporary)
    parity = _export(arcface, folder, test_data) if exports else []
    summary = {
        "epochs": epochs,
        "seed": seed,
        "unseen_identities": test_data.num_classes,
        "pairs": len(pairs),
        "results": results,
        "difference": difference,
        "exports": parity,
        "seconds": round(time.monotonic() - start, 1),
    }
    write_json(folder / "summary.json", summary)
    print("\n" + _text(summary, folder))
    return summary


def _arcface(data, epochs, seed):
    keras.utils.set_random_seed(seed)
    backbone = create_backbone("smallnet", input_shape=(*data.image_size, 3))
    head = ArcMarginLayer(data.num_classes, MARGIN, scale="auto")
    model = ArcFaceModel(backbone, head)
    model.compile(_optimizer(data, epochs))
    return backbone, _fit(model, data, epochs, seed, [MarginWarmup()])


def _softmax(data, epochs, seed):
    keras.utils.set_random_seed(seed)
    backbone = create_backbone("smallnet", input_shape=(*data.image_size, 3))
    model = keras.Sequential([backbone, keras.layers.Dense(data.num_classes)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(_optimizer(data, epochs), loss=loss)
    return backbone, _fit(model, data, epochs, seed, [])


def _optimizer(data, epochs):
    steps = data.steps(BATCH, drop_remainder=True) * epochs
    return CoupledSGD(warmup_cosine(LEARNING_RATE, steps))


def _fit(model, data, epochs, seed, callbacks):
    batches = data.batches(
        BATCH, seed=seed, epochs=epochs, augment="shift", drop_remainder=True
    )
    history = model.fit(
        batches,
        epochs=epochs,
        steps_per_epoch=data.steps(BATCH, drop_remainder=True),
        callbacks=[
            *callbacks,
            NaNGuard(),
            LossDiagnosis(),
            TrainingProgress(BATCH),
        ],
        shuffle=False,
        verbose=0,
    )
    return history.history


def _judge(embeddings, data, similarity, pairs):
    result = report(similarity, pairs)
    tar = result.tar_at_far[FAR]
    return {
        "eer": result.eer,
        "eer_interval": result.intervals["eer"],
        "tar_at_far_0.01": tar.tar,
        "tar_at_far_0.01_interval": tar.interval,
        "accuracy": result.accuracy,
        "accuracy_standard_error": result.accuracy_standard_error,
        "auc": result.auc,
        "precision_at_1": evaluation.precision_at_1(
            embeddings, data.labels
        ).value,
        "impostor_pairs": result.impostor_pairs,
    }


def _difference(scores, pairs):
    """Returns softmax minus ArcFace, measure by measure, with intervals."""
    differences = evaluation.paired_difference(
        scores["softmax"],
        scores["ArcFace"],
        pairs.is_same,
        subject_left=pairs.subject[pairs.left],
        subject_right=pairs.subject[pairs.right],
    )
    return {
        name: {"value": d.difference, "interval": d.interval}
        for name, d in differences.items()
        if name in ("eer", "tar_at_far_0.01")
    }


def _draw(folder, scores, pairs, history):
    curves = {name: (s, pairs.is_same) for name, s in scores.items()}
    plots.plot_det(curves, folder / "det.png")
    plots.plot_scores(
        scores["ArcFace"],
        pairs.is_same,
        folder / "scores.png",
        title="ArcFace on unseen characters",
    )
    plots.plot_training(history, folder / "training.png")


def _export(backbone, folder, data):
    print("\nExporting the ArcFace model", flush=True)
    images = data.images(np.arange(0, len(data), max(1, len(data) // 64)))
    reports = export(
        backbone, folder / "exports", images=images, samples_name="glyphs"
    )
    return [
        {"format": r.format, "max_one_minus_cosine": r.max_one_minus_cosine}
        for r in reports
    ]


def _text(summary, folder):
    lines = [
        f"On {summary['unseen_identities']} characters that neither model has "
        f"seen, {summary['pairs']} pairs (95% intervals over characters):",
        "",
        f"  {'':10}{'EER':>22}{'TAR at FAR 1e-2':>24}{'Precision@1':>14}",
    ]
    for name, result in summary["results"].items():
        eer = _percent(result["eer"], result["eer_interval"])
        tar = _percent(
            result["tar_at_far_0.01"], result["tar_at_far_0.01_interval"]
        )
        lines.append(
            f"  {name:10}{eer:>22}{tar:>24}"
            f"{100 * result['precision_at_1']:>13.1f}%"
        )
    lines += ["", _verdict(summary["difference"]["eer"]), ""]
    for export_ in summary["exports"]:
        lines.append(
            f"  {export_['format']:12} agrees with the Keras model: "
            f"1 - cosine <= {export_['max_one_minus_cosine']:.1e}"
        )
    lines += [
        f"All in {summary['seconds']:.0f} s. Written to {folder}:",
        "  det.png, scores.png, neighbours.png, training.png  figures",
        "  arcface.keras                                      the network",
        "  summary.json                                       these numbers",
    ]
    if summary["exports"]:
        lines.append(
            "  exports/                                           "
            "SavedModel, TFLite, ONNX, parity.json"
        )
    return "\n".join(lines)


def _percent(value, interval):
    low, high = interval
    return f"{100 * value:.2f}% [{100 * low:.2f}, {100 * high:.2f}]"


def _verdict(difference):
    low, high = (100 * bound for bound in difference["interval"])
    text = (
        f"ArcFace's EER is lower by {100 * difference['value']:.2f} points "
        f"[{low:.2f}, {high:.2f}]"
    )
    if low > 0:
        return text + ": the margin helps on characters it never saw."
    if high < 0:
        return text + ": here softmax is better."
    return text + ": no difference that these pairs can tell."
