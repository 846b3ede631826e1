"""The contract of a weighting: inherit, give the fixture ``make_weighting``, and run pytest.

The suite trains a small tree of three tasks: ``a`` and ``b`` share a trunk with ``c``, ``a`` and
``b`` share a branch besides, and every task has a head.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from automtl.training.weighting import StepGraph, Weighting

TASKS = ("a", "b", "c")

MakeWeighting = Callable[[Sequence[str]], Weighting]


class SmallTree(nn.Module):
    """A network whose parameters are shared by three, two, and one of the tasks."""

    def __init__(self, *, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.trunk = nn.Linear(4, 5)
        self.branch = nn.Linear(5, 5)
        self.heads = nn.ModuleDict({task: nn.Linear(5, 2) for task in TASKS})

    def users(self) -> list[tuple[nn.Parameter, frozenset[str]]]:
        """Return each parameter with the tasks that use it."""
        modules = [
            (self.trunk, frozenset(TASKS)),
            (self.branch, frozenset({"a", "b"})),
            *((self.heads[task], frozenset({task})) for task in TASKS),
        ]
        return [(p, tasks) for module, tasks in modules for p in module.parameters()]

    def shared_parameters(self, tasks: Sequence[str]) -> list[nn.Parameter]:
        """Return the parameters that at least two of ``tasks`` use."""
        return [p for p, users in self.users() if len(users & set(tasks)) >= 2]

    def parameters_of(self, tasks: Sequence[str]) -> list[nn.Parameter]:
        """Return the parameters that any of ``tasks`` uses."""
        return [p for p, users in self.users() if users & set(tasks)]

    def graph(self) -> StepGraph:
        """Return what a weighting is told of the network."""
        return StepGraph(network=self)

    def losses(self, tasks: Sequence[str], *, step: int) -> dict[str, Tensor]:
        """Return losses that pull in different directions and differ in scale."""
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(8, 4, generator=generator)
        trunk = torch.tanh(self.trunk(x))
        branch = torch.tanh(self.branch(trunk))
        wanted = {task: torch.randn(8, 2, generator=generator) for task in TASKS}
        scales = {"a": 10.0, "b": 1.0, "c": 0.1}
        return {
            task: scales[task]
            * (self.heads[task](branch if task in "ab" else trunk) - wanted[task]).square().mean()
            for task in tasks
        }


def plain_gradients(tree: SmallTree, tasks: Sequence[str]) -> dict[str, dict[str, Tensor]]:
    """Return the gradient of each task's loss alone, by parameter name; zeros where unused."""
    gradients = {}
    for task in tasks:
        alone = deepcopy(tree)
        torch.autograd.backward(alone.losses(tasks, step=0)[task])
        gradients[task] = {
            name: torch.zeros_like(p) if p.grad is None else p.grad
            for name, p in alone.named_parameters()
        }
    return gradients


def gradients_of(tree: SmallTree) -> dict[str, Tensor]:
    """Return the gradients that are filled, by parameter name."""
    return {name: p.grad for name, p in tree.named_parameters() if p.grad is not None}


def _train(
    tree: SmallTree,
    weighting: Weighting,
    optimizer: torch.optim.Optimizer,
    steps: range,
    *,
    tasks: Sequence[str] = TASKS,
) -> None:
    """Take steps as the training loop does, in epochs of four; ``c`` lacks every third time."""
    for step in steps:
        present = [task for task in tasks if task != "c" or step % 3]
        optimizer.zero_grad()
        weighting.backward(tree.losses(present, step=step), tree.graph())
        optimizer.step()
        if weighting.needs_new_losses:
            with torch.no_grad():
                weighting.after_step(tree.losses(present, step=step))
        if step % 4 == 3:
            weighting.end_epoch()


def _optimizer(
    tree: SmallTree, weighting: Weighting, *, tasks: Sequence[str] = TASKS
) -> torch.optim.Optimizer:
    learned = [p for task in tasks for p in weighting.parameters(task)]
    return torch.optim.AdamW([*tree.parameters(), *learned], lr=0.01)


class WeightingContract:
    """What every weighting must satisfy."""

    @pytest.fixture
    def make_weighting(self) -> MakeWeighting:
        """Return a function that makes a fresh weighting for the given tasks."""
        raise NotImplementedError

    @pytest.fixture
    def tree(self) -> SmallTree:
        """Return the small network, always with the same weights."""
        return SmallTree(seed=0)

    def test_every_parameter_in_use_gets_a_finite_gradient(
        self, make_weighting: MakeWeighting, tree: SmallTree
    ) -> None:
        """Nothing is left untrained, silently."""
        make_weighting(TASKS).backward(tree.losses(TASKS, step=0), tree.graph())
        found = gradients_of(tree)
        assert set(found) == {name for name, _ in tree.named_parameters()}
        assert all(torch.isfinite(g).all() and g.abs().sum() > 0 for g in found.values())

    def test_heads_get_their_own_gradient_times_their_weight(
        self, make_weighting: MakeWeighting, tree: SmallTree
    ) -> None:
        """A head serves one task: its gradient is that task's up to a positive factor."""
        plain = plain_gradients(tree, TASKS)
        make_weighting(TASKS).backward(tree.losses(TASKS, step=0), tree.graph())
        found = gradients_of(tree)
        for task in TASKS:
            name = f"heads.{task}.weight"
            cosine = torch.nn.functional.cosine_similarity(
                found[name].flatten(), plain[task][name].flatten(), dim=0
            )
            assert cosine.item() == pytest.approx(1.0, abs=1e-5)

    def test_a_task_without_labels_is_as_if_it_did_not_exist(
        self, make_weighting: MakeWeighting, tree: SmallTree
    ) -> None:
        """Leaving a task out of a step equals a weighting that never knew it."""
        other = deepcopy(tree)
        make_weighting(TASKS).backward(tree.losses(("a", "b"), step=0), tree.graph())
        make_weighting(("a", "b")).backward(other.losses(("a", "b"), step=0), other.graph())
        found, expected = gradients_of(tree), gradients_of(other)
        assert set(found) == set(expected)
        assert all(torch.equal(found[name], expected[name]) for name in expected)
        assert not any(name.startswith("heads.c") for name in found)

    def test_a_task_without_labels_leaves_no_trace(
        self, make_weighting: MakeWeighting, tree: SmallTree
    ) -> None:
        """After many steps without it, too, nothing differs from never having known the task."""
        other = deepcopy(tree)
        seen = ("a", "b")
        for net, known in ((tree, TASKS), (other, seen)):
            weighting = make_weighting(known)
            optimizer = _optimizer(net, weighting, tasks=known)
            _train(net, weighting, optimizer, range(14), tasks=seen)
        for one, two in zip(tree.parameters(), other.parameters(), strict=True):
            assert torch.equal(one, two)

    def test_one_task_alone_is_trained_by_its_weighted_loss(
        self, make_weighting: MakeWeighting, tree: SmallTree
    ) -> None:
        """With one task there is nothing to combine."""
        plain = plain_gradients(tree, ("b",))["b"]
        weights = make_weighting(TASKS).backward(tree.losses(("b",), step=0), tree.graph())
        found = gradients_of(tree)
        assert set(weights) == {"b"}
        for name, gradient in found.items():
            torch.testing.assert_close(gradient, weights["b"] * plain[name])

    def test_weights_in_force_are_told_for_each_task(
        self, make_weighting: MakeWeighting, tree: SmallTree
    ) -> None:
        """They are logged, so they must be numbers of the tasks that took part."""
        weights = make_weighting(TASKS).backward(tree.losses(TASKS, step=0), tree.graph())
        assert tuple(weights) == TASKS
        assert all(math.isfinite(w) and w >= 0 for w in weights.values())

    def test_gradients_are_those_of_the_weights_in_force(
        self, make_weighting: MakeWeighting, tree: SmallTree
    ) -> None:
        """On the trunk, the gradient is the weighted sum of the tasks' own gradients."""
        plain = plain_gradients(tree, TASKS)
        weights = make_weighting(TASKS).backward(tree.losses(TASKS, step=0), tree.graph())
        for name in ("trunk.weight", "trunk.bias", "branch.weight", "branch.bias"):
            expected = sum(weights[task] * plain[task][name] for task in TASKS)
            torch.testing.assert_close(gradients_of(tree)[name], expected, rtol=1e-4, atol=1e-6)

    def test_a_resume_is_exact(self, make_weighting: MakeWeighting, tree: SmallTree) -> None:
        """State saved in the middle gives the same bits at the end."""
        weighting = make_weighting(TASKS)
        optimizer = _optimizer(tree, weighting)
        _train(tree, weighting, optimizer, range(5))
        resumed_tree = deepcopy(tree)
        resumed = make_weighting(TASKS)
        resumed.load_state_dict(_through_disk(weighting.state_dict()))
        resumed_optimizer = _optimizer(resumed_tree, resumed)
        resumed_optimizer.load_state_dict(deepcopy(optimizer.state_dict()))
        torch.manual_seed(1)
        _train(tree, weighting, optimizer, range(5, 12))
        torch.manual_seed(2)
        _train(resumed_tree, resumed, resumed_optimizer, range(5, 12))
        for one, other in zip(tree.parameters(), resumed_tree.parameters(), strict=True):
            assert torch.equal(one, other)
        for key, value in weighting.state_dict().items():
            assert torch.equal(value, resumed.state_dict()[key])

    def test_the_global_random_stream_is_left_alone(
        self, make_weighting: MakeWeighting, tree: SmallTree
    ) -> None:
        """A weighting that draws uses a stream of its own."""
        losses = tree.losses(TASKS, step=0)
        torch.manual_seed(7)
        before = torch.get_rng_state()
        make_weighting(TASKS).backward(losses, tree.graph())
        assert torch.equal(torch.get_rng_state(), before)

    def test_a_foreign_state_is_refused(self, make_weighting: MakeWeighting) -> None:
        """A state of another method must not be half taken."""
        with pytest.raises(ValueError, match="state must hold"):
            make_weighting(TASKS).load_state_dict({"nonsense": torch.zeros(())})


def _through_disk(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    import io

    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    buffer.seek(0)
    loaded: dict[str, Tensor] = torch.load(buffer, weights_only=True)
    return loaded
