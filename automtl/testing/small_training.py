"""A training of seconds, on which steps, loops and schedules are tested."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from automtl.config import BackboneConfig, HeadsConfig, OptimizerConfig, SharingConfig, TrialConfig
from automtl.data.load import load_data
from automtl.data.table import MultiTaskBatch, SplitData
from automtl.results import Decision
from automtl.sources import DataConfig, ShapesSource
from automtl.training.learner import Learner, build_learner

CPU = torch.device("cpu")
SIZE = (32, 48)
TASKS = ("detection", "segmentation", "tracking")


def small_splits() -> SplitData:
    """Return three clips of three frames to train on, and one to be evaluated on."""
    train = ShapesSource(clips=3, frames=3, n_objects=(2, 3))
    validation = ShapesSource(clips=1, frames=3, seed=1, n_objects=(2, 3))
    config = DataConfig(train=(train,), validation=(validation,))
    return load_data(config, image_size=SIZE, root=None).splits


def small_config(**changes: object) -> TrialConfig:
    """Return three tasks on a narrow tree, for three epochs of three steps.

    Args:
        changes: Parts of the configuration to take instead.
    """
    plain: dict[str, object] = {
        "backbone": BackboneConfig(image_size=SIZE, width=0.25),
        "sharing": SharingConfig(split_after=(3, 1)),
        "heads": HeadsConfig(channels=8, embedding_dim=4),
        "optimizer": OptimizerConfig(batch_size=4, epochs=3, steps_per_epoch=3),
    }
    return TrialConfig.model_validate({**plain, **changes})


def learner_of(config: TrialConfig, data: SplitData, *, frozen: Sequence[str] = ()) -> Learner:
    """Return a learner in training mode, always with the same weights."""
    learner = build_learner(config, data.info, seed=3, device=CPU, frozen=frozen)
    learner.to_training()
    return learner


def snapshot(learner: Learner) -> dict[str, Tensor]:
    """Return copies of the network's tensors by name."""
    return {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}


def moved(before: Mapping[str, Tensor], learner: Learner) -> set[str]:
    """Return the names of the tensors that are not those of an earlier :func:`snapshot`."""
    after = learner.network.state_dict()
    return {name for name in before if not torch.equal(before[name], after[name])}


def without(batch: MultiTaskBatch, task: str) -> MultiTaskBatch:
    """Return the batch without the labels of a task."""
    none = torch.zeros_like(batch.labels["detection"])
    return replace(batch, labels={**batch.labels, task: none})


class Reports:
    """Takes the reports of a training; ends or breaks it off at an epoch.

    Args:
        end_at: The epoch that is answered by ``decision``.
        decision: What it is answered by.
        kill_at: The epoch that is answered by an interrupt.
    """

    def __init__(
        self,
        *,
        end_at: int | None = None,
        decision: Decision = Decision.STOP,
        kill_at: int | None = None,
    ) -> None:
        self.values: dict[int, dict[str, float]] = {}
        self._end_at, self._decision, self._kill_at = end_at, decision, kill_at

    def __call__(self, epoch: int, values: Mapping[str, float]) -> Decision:
        """Remember the values of an epoch, and answer.

        Raises:
            KeyboardInterrupt: At the epoch ``kill_at``.
        """
        if epoch == self._kill_at:
            raise KeyboardInterrupt
        self.values[epoch] = dict(values)
        return self._decision if epoch == self._end_at else Decision.CONTINUE
