"""The pixel scaling a set of weights was trained with, as a layer."""

import keras
from keras import ops

CHANNEL_ORDERS = ("rgb", "bgr")


@keras.saving.register_keras_serializable(package="keras_arcface")
class PixelScaling(keras.layers.Layer):
    """Maps RGB pixels in [0, 255] to what the network was trained on.

        outputs = (images - mean) / std, channels in the trained order

    It is the first layer of every backbone, so that the scaling travels with
    the weights and nobody has to remember it. The arithmetic is done in
    float32; only the result is cast to the compute dtype.

    Args:
        mean: Float, subtracted from every pixel. Defaults to `127.5`.
        std: Float, what the difference is divided by: `127.5` (arcface_torch)
            or `128.0` (MXNet's insightface, sirius-ai). Defaults to `127.5`.
        channels: `"rgb"` or `"bgr"`, the order the weights were trained with.
            The input is RGB in both cases. Defaults to `"rgb"`.

    Call arguments:
        images: `(batch, height, width, 3)`, RGB in [0, 255], uint8 or float.

    Returns:
        `(batch, height, width, 3)` in the compute dtype.
    """

    def __init__(self, mean=127.5, std=127.5, channels="rgb", **kwargs):
        # Half precision would round pixels before the mean is taken away.
        kwargs.setdefault("autocast", False)
        super().__init__(**kwargs)
        if not std > 0:
            raise ValueError(f"std must be positive. Received: std={std}")
        if channels not in CHANNEL_ORDERS:
            raise ValueError(
                f"channels must be one of {CHANNEL_ORDERS}. "
                f"Received: channels={channels!r}"
            )
        self.mean = mean
        self.std = std
        self.channels = channels

    def call(self, images):
        outputs = ops.subtract(ops.cast(images, "float32"), self.mean)
        outputs = ops.divide(outputs, self.std)
        if self.channels == "bgr":
            outputs = ops.flip(outputs, axis=-1)
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "mean": self.mean,
            "std": self.std,
            "channels": self.channels,
        }
