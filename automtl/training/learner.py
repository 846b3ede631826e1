"""All that moves in a training: the network, the weighting, and the optimizers over both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from automtl.config import TRUNK, TrialConfig
from automtl.data.table import DataInfo
from automtl.errors import BundleError
from automtl.model.network import Call, MultiTaskNetwork, build_network
from automtl.tasks.base import Task
from automtl.tasks.choose import task_named
from automtl.training.compiled import call_for
from automtl.training.device import DevicePlan, plan_for
from automtl.training.optimizer import build_optimizer
from automtl.training.schedule import optimizer_groups
from automtl.training.statistics import KeptBuffers
from automtl.training.weighting import Weighting, build_weighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """All that moves in a training, and what moves it.

    Attributes:
        config: What is trained.
        info: Classes and picture size.
        plan: How its device is used.
        network: Trained in place.
        call: How its stages and heads, and the losses, are called in a step.
        frozen: Parts of the network that stay as they are, as in ``Stage.frozen``.
        tasks: The tasks by name, in chain order.
        weighting: Makes one gradient of several losses.
        optimizers: By the tasks that each serves.
        statistics: Those of batch norms, as they were before a step.
    """

    config: TrialConfig
    info: DataInfo
    plan: DevicePlan
    network: MultiTaskNetwork
    call: Call
    frozen: tuple[str, ...]
    tasks: Mapping[str, Task]
    weighting: Weighting
    optimizers: Mapping[tuple[str, ...], Optimizer]
    statistics: KeptBuffers

    def optimizer_for(self, tasks: Sequence[str]) -> Optimizer:
        """Return the optimizer that serves all of ``tasks``."""
        return next(o for served, o in self.optimizers.items() if set(tasks) <= set(served))

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.mean.device

    def to_training(self, frozen: Sequence[str] = ()) -> None:
        """Let everything learn but the frozen parts, whose batch norms stay as they are too.

        Args:
            frozen: Parts as in ``Stage.frozen``, beside those that are frozen in any case.
        """
        self.network.requires_grad_(requires_grad=True)
        self.network.train()
        for part in (*frozen, *self.frozen):
            for module in _modules_of(self.network, part):
                module.requires_grad_(requires_grad=False)
                module.eval()


def _modules_of(network: MultiTaskNetwork, part: str) -> list[nn.Module]:
    if part == TRUNK:
        return [network.stages]
    kind, _, name = part.partition(":")
    if kind == "stage":
        return network.copies_of_stage(int(name) - 1)
    branch = [stage for _, stage in network.stage_parameters((name,))] if kind == "branch" else []
    return [*branch, network.heads[name]]


def build_learner(
    config: TrialConfig,
    info: DataInfo,
    *,
    seed: int,
    device: torch.device,
    initial: Mapping[str, Tensor] | None = None,
    frozen: Sequence[str] = (),
    lr_factors: Mapping[str, float] = MappingProxyType({}),
) -> Learner:
    """Return everything that a training of ``config`` moves, at its start.

    Args:
        config: What to train.
        info: Classes and picture size.
        seed: Of the initial weights and of a weighting that draws.
        device: Where to train.
        initial: Tensors to start from instead of fresh or pretrained ones.
        frozen: Parts of the network that stay as they are, as in ``Stage.frozen``.
        lr_factors: What multiplies the learning rate of a part, by the same names; where parts
            overlap, the last one counts.

    Raises:
        BundleError: If ``initial`` does not fit the network of ``config``.
    """
    plan = plan_for(device, config.optimizer)
    network = build_network(config, info, generator_seed=seed).to(device)
    if initial is not None:
        require_fit(network.state_dict(), initial)
        network.load_state_dict(dict(initial), strict=True)
    if plan.channels_last:
        network.to(memory_format=torch.channels_last)
    for module in (module for part in frozen for module in _modules_of(network, part)):
        module.requires_grad_(requires_grad=False)
    factors = {
        parameter: factor
        for part, factor in lr_factors.items()
        for module in _modules_of(network, part)
        for parameter in module.parameters()
    }
    weighting = build_weighting(config.weighting, config.tasks, seed=seed, device=device)
    return Learner(
        config=config,
        info=info,
        plan=plan,
        network=network,
        call=call_for(network, compiled=plan.compiled),
        frozen=tuple(frozen),
        tasks={name: task_named(name, config.imports) for name in config.tasks},
        weighting=weighting,
        optimizers={
            served: build_optimizer(
                config.optimizer,
                network.parameters_of(served),
                undecayed=[p for task in served for p in weighting.parameters(task)],
                factors=factors,
            )
            for served in optimizer_groups(config.schedule, config.tasks)
        },
        statistics=KeptBuffers(network),
    )


def require_fit(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Raise ``BundleError`` naming what ``found`` lacks, has too much, or has in other shapes."""
    missing = [f"{name} is missing" for name in sorted(set(expected) - set(found))]
    unknown = [f"{name} is unknown" for name in sorted(set(found) - set(expected))]
    shapes = [
        f"{name} has shape {list(found[name].shape)}, expected {list(expected[name].shape)}"
        for name in sorted(set(expected) & set(found))
        if found[name].shape != expected[name].shape
    ]
    mistakes = missing + unknown + shapes
    if mistakes:
        more = f" and {len(mistakes) - 3} more" if len(mistakes) > 3 else ""
        msg = f"the initial weights do not fit: {'; '.join(mistakes[:3])}{more}"
        raise BundleError(
            msg,
            fix="Use the configuration that trained them, and the same classes",
        )
