"""Grouped convolution that runs, trains and exports everywhere."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_arcface")
class GroupedConv2D(keras.layers.Conv2D):
    """`Conv2D` with groups, computed as a depthwise convolution and a sum.

    TensorFlow has no kernel for grouped convolution on the CPU: Keras compiles
    one with XLA, which trains hundreds of times slower and cannot be exported
    to ONNX as it is. Where each group has few channels, a depthwise
    convolution that gives every input channel all outputs of its group,
    followed by a sum over the channels of the group, is the same and fast.

    The kernel has the shape of `Conv2D`'s, `(height, width, channels / groups,
    filters)`, so weights move freely between the two. Channels last only.

    Args:
        filters: Int, the output channels.
        kernel_size: Int or pair.
        groups: Int that divides channels and filters.
        **kwargs: Of `keras.layers.Conv2D`.
    """

    def call(self, inputs):
        channels, filters = inputs.shape[-1], self.filters
        height, width, members, _ = self.kernel.shape
        outputs = filters // self.groups
        # Channel (group, member) gets the outputs of its group.
        kernel = ops.reshape(
            self.kernel, (height, width, members, self.groups, outputs)
        )
        kernel = ops.reshape(
            ops.transpose(kernel, (0, 1, 3, 2, 4)),
            (height, width, channels, outputs),
        )
        each = ops.depthwise_conv(
            inputs,
            kernel,
            self.strides,
            self.padding,
            "channels_last",
            self.dilation_rate,
        )
        rows, columns = each.shape[1:3]
        shape = (-1, rows, columns, self.groups, members, outputs)
        summed = ops.sum(ops.reshape(each, shape), axis=-2)
        result = ops.reshape(summed, (-1, rows, columns, filters))
        if self.use_bias:
            result = result + self.bias
        return self.activation(result)
