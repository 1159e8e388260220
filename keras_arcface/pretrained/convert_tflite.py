"""Converting foreign weights: a MobileFaceNet .tflite file into a preset."""

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import keras
import numpy as np

from keras_arcface.backbones.mobilefacenet import MobileFaceNet
from keras_arcface.pretrained.load import save_pretrained
from keras_arcface.pretrained.tflite_file import Step
from keras_arcface.pretrained.tflite_file import read_steps
from keras_arcface.utils.console import progress
from keras_arcface.utils.files import sha256
from keras_arcface.utils.optional import require

LAYOUT = "sirius_tf"
PIXEL_STD = 128.0
MIN_COSINE = 0.99999
CALIBRATION_BATCH = 16


@dataclass(frozen=True)
class ConversionReport:
    """What `convert` did and how near the copy is to the original.

    Attributes:
        source: Path of the foreign file.
        source_sha256: Its SHA-256.
        folder: Path of the preset written.
        network: What was recognised.
        pictures: How many pictures were compared.
        min_cosine: Smallest cosine between original and copy when both get
            the same float tensor (the modelling difference).
        max_difference: Largest absolute difference of one feature, likewise.
        preprocessing_difference: Largest absolute difference between the
            original's own scaling, (x - 127.5) / 128, and our PixelScaling.
        calibrated_on: How many pictures gave the BN statistics; 0 for none.
    """

    source: Path
    source_sha256: str
    folder: Path
    network: str
    pictures: int
    min_cosine: float
    max_difference: float
    preprocessing_difference: float
    calibrated_on: int

    def __str__(self):
        statistics = (
            f"measured on {self.calibrated_on:,} pictures"
            if self.calibrated_on
            else "neutral (pass calibration pictures before fine-tuning with "
            "BatchNormalization in training mode)"
        )
        return "\n".join(
            [
                f"Converted {self.source}",
                f"to        {self.folder}",
                f"network                   {self.network}",
                f"modelling difference      min cosine {self.min_cosine:.7f}, "
                f"max |difference| {self.max_difference:.2e} "
                f"({self.pictures} pictures, same float tensor)",
                "preprocessing difference  max |difference| "
                f"{self.preprocessing_difference:.2e}",
                f"BatchNormalization        {statistics}",
            ]
        )


def convert(
    source,
    folder,
    *,
    name=None,
    calibration_images=None,
    metadata=None,
    card=None,
):
    """Converts a MobileFaceNet .tflite file into a preset.

    The file holds convolutions into which BN has been folded. Here every
    convolution gets its BN back, so that the network can be fine-tuned: with
    `calibration_images` the BN holds the mean and variance that its inputs
    have on them, and a scale and offset that undo this exactly; without, the
    neutral mean 0 and variance 1. Both give the outputs of the original at
    inference; only the first also does in training mode.

    Args:
        source: Path of the .tflite file.
        folder: Path of the preset to write.
        name: Name of the model and in the card. Defaults to the folder's.
        calibration_images: `(n, 112, 112, 3)`, RGB in [0, 255], for example a
            few hundred faces, or `None`. Defaults to `None`.
        metadata: Dictionary for metadata.json, see `save_pretrained`.
            Defaults to `None`.
        card: String, the model card, or `None`. Defaults to `None`.

    Returns:
        A `ConversionReport`; print it.

    Raises:
        ValueError: when the file is not a MobileFaceNet of a known layout, or
            the copy differs from the original. Nothing is written then.
    """
    source, folder = Path(source), Path(folder)
    if not source.is_file():
        raise ValueError(f"There is no file {source}.")
    steps = read_steps(source)
    backbone = _build(source, steps, name or folder.name)
    biases = _set_weights(source, backbone, steps)
    calibrated_on = 0
    if calibration_images is not None:
        calibrated_on = len(calibration_images)
        _calibrate(backbone, biases, calibration_images)
    differences = _compare(source, backbone)
    if not differences["min_cosine"] >= MIN_COSINE:
        raise ValueError(
            f"{source} was read but the copy differs from the original: "
            f"cosine {differences['min_cosine']:.6f}, at least {MIN_COSINE} "
            "is required. Nothing was written."
        )
    digest = sha256(source)
    origin = {"source_file": source.name, "source_sha256": digest}
    facts = {"name": backbone.name, "converted_from": origin}
    save_pretrained(backbone, folder, {**facts, **(metadata or {})}, card)
    return ConversionReport(
        source=source,
        source_sha256=digest,
        folder=folder,
        network=f"MobileFaceNet, layout {LAYOUT!r}, "
        f"embedding_dim {backbone.embedding_dim}",
        calibrated_on=calibrated_on,
        **differences,
    )


def _build(source, steps, name):
    kernels = [step.kernel.shape for step in steps if step.kind == "conv"]
    if not kernels:
        raise ValueError(f"{source} holds no convolutions: no MobileFaceNet.")
    return MobileFaceNet(
        embedding_dim=kernels[-1][-1],
        layout=LAYOUT,
        pixel_scaling={"std": PIXEL_STD},
        name=name,
    )


def _set_weights(source, backbone, steps):
    """Sets kernels, slopes and neutral BN; returns the (BN, bias) pairs."""
    layers = _weight_layers(backbone)
    wanted = [_describe(layer) for layer in layers if not _is_norm(layer)]
    found = [_signature(step) for step in steps]
    for position, (ours, theirs) in enumerate(zip_longest(wanted, found)):
        if ours != theirs:
            raise ValueError(
                f"{source} is no MobileFaceNet of the layout {LAYOUT!r}: "
                f"step {position} of the network should be "
                f"{ours or 'the end'} and is {theirs or 'the end'}."
            )
    biases, bias = [], None
    remaining = iter(steps)
    for layer in layers:
        if _is_norm(layer):
            # The bias of a convolution is what its folded BN left behind.
            _set_norm(layer, bias, mean=0.0, variance=1 - layer.epsilon)
            biases.append((layer, bias))
        else:
            step = next(remaining)
            bias = step.bias
            layer.set_weights([step.kernel.reshape(layer.weights[0].shape)])
    return biases


def _weight_layers(backbone):
    head = backbone.get_layer("head")
    body = [layer for layer in backbone.layers if layer.weights]
    return [layer for layer in body if layer is not head] + [
        head.depthwise,
        head.normalization,
        head.pointwise_conv,
        head.pointwise_normalization,
        head.dense,
        head.features,
    ]


def _is_norm(layer):
    return isinstance(layer, keras.layers.BatchNormalization)


def _describe(layer):
    """The step that a layer of ours should find in the file."""
    shape = tuple(layer.weights[0].shape)
    if isinstance(layer, keras.layers.PReLU):
        return _signature(Step("prelu", np.empty(shape)))
    if isinstance(layer, keras.layers.Dense):
        return _signature(Step("conv", np.empty((1, 1, *shape))))
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    kind = "depthwise" if depthwise else "conv"
    strides, padding = layer.strides[0], layer.padding
    return _signature(Step(kind, np.empty(shape), None, strides, padding))


def _signature(step):
    # A 1 x 1 kernel has nothing to pad.
    padding = None if step.kernel.shape[:2] == (1, 1) else step.padding
    return step.kind, step.kernel.shape, step.strides, padding


def _set_norm(layer, bias, mean, variance):
    """Sets a BN that adds `bias` whatever its statistics: gamma undoes them."""
    mean = np.broadcast_to(mean, bias.shape)
    variance = np.broadcast_to(variance, bias.shape)
    gamma = np.sqrt(variance + layer.epsilon)
    layer.set_weights([gamma, bias + mean, mean, variance])


def _calibrate(backbone, biases, images):
    """Gives every BN the statistics of its input on `images`."""
    moments = [_Moments() for _ in biases]
    head = backbone.get_layer("head")
    body = [layer for layer, _ in biases[:-3]]
    taps = keras.Model(
        backbone.input, [layer.input for layer in body] + [head.input]
    )
    starts = range(0, len(images), CALIBRATION_BATCH)
    for start in progress(starts, "Calibrating"):
        batch = images[start : start + CALIBRATION_BATCH]
        *inputs, x = taps.predict_on_batch(batch)
        # The head is one layer: follow its inside step by step.
        x = head.depthwise(x)
        inputs.append(x)
        x = head.pointwise_conv(head.normalization(x))
        inputs.append(x)
        x = head.dense(head.flatten(head.pointwise_normalization(x)))
        inputs.append(x)
        for moment, values in zip(moments, inputs):
            moment.add(keras.ops.convert_to_numpy(values))
    for (layer, bias), moment in zip(biases, moments):
        _set_norm(layer, bias, moment.mean(), moment.variance())


class _Moments:
    """Mean and variance for each channel, summed up in float64."""

    def __init__(self):
        self.count = self.total = self.squares = 0

    def add(self, values):
        values = values.reshape(-1, values.shape[-1]).astype("float64")
        self.count += len(values)
        self.total = self.total + values.sum(axis=0)
        self.squares = self.squares + np.square(values).sum(axis=0)

    def mean(self):
        return self.total / self.count

    def variance(self):
        squares = self.squares / self.count
        return np.maximum(squares - np.square(self.mean()), 0.0)


def _compare(source, backbone):
    pictures = _pictures()
    tensor = ((pictures - 127.5) / PIXEL_STD).astype("float32")
    theirs = run_original(source, tensor)
    scaling = backbone.get_layer("pixel_scaling")
    ours = keras.Model(scaling.output, backbone.output).predict_on_batch(tensor)
    scaled = keras.ops.convert_to_numpy(scaling(pictures))
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    cosines = np.sum(ours * theirs, axis=1) / lengths
    return {
        "pictures": len(pictures),
        "min_cosine": float(cosines.min()),
        "max_difference": float(np.abs(ours - theirs).max()),
        "preprocessing_difference": float(np.abs(scaled - tensor).max()),
    }


def run_original(source, tensor):
    """Returns the outputs of a .tflite file for already scaled pictures.

    Args:
        source: Path of the file; its batch size may be fixed.
        tensor: `(n, height, width, 3)`, float32.
    """
    litert = require("ai_edge_litert.interpreter", "export")
    interpreter = litert.Interpreter(str(source), num_threads=1)
    entry = interpreter.get_input_details()[0]
    batch = entry["shape"][0]
    output = interpreter.get_output_details()[0]["index"]
    interpreter.allocate_tensors()
    padded = np.concatenate([tensor, tensor[: -len(tensor) % batch]])
    outputs = []
    for start in range(0, len(padded), batch):
        interpreter.set_tensor(entry["index"], padded[start : start + batch])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(output))
    return np.concatenate(outputs)[: len(tensor)]


def _pictures():
    """Sixteen pictures: smooth waves, and waves under noise."""
    random = np.random.default_rng(0)
    y, x, channel = np.meshgrid(
        np.arange(112), np.arange(112), np.arange(3), indexing="ij"
    )
    pictures = []
    for number in range(1, 17):
        wave = np.sin(number * x / 40 + channel) * np.cos(y * 3 / (10 + number))
        noise = random.uniform(-1, 1, wave.shape) * (number % 2)
        pictures.append(127.5 + 80 * wave + 40 * noise)
    return np.stack(pictures).astype("float32")
