"""Training on several devices."""

import keras

from keras_arcface import softmax


def sharded_centers(
    devices: list[str] | None = None,
) -> keras.distribution.ModelParallel:
    """Returns a distribution that divides class centres over all devices.

    For more identities than one device holds. Every device trains the same
    backbone on its part of the batch and owns its part of the classes: with
    `k` devices, `1/k` of the rows of `class_centers`, of their gradient and of
    the optimizer's state. The embeddings of the whole batch go to every
    device, and the sums of the softmax come back; no device ever holds all
    centres, or the logits of all classes. Losses and gradients are those of
    one device.

    One axis of the mesh divides both the batch and the classes. A second axis
    for the classes would leave devices that compute the same features twice.

    Build (the backbone too), compile, load and fit inside its scope. What it
    divides is the loss of an `ArcMarginLayer` in an `ArcFaceModel`.
    `num_classes` and every batch must be divisible by the number of devices.
    Only on the JAX backend; TensorFlow has `tf.distribute.MirroredStrategy`,
    where every device holds all centres.

    Args:
        devices: Names as of `keras.distribution.list_devices()`; by default
            all of them.

    Raises:
        ValueError: on another backend than JAX, and for devices that are not
            there.

    Reference:
    - [An et al., 2021, Sec. 3.1](https://arxiv.org/abs/2010.05222)

    Example:

    ```python
    with keras_arcface.sharded_centers().scope():
        model = keras_arcface.ArcFaceModel(make_backbone(), num_classes)
        model.compile("sgd")
        model.fit(images, labels, batch_size=256)
    ```
    """
    softmax.check_distribution(wanted=True)
    known = keras.distribution.list_devices()
    devices = known if devices is None else devices
    if (
        isinstance(devices, str)
        or not devices
        or not set(devices) <= set(known)
    ):
        raise ValueError(
            f"devices must be a list of some of {known}. Received: "
            f"devices={devices!r}."
        )
    mesh = keras.distribution.DeviceMesh((len(devices),), ["batch"], devices)
    layouts = keras.distribution.LayoutMap(mesh)
    layouts[".*class_centers"] = ("batch", None)
    return keras.distribution.ModelParallel(
        layout_map=layouts, batch_dim_name="batch"
    )
