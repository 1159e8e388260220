"""From twenty steps on small pictures to a whole recipe: guesses, and so named.

Used by benchmarks/recipes.py, whose header says what is taken to grow how.
"""

import dataclasses
import math

FULL_SIDE = 112
# A parameter in float32, its gradient and its momentum.
BYTES_A_PARAMETER = 12


@dataclasses.dataclass(frozen=True)
class Network:
    """The network of a recipe.

    Attributes:
        macs: Multiply-accumulates a picture.
        parameters: Numbers that are learned or kept.
        outputs: Elements that its layers give for a picture, all together.
    """

    macs: int
    parameters: int
    outputs: int


def network_of(backbone):
    from keras_arcface.backbones import count_macs

    outputs = sum(math.prod(x.output.shape[1:]) for x in backbone.layers)
    return Network(count_macs(backbone), backbone.count_params(), outputs)


def full_size(recipe):
    from keras_arcface import create_backbone

    return network_of(
        create_backbone(
            recipe.backbone.name,
            input_shape=(FULL_SIDE, FULL_SIDE, 3),
            embedding_dim=recipe.backbone.embedding_dim,
        )
    )


def extrapolate(recipe, model, full, seconds, pictures, args):
    """Returns what the recipe would take; nothing of it is measured."""
    small, batch = network_of(model.backbone), recipe.schedule.batch_size
    steps = pictures // batch * recipe.schedule.epochs
    here = operations(model.head, small, args.batch)
    there = operations(model.head, full, batch)
    hours = there * steps / (args.tflops * 1e12) / recipe.devices / 3600
    return {
        "label": "extrapolated, not measured",
        "batch": batch,
        "devices": recipe.devices,
        "precision": recipe.precision,
        "steps": steps,
        "exaflop": round(there * steps / 1e18, 2),
        "processor_days": round(seconds * there / here * steps / 86400, 1),
        "tflops_a_device": args.tflops,
        "hours": round(hours, 1),
        "memory_gib_a_device": round(memory(recipe, model, full) / 2**30, 1),
    }


def operations(head, network, batch):
    """Returns the operations of a step: forward, and both gradients."""
    from keras_arcface.softmax import sample_size

    seen = sample_size(head.sample_rate, head.num_classes, batch)
    rows = seen * head.sub_centers
    return 6 * batch * (network.macs + rows * head.class_centers.shape[-1])


def memory(recipe, model, full):
    """Returns the bytes of a device at the recipe's size."""
    batch, devices = recipe.schedule.batch_size, recipe.devices
    head = dataclasses.replace(
        model.head_plan(batch, devices), precision=recipe.precision
    )
    each = 4 if recipe.precision == "float32" else 2
    activations = full.outputs * each * math.ceil(batch / devices)
    return head.total + BYTES_A_PARAMETER * full.parameters + activations
