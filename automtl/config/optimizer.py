"""How long and how fast a trial learns."""

from typing import Annotated, Literal

from pydantic import Field

from automtl.config.base import Frozen

Precision = Literal["float32", "bfloat16"]
"""What the products of a training's forward passes are computed in."""


class OptimizerConfig(Frozen):
    """How long and how fast a trial learns.

    ``precision`` and ``compile`` are no part of what a model is: they say how it is computed. But
    they change how numbers are rounded (and ``compile``, which numbers dropout draws), so a trial
    that is resumed must keep them, and they stand here, where the configuration's digest has them.

    Attributes:
        name: ``adamw`` or ``sgd`` (with momentum 0.9).
        lr: Peak learning rate of the cosine.
        weight_decay: Decoupled for ``adamw``, added to the gradient for ``sgd``.
        warmup: Share of all steps in which the rate rises linearly.
        batch_size: Frames in a step.
        epochs: Reports of a full training.
        steps_per_epoch: Optimizer steps between two reports. A fixed number compares
            configurations better than a pass over the data or wall time does.
        precision: ``float32``, ``bfloat16`` (autocast), or ``auto``: bfloat16 on a GPU that has
            it in hardware, float32 elsewhere. A CPU without it emulates it about ten times
            slower. Evaluation is always in float32.
        compile: Whether training steps run through ``torch.compile``. It takes a minute or more at
            the start of each trial, so it pays for long trainings on a GPU. Evaluation, and what
            is saved and exported, are as without it, and so is a trial that is tried again with
            each batch in halves because memory ran out.
        grad_clip: Largest gradient norm; 0 leaves gradients alone.
    """

    name: Literal["adamw", "sgd"] = "adamw"
    lr: Annotated[float, Field(gt=0, le=10)] = 3e-3
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-4
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05
    batch_size: Annotated[int, Field(ge=2, multiple_of=2)] = 8
    epochs: Annotated[int, Field(ge=1)] = 4
    steps_per_epoch: Annotated[int, Field(ge=1)] = 100
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    compile: bool = False
    grad_clip: Annotated[float, Field(ge=0)] = 5.0
