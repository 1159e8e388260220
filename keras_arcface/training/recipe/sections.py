"""The sections of a recipe: what each key means, its unit and its default."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class DataSection:
    """What is trained on.

    Attributes:
        source: What `data.open_data` reads: a folder with one sub-folder an
            identity, a CSV list, a pack, TFRecords, a .rec file; or
            `"glyphs"`.
        identities: How many identities `source` must have; None for any. A
            run on other data than its recipe means stops before it begins.
        image_size: Side of the pictures, pixels. Defaults to 112, for glyphs
            to 32.
        resize: Whether pictures of another size are resized.
        augment: One of `data.AUGMENTATIONS`. Defaults to `flip`, for glyphs
            to `shift`.
        min_pictures: Identities with fewer pictures are left out.
        keep: CSV file of `keras-arcface clean`: which pictures to train on.
    """

    source: str
    identities: int | None = None
    image_size: int | None = None
    resize: bool = False
    augment: str | None = None
    min_pictures: int = 1
    keep: str | None = None


@dataclasses.dataclass(frozen=True)
class BackboneSection:
    """The network, images to features.

    Attributes:
        name: Name in `keras_arcface.backbones`. Defaults to `mobilefacenet`,
            for glyphs to `smallnet`; with `weights` the network is theirs.
        embedding_dim: Defaults to 512, for glyphs to 128.
        weights: Preset, folder, run or file to start from; None for random.
        dropout: Share of features dropped before the last layer, where the
            backbone has it; None for the backbone's own.
        frozen_epochs: Epochs in which only the head is trained.
        batch_norm: `"train"`; `"frozen"`: statistics, scales and offsets stay
            as they are; `"synchronized"`: statistics over all devices.
    """

    name: str | None = None
    embedding_dim: int | None = None
    weights: str | None = None
    dropout: float | None = None
    frozen_epochs: int = 0
    batch_norm: str = "train"


@dataclasses.dataclass(frozen=True)
class HeadSection:
    """The class centres and the margin.

    Attributes:
        margin: As `margins.get` takes it: `0.5`, `"cosface:0.35"`, `"none"`;
            or `"per_class"`, wider for identities with fewer pictures.
        scale: Float or `"auto"`.
        margin_warmup: Share of the steps over which the margin grows; 0 for
            the full margin from the first step.
        sub_centers: Centres a class; 3 for noisy labels.
        sample_rate: Share of the classes that a step sees, in (0, 1].
        chunk_size: Classes a chunk of the softmax; 0 for all at once, None to
            choose by their number.
        centers: Where the class centres start: `"random"`; or `"means"`, each
            where `backbone.weights` see the pictures of its class.
        centers_rate: Learning rate of the centres, in multiples of the
            backbone's.
        dense_update: Whether a step with `sample_rate < 1` moves all centres,
            as arcface_torch's partial_fc_v2 does.
        sharded: Whether the centres are divided over the devices (JAX).
    """

    margin: str | float = 0.5
    scale: str | float = "auto"
    margin_warmup: float = 0.6
    sub_centers: int = 1
    sample_rate: float = 1.0
    chunk_size: int | None = None
    centers: str = "random"
    centers_rate: float = 1.0
    dense_update: bool = False
    sharded: bool = False


@dataclasses.dataclass(frozen=True)
class OptimizerSection:
    """How the weights move.

    Attributes:
        name: `"sgd"` (momentum, the papers' coupled weight decay), `"adamw"`
            or `"adam"`.
        learning_rate: The peak.
        momentum: Of SGD.
        weight_decay: Of SGD coupled, as in the papers: part of the gradient,
            an L2 penalty of half the value, scales and biases left out; of
            AdamW decoupled, of all weights; Adam has none.
        clip_norm: Greatest global norm of the backbone's gradient; None for
            no limit. arcface_torch uses 5.
        accumulate: Batches whose gradients are averaged to one step.
        ema: Momentum of the moving average of the weights that is judged and
            kept, such as 0.999; None for none.
    """

    name: str = "sgd"
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    clip_norm: float | None = None
    accumulate: int = 1
    ema: float | None = None


@dataclasses.dataclass(frozen=True)
class ScheduleSection:
    """How long, and how the learning rate moves.

    Attributes:
        epochs: Passes over the data.
        batch_size: Pictures a step, over all devices together.
        name: `"cosine"`, `"polynomial"`, `"step"` or `"constant"`, after the
            warm-up.
        warmup: Share of the steps over which the rate rises from 0, [0, 1).
        power: Of the polynomial.
        milestones: Epochs after which the rate of `"step"` falls.
        factor: By which it falls.
    """

    epochs: int = 20
    batch_size: int = 128
    name: str = "cosine"
    warmup: float = 0.05
    power: float = 2.0
    milestones: tuple[int, ...] = ()
    factor: float = 0.1


@dataclasses.dataclass(frozen=True)
class DistillationSection:
    """A teacher whose embeddings the student follows.

    Attributes:
        teacher: Preset, folder, run or file; None for no distillation.
        weight: Of the embedding term `1 - cosine` beside the margin loss.
    """

    teacher: str | None = None
    weight: float = 10.0


@dataclasses.dataclass(frozen=True)
class EvaluationSection:
    """How the model is judged.

    Attributes:
        holdout: Share of the identities kept to judge by, never trained on;
            0 where `sets` bring pictures of their own.
        sets: Verification sets (.bin, or a CSV of pairs whose pictures lie in
            the CSV's folder) that are judged too;
            looked for as given, then beside the data.
        pairs: The most pairs made of the held-out identities.
        flip: Whether to add the mirrored picture's features.
        every: Epochs between judgements; the last is always judged.
        monitor: The value whose best epoch is kept as best.keras.
    """

    holdout: float = 0.1
    sets: tuple[str, ...] = ()
    pairs: int = 6000
    flip: bool = False
    every: int = 1
    monitor: str = "eer"


@dataclasses.dataclass(frozen=True)
class CheckpointSection:
    """What survives a kill.

    Attributes:
        every_steps: Steps between checkpoints; None for one an epoch.
        keep: The most checkpoints that are kept.
    """

    every_steps: int | None = None
    keep: int = 2


@dataclasses.dataclass(frozen=True)
class WatchSection:
    """What is written down while training runs.

    Attributes:
        angles: Whether the angles of Table 3 and Figure 4 are followed.
        csv: Whether every epoch is a line of log.csv, and every
            `every_steps`-th step of log.jsonl.
        every_steps: See `csv`; also of TensorBoard.
        tensorboard: Whether TensorBoard's files are written (needs the extra
            `tensorboard`), with a projector of the held-out embeddings.
    """

    angles: bool = True
    csv: bool = True
    every_steps: int = 50
    tensorboard: bool = False


@dataclasses.dataclass(frozen=True)
class ExportSection:
    """What is exported when training ends.

    Attributes:
        formats: Some of `export.FORMATS`; none by default.
    """

    formats: tuple[str, ...] = ()
