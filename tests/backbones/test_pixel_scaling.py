import numpy as np
import pytest

from keras_arcface.backbones import PixelScaling
from keras_arcface.backbones import SmallNet

PIXELS = np.array([[[[0, 127, 255]]]], "uint8")


@pytest.mark.parametrize("std", [127.5, 128.0])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_values(std, dtype):
    outputs = PixelScaling(std=std)(PIXELS.astype(dtype))
    expected = (PIXELS.astype("float32") - 127.5) / std
    np.testing.assert_allclose(outputs, expected, rtol=1e-7)


def test_bgr_turns_the_channels_around():
    rgb = np.array(PixelScaling()(PIXELS))
    bgr = np.array(PixelScaling(channels="bgr")(PIXELS))
    np.testing.assert_array_equal(bgr, rgb[..., ::-1])


def test_subtracts_before_rounding_to_half():
    # 127.6 in bfloat16 is 127.5: the difference would be gone.
    pixels = np.full((1, 1, 1, 3), 127.6, "float32")
    layer = PixelScaling(dtype="mixed_bfloat16")
    outputs = np.array(layer(pixels), "float32")
    np.testing.assert_allclose(outputs, 0.1 / 127.5, rtol=0.01)


def test_backbone_hands_over_exact_pixels(policy):
    model = SmallNet(widths=(4,), embedding_dim=8)
    dark = np.full((1, 32, 32, 3), 127.6, "float32")
    light = np.full((1, 32, 32, 3), 127.4, "float32")
    outputs = [model.predict(x, verbose=0) for x in (dark, light)]
    assert not np.array_equal(*outputs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"std": 0}, "std must be positive"),
        ({"channels": "gbr"}, "channels must be one of.*'gbr'"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        PixelScaling(**arguments)
