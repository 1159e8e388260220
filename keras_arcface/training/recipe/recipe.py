"""One typed description of a training run."""

import dataclasses

from keras_arcface.training.recipe import sections

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """All that decides a training run; written to `recipe.yaml` beside it.

    Attributes:
        data: `DataSection`.
        output: Folder to write to.
        backbone, head, optimizer, schedule, distillation, evaluation,
            checkpoints, watch, export: Sections; see their classes.
        precision: Dtype policy.
        jit: Whether steps are compiled by XLA: `"auto"` (on accelerators),
            True or False.
        deterministic: Whether equal runs end equal to the last bit, for some
            speed; a resumed run too.
        devices: How many devices share a batch.
        seed: Of everything that is random.
    """

    data: sections.DataSection
    output: str
    backbone: sections.BackboneSection = sections.BackboneSection()
    head: sections.HeadSection = sections.HeadSection()
    optimizer: sections.OptimizerSection = sections.OptimizerSection()
    schedule: sections.ScheduleSection = sections.ScheduleSection()
    distillation: sections.DistillationSection = sections.DistillationSection()
    evaluation: sections.EvaluationSection = sections.EvaluationSection()
    checkpoints: sections.CheckpointSection = sections.CheckpointSection()
    watch: sections.WatchSection = sections.WatchSection()
    export: sections.ExportSection = sections.ExportSection()
    precision: str = "float32"
    jit: str | bool = "auto"
    deterministic: bool = False
    devices: int = 1
    seed: int = 0
