"""Reading the convolutions of a .tflite file, without running it."""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_arcface.utils.optional import require

MAGIC = b"TFL3"


@dataclass(frozen=True)
class Step:
    """One convolution with its folded BN, or one PReLU.

    Attributes:
        kind: `"conv"`, `"depthwise"` or `"prelu"`.
        kernel: Keras' shape: (h, w, in, out), (h, w, channels, 1), or
            (1, 1, channels) for the slopes of a PReLU.
        bias: `(channels,)`, or `None` for a PReLU.
        strides: Integer.
        padding: `"same"` or `"valid"`; `None` for a PReLU.
    """

    kind: str
    kernel: np.ndarray
    bias: np.ndarray | None = None
    strides: int = 1
    padding: str | None = None


def read_steps(path: str | Path) -> list[Step]:
    """Returns the convolutions and PReLUs of a float32 .tflite file, in order.

    A PReLU may be an operator of its own or, as TF 1 graphs have it, spelled
    relu(x) + slope * (x - abs(x)) / 2 with the half folded into the slope.

    Raises:
        ValueError: when the file is no .tflite file, is cut short, or is
            quantized; names the file.
    """
    schema = require("ai_edge_litert.schema_py_generated", "export")
    data = Path(path).read_bytes()
    if data[4:8] != MAGIC:
        raise ValueError(f"{path} is not a .tflite file.")
    try:
        model = schema.ModelT.InitFromPackedBuf(data, 0)
        return _Graph(schema, model).steps()
    except (
        struct.error,
        AttributeError,
        IndexError,
        KeyError,
        TypeError,
        UnicodeDecodeError,
        ValueError,
        OverflowError,
        MemoryError,
    ) as error:
        raise ValueError(
            f"{path} cannot be read as a float32 .tflite network: {error}"
        ) from error


class _Graph:
    def __init__(self, schema, model):
        self.model = model
        self.graph = model.subgraphs[0]
        self.padding = {
            schema.Padding.SAME: "same",
            schema.Padding.VALID: "valid",
        }
        self.float32 = schema.TensorType.FLOAT32
        operators = schema.BuiltinOperator
        self.readers = {
            operators.CONV_2D: self.conv,
            operators.DEPTHWISE_CONV_2D: self.depthwise,
            operators.PRELU: self.prelu,
            operators.MUL: self.spelled_prelu,
        }

    def steps(self):
        steps = []
        for operator in self.graph.operators:
            code = self.model.operatorCodes[operator.opcodeIndex]
            # Old files have only the first field, new ones fill both.
            builtin = max(code.deprecatedBuiltinCode, code.builtinCode)
            if builtin in self.readers:
                steps.append(self.readers[builtin](operator))
        return steps

    def values(self, index):
        tensor = self.graph.tensors[index]
        name = (tensor.name or b"?").decode()
        data = self.model.buffers[tensor.buffer].data
        if tensor.type != self.float32 or data is None:
            raise ValueError(f"the tensor {name!r} holds no float32 weights")
        values = np.frombuffer(bytes(data), "<f4").reshape(tensor.shape)
        if not np.isfinite(values).all():
            raise ValueError(f"the tensor {name!r} is not finite")
        return values

    def conv(self, operator):
        kernel = self.values(operator.inputs[1]).transpose(1, 2, 3, 0)
        return self.folded("conv", kernel, operator)

    def depthwise(self, operator):
        kernel = self.values(operator.inputs[1]).transpose(1, 2, 3, 0)
        return self.folded("depthwise", kernel, operator)

    def folded(self, kind, kernel, operator):
        options = operator.builtinOptions
        return Step(
            kind,
            kernel,
            self.values(operator.inputs[2]),
            options.strideH,
            self.padding[options.padding],
        )

    def prelu(self, operator):
        return Step("prelu", self.values(operator.inputs[1]).reshape(1, 1, -1))

    def spelled_prelu(self, operator):
        # x - abs(x) is 2x below zero, so the constant is half the slope.
        half = self.values(operator.inputs[0])
        return Step("prelu", 2.0 * half.reshape(1, 1, -1))
