"""The contract of a weighting: inherit, give the fixture ``make_weighting``, and run pytest.

The suite trains the tree of three tasks of ``automtl.testing.small_tree``.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy

import pytest
import torch
from torch import Tensor

from automtl.testing.small_tree import TASKS, SmallTree, gradients_of, plain_gradients
from automtl.training.weighting import Weighting

MakeWeighting = Callable[[Sequence[str]], Weighting]


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
    """What every weighting must satisfy.

    Attributes:
        weights_are_positive: Whether the method excludes negative weights.
        step_is_weighted_sum: Whether the shared gradient is the sum of the tasks' own gradients
            times the weights. Methods that mask coordinates have no such weights.
    """

    weights_are_positive = True
    step_is_weighted_sum = True

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

    def test_what_is_learned_for_a_task_rests_while_it_has_no_labels(
        self, make_weighting: MakeWeighting, tree: SmallTree
    ) -> None:
        """A task comes back with what it had, momentum and weight decay of an optimizer or not."""
        weighting = make_weighting(TASKS)
        optimizer = _optimizer(tree, weighting)
        _train(tree, weighting, optimizer, range(5))
        before = [parameter.detach().clone() for parameter in weighting.parameters("c")]
        _train(tree, weighting, optimizer, range(5, 11), tasks=("a", "b"))
        after = list(weighting.parameters("c"))
        assert all(torch.equal(one, two) for one, two in zip(before, after, strict=True))

    def test_a_task_with_a_zero_gradient_does_not_stop_the_others(
        self, make_weighting: MakeWeighting, tree: SmallTree
    ) -> None:
        """A row of zeros makes some methods return a zero step; here its task is left out."""
        weighting = make_weighting(TASKS)
        losses = tree.losses(TASKS, step=0)
        losses["c"] = losses["c"] * 0.0 + 1.0
        weights = weighting.backward(losses, tree.graph())
        assert all(math.isfinite(w) for w in weights.values())
        found = gradients_of(tree)
        assert all(torch.isfinite(g).all() for g in found.values())
        assert found["trunk.weight"].abs().sum() > 0

    def test_gradients_that_are_all_zero_stay_zero(
        self, make_weighting: MakeWeighting, tree: SmallTree
    ) -> None:
        """Nothing is divided by their length."""
        losses = {t: loss * 0.0 + 1.0 for t, loss in tree.losses(TASKS, step=0).items()}
        weights = make_weighting(TASKS).backward(losses, tree.graph())
        assert all(math.isfinite(w) for w in weights.values())
        assert all((g == 0).all() for g in gradients_of(tree).values())

    def test_a_gradient_that_is_not_finite_is_seen_and_leaves_no_trace(
        self, make_weighting: MakeWeighting, tree: SmallTree
    ) -> None:
        """The loop does not take such a step; the next one is as good as ever."""
        weighting = make_weighting(TASKS)
        losses = tree.losses(TASKS, step=0)
        # The root has no slope at 0, which the loss reaches through a factor of 0.
        losses["b"] = losses["b"] + torch.sqrt(losses["b"] * 0.0)
        weighting.backward(losses, tree.graph())
        assert not torch.isfinite(gradients_of(tree)["trunk.weight"]).all()
        tree.zero_grad()
        weights = weighting.backward(tree.losses(TASKS, step=1), tree.graph())
        assert all(math.isfinite(w) for w in weights.values())
        assert all(torch.isfinite(g).all() for g in gradients_of(tree).values())

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
        assert all(math.isfinite(w) for w in weights.values())
        if self.weights_are_positive:
            assert all(w >= 0 for w in weights.values())

    def test_gradients_are_those_of_the_weights_in_force(
        self, make_weighting: MakeWeighting, tree: SmallTree
    ) -> None:
        """On the trunk, the gradient is the weighted sum of the tasks' own gradients."""
        if not self.step_is_weighted_sum:
            pytest.skip("the method has no task weights")
        plain = plain_gradients(tree, TASKS)
        weights = make_weighting(TASKS).backward(tree.losses(TASKS, step=0), tree.graph())
        for name in ("trunk.weight", "trunk.bias", "branch.weight", "branch.bias"):
            expected = sum(weights[task] * plain[task][name] for task in TASKS)
            torch.testing.assert_close(gradients_of(tree)[name], expected, rtol=1e-4, atol=1e-6)

    def test_a_resume_is_exact(self, make_weighting: MakeWeighting, tree: SmallTree) -> None:
        """State saved in the third of four epochs gives the same bits at the end."""
        weighting = make_weighting(TASKS)
        optimizer = _optimizer(tree, weighting)
        _train(tree, weighting, optimizer, range(9))
        resumed_tree = deepcopy(tree)
        resumed = make_weighting(TASKS)
        resumed.load_state_dict(_through_disk(weighting.state_dict()))
        resumed_optimizer = _optimizer(resumed_tree, resumed)
        resumed_optimizer.load_state_dict(deepcopy(optimizer.state_dict()))
        torch.manual_seed(1)
        _train(tree, weighting, optimizer, range(9, 16))
        torch.manual_seed(2)
        _train(resumed_tree, resumed, resumed_optimizer, range(9, 16))
        for one, other in zip(tree.parameters(), resumed_tree.parameters(), strict=True):
            assert torch.equal(one, other)
        for key, value in weighting.state_dict().items():
            assert torch.equal(value, resumed.state_dict()[key])

    def test_a_copy_has_a_state_of_its_own(
        self, make_weighting: MakeWeighting, tree: SmallTree
    ) -> None:
        """What it learns is in its state, not in that of the first one, and can be put back."""
        weighting = make_weighting(TASKS)
        _train(tree, weighting, _optimizer(tree, weighting), range(5))
        before = weighting.state_dict()
        other_tree, other = deepcopy((tree, weighting))
        _train(other_tree, other, _optimizer(other_tree, other), range(5, 9))
        for key, value in weighting.state_dict().items():
            assert torch.equal(value, before[key])
        other.load_state_dict(before)
        again, last = deepcopy((tree, weighting))
        _train(again, other, _optimizer(again, other), range(5, 9))
        _train(tree, last, _optimizer(tree, last), range(5, 9))
        for key, value in last.state_dict().items():
            assert torch.equal(value, other.state_dict()[key])

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
