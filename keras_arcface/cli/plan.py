"""keras-arcface plan"""

import dataclasses

from keras_arcface.softmax.memory import BACKENDS
from keras_arcface.softmax.memory import GIB
from keras_arcface.softmax.memory import MIB
from keras_arcface.softmax.memory import OPTIMIZERS
from keras_arcface.softmax.memory import PRECISIONS
from keras_arcface.softmax.memory import HeadPlan
from keras_arcface.utils.memory import free_memory

USUAL_RATE = 0.1
MOST_DEVICES = 1024
# Where a field of the plan has another flag than its own name.
_FLAGS = {"num_classes": "--classes", "embedding_dim": "--dim"}


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "plan",
        help="say what memory a head of many identities needs in training",
        description="Compares the paths of a head with its optimizer, without "
        "making either. Backbone and pictures come on top.",
    )
    parser.add_argument(
        "--classes", type=int, required=True, help="number of identities"
    )
    parser.add_argument(
        "--batch",
        type=int,
        default=128,
        help="pictures a step, on all devices (default: %(default)s)",
    )
    parser.add_argument(
        "--devices",
        type=int,
        default=1,
        help="that share the batch, and with --backend jax the classes",
    )
    parser.add_argument(
        "--dim",
        type=int,
        default=512,
        help="length of the embeddings (default: %(default)s)",
    )
    parser.add_argument(
        "--sub-centers", type=int, default=1, help="centres an identity"
    )
    parser.add_argument(
        "--sample-rate",
        type=float,
        help="share of the classes that a partial step sees "
        f"(default: {USUAL_RATE})",
    )
    parser.add_argument("--chunk-size", type=int, help="classes a chunk")
    parser.add_argument(
        "--optimizer",
        default="coupled_sgd",
        choices=tuple(OPTIMIZERS),
        help="default: %(default)s, as train takes it",
    )
    parser.add_argument("--precision", default="float32", choices=PRECISIONS)
    parser.add_argument("--backend", default="tensorflow", choices=BACKENDS)
    parser.add_argument(
        "--accelerator",
        action="store_true",
        help="the devices are GPUs or TPUs, which take larger chunks",
    )
    parser.add_argument(
        "--memory",
        type=float,
        help="GiB of a device (default: what is free here)",
    )
    parser.set_defaults(run=run)


def run(args):
    own = _own_plan(args)
    memory, whose = _memory(args)
    rate = USUAL_RATE if args.sample_rate is None else args.sample_rate
    plans = [own.dense, own]
    if own.chunk is None:
        plans.remove(own)
    if not own.sharded and rate < 1:
        plans.append(_partial(own, rate))
    unit = "GiB" if max(plan.total for plan in plans) >= GIB else "MiB"
    print(
        f"{args.classes:,} classes, {args.dim} dimensions, {args.batch} "
        f"pictures a step, {args.optimizer}, {args.backend}. {unit}"
        + (f" on each of {args.devices} devices" * (args.devices > 1))
        + (f", of {_size(memory)} {whose}:" if memory is not None else ":")
    )
    print(table(plans, memory, unit))
    if memory is not None:
        print(recommend(own, plans, memory))


def table(plans: list[HeadPlan], memory: int | None, unit: str) -> str:
    """Returns the plans as aligned columns, one line each."""
    bytes_each = GIB if unit == "GiB" else MIB
    parts = list(dict.fromkeys(name for plan in plans for name in plan.parts))
    heads = ["path", *parts, "total"] + ["fits"] * (memory is not None)
    rows = [heads]
    for plan in plans:
        sizes = [plan.parts.get(name, 0) for name in parts]
        sizes.append(plan.total)
        row = [_name(plan)] + [f"{size / bytes_each:.2f}" for size in sizes]
        if memory is not None:
            row.append("yes" if plan.total <= memory else "no")
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def recommend(own: HeadPlan, plans: list[HeadPlan], memory: int) -> str:
    """Returns one sentence: what to train with."""
    partial = plans[-1]
    if own.total <= memory:
        chosen = ", which is chosen by itself," * (own.chunk_size is None)
        return (
            f"Train on all classes: the {own.path} path{chosen} expects "
            f"{_size(own.total)} of {_size(memory)}."
        )
    if partial.sampled and partial.total <= memory:
        return (
            f"Train with --sample-rate {partial.sample_rate:g}: "
            f"{_size(partial.total)} of {_size(memory)}, where all classes "
            f"would take {_size(own.total)}."
        )
    sharded = _least_sharded(own, memory)
    if sharded is None:
        return (
            "Nothing fits: take a smaller --dim or --batch, or devices with "
            f"more memory than {_size(memory)}."
        )
    return (
        "Nothing fits: share the classes out over "
        f"{sharded.devices} devices with KERAS_BACKEND=jax and "
        f"keras_arcface.sharded_centers(), {_size(sharded.total)} on each, or "
        "take a smaller --dim."
    )


def _own_plan(args):
    """Returns the plan of all classes, or an error that names the flag."""
    values = {
        "num_classes": args.classes,
        "embedding_dim": args.dim,
        "sample_rate": 1.0 if args.sample_rate is None else args.sample_rate,
    }
    for name in (
        "batch",
        "sub_centers",
        "devices",
        "chunk_size",
        "optimizer",
        "precision",
        "backend",
        "accelerator",
    ):
        values[name] = getattr(args, name)
    try:
        plan = HeadPlan(**values)
    except ValueError as error:
        name, rest = str(error).split(" ", 1)
        flag = _FLAGS.get(name, "--" + name.replace("_", "-"))
        raise ValueError(
            f"{flag} {rest.replace(f'{name}=', f'{flag}=')}"
        ) from None
    if plan.sharded and args.classes % args.devices:
        raise ValueError(
            "--classes must be divisible by --devices, which share them. "
            f"Received: --classes={args.classes} for --devices={args.devices}."
        )
    return dataclasses.replace(plan, sample_rate=1.0)


def _partial(own, rate):
    """Returns the plan of a sample; replicas must move all centres alike."""
    replicas = own.backend == "tensorflow" and own.devices > 1
    return dataclasses.replace(own, sample_rate=rate, dense_update=replicas)


def _memory(args):
    gib = args.memory
    if gib is None and args.accelerator:
        raise ValueError(
            "--memory must be given with --accelerator: the GiB of one device."
        )
    if gib is None:
        free = free_memory()
        if free is None:
            return None, None
        shared = f", shared by {args.devices} devices" * (args.devices > 1)
        return free[0] // args.devices, free[1] + shared
    if not 0 < gib < float("inf"):
        raise ValueError(
            f"--memory must be above 0, in GiB. Received: --memory={gib:g}."
        )
    return round(gib * GIB), "as given"


def _least_sharded(own, memory):
    devices = own.devices
    while devices <= MOST_DEVICES:
        if own.num_classes % devices == 0 and own.batch % devices == 0:
            plan = dataclasses.replace(own, backend="jax", devices=devices)
            if plan.total <= memory:
                return plan
        devices += 1
    return None


def _name(plan):
    name = plan.path.replace("partial", f"partial {plan.sample_rate:g}")
    return name + ", dense update" * plan.dense_update


def _size(size):
    if size < GIB:
        return f"{size / MIB:.1f} MiB"
    return f"{size / GIB:.1f} GiB"
