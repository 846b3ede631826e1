"""Networks of two, three and five tasks on one batch of generated clips, to time steps of."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import nn

from automtl.config import BackboneConfig, TrialConfig, WeightingConfig
from automtl.data.load import load_data
from automtl.data.sampling import BatchSampler
from automtl.data.table import DataInfo, MultiTaskBatch, make_batch
from automtl.model.backbones import build_stages
from automtl.model.network import MultiTaskNetwork, plainly, stage_key
from automtl.sources import DataConfig, ShapesSource
from automtl.tasks.base import Task
from automtl.tasks.detection import DetectionTask
from automtl.tasks.segmentation import SegmentationTask
from automtl.tasks.tracking import TrackingTask
from automtl.training.device import plan_for
from automtl.training.learner import Learner
from automtl.training.optimizer import build_optimizer
from automtl.training.statistics import KeptBuffers
from automtl.training.weighting import build_weighting

CPU = torch.device("cpu")
BUILT_IN = ("detection", "segmentation", "tracking")

# The fourth and the fifth task are segmentation under other names: only their cost is of interest.
TASKS: Mapping[str, Task] = {
    "detection": DetectionTask(),
    "segmentation": SegmentationTask(),
    "tracking": TrackingTask(),
    "surfaces": SegmentationTask(),
    "edges": SegmentationTask(),
}
BACKBONES = {
    "tiny": BackboneConfig(name="tiny"),
    "mobilenet_v3_small": BackboneConfig(name="mobilenet_v3_small"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all loops train on."""

    info: DataInfo
    batch: MultiTaskBatch

    def new_batch(self) -> MultiTaskBatch:
        """Return the batch as a step finds it: nothing is made of its labels yet."""
        return replace(self.batch)


def make_setting() -> Setting:
    """Draw a batch, labelled for all of ``TASKS``."""
    source = ShapesSource(clips=8, frames=4)
    unused = ShapesSource(clips=1, frames=1, seed=1)
    config = TrialConfig()
    splits = load_data(
        DataConfig(train=(source,), validation=(unused,)),
        image_size=config.backbone.image_size,
        root=None,
    ).splits
    sampler = BatchSampler(splits.train, batch_size=config.optimizer.batch_size, seed=0)
    batch = make_batch(splits.train, sampler.sample(0, BUILT_IN), device=CPU)
    masks = batch.labels["segmentation"]
    labels = {**batch.labels, **{task: masks for task in TASKS if task not in batch.labels}}
    return Setting(info=splits.info, batch=replace(batch, labels=labels))


def make_learner(
    backbone: BackboneConfig, tasks: tuple[str, ...], weighting: WeightingConfig, setting: Setting
) -> Learner:
    """Return a learner whose tasks share the whole backbone, always with the same weights."""
    torch.manual_seed(0)
    config = TrialConfig(backbone=backbone)
    base = build_stages(config.backbone)
    network = MultiTaskNetwork(
        nn.ModuleDict({stage_key(i, tasks): stage for i, stage in enumerate(base.modules)}),
        nn.ModuleDict(
            {
                task: TASKS[task].build_head(
                    channels=base.channels,
                    strides=base.strides,
                    heads=config.heads,
                    info=setting.info,
                )
                for task in tasks
            }
        ),
        tuple((frozenset(tasks),) for _ in base.modules),
        tasks,
    )
    made = build_weighting(weighting, tasks, seed=0, device=CPU)
    optimizer = build_optimizer(
        config.optimizer,
        network.parameters_of(tasks),
        undecayed=[p for task in tasks for p in made.parameters(task)],
    )
    learner = Learner(
        config=config,
        info=setting.info,
        plan=plan_for(CPU, config.optimizer),
        network=network,
        call=plainly,
        frozen=(),
        tasks={task: TASKS[task] for task in tasks},
        weighting=made,
        optimizers={tasks: optimizer},
        statistics=KeptBuffers(network),
    )
    learner.to_training()
    return learner
