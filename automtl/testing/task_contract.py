"""The contract of a task: inherit, give ``task`` and ``perfect``, and run pytest.

A task that learns from a target of its own gives ``targets`` as well.

The suite's data are two clips of three frames, 64x96 pixels, with two objects that move by 8
pixels a frame, and masks of two upright stripes.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from automtl.config import HeadsConfig
from automtl.data.table import DataInfo, FrameTable, MultiTaskBatch, make_batch
from automtl.errors import AutomtlError
from automtl.tasks.base import Decodes, RawOutput, Task

Targets = Mapping[str, np.ndarray]

SIZE = (64, 96)
CHANNELS = (8, 12, 16, 24)
STRIDES = (2, 4, 8, 16)
INFO = DataInfo(
    detection_classes=("square", "disc"),
    segmentation_classes=("left", "right"),
    image_size=SIZE,
    segmentation_frequency=(0.5, 0.5),
    image_classes=("day", "night"),
    target_medians={"depth": 6.0},
)


def contract_targets(n: int) -> dict[str, np.ndarray]:
    """Return the targets of further tasks of the suite's ``n`` frames.

    The class of a picture changes from frame to frame, the depth grows from left to right.
    """
    row = np.linspace(2, 20, SIZE[1], dtype=np.float32)
    return {
        "classification": np.arange(n) % 2,
        "depth": np.broadcast_to(row, (n, *SIZE)).copy(),
    }


def contract_table(task: str, targets: Targets | None = None) -> FrameTable:
    """Return the suite's frames, all labelled for ``task``.

    Args:
        task: Name of the task.
        targets: Targets of a task of your own for the six frames, ``[6, ...]`` by name.
    """
    n_clips, n_frames = 2, 3
    n = n_clips * n_frames
    frame = np.tile(np.arange(n_frames), n_clips)
    centres = np.stack([[(20 + 8 * t, 20), (60 + 8 * t, 44)] for t in frame]).reshape(-1, 2)
    semantic = np.zeros((n, *SIZE), np.uint8)
    semantic[:, :, SIZE[1] // 2 :] = 1
    return FrameTable(
        images=np.random.default_rng(0).integers(0, 256, (n, 3, *SIZE), dtype=np.uint8),
        clip=np.repeat(np.arange(n_clips), n_frames),
        frame=frame,
        names=tuple(f"frame-{i}" for i in range(n)),
        labels={task: np.ones(n, np.bool_)},
        offsets=np.arange(n + 1) * 2,
        boxes=np.concatenate([centres - 8, centres + 8], axis=1).astype(np.float32),
        classes=np.tile(np.array([0, 1]), n),
        ids=np.tile(np.array([1, 2]), n),
        semantic=semantic,
        instances=np.zeros((n, *SIZE), np.uint16),
        source=np.zeros(n, np.int64),
        rates=(1.0,),
        targets={**contract_targets(n), **(targets or {})},
    )


def random_output(task: Task, n: int, *, seed: int = 0) -> dict[str, Tensor]:
    """Return what a new head gives on random features, as leaves that take a gradient."""
    torch.manual_seed(seed)
    head = task.build_head(
        channels=CHANNELS, strides=STRIDES, heads=HeadsConfig(channels=16), info=INFO
    ).eval()
    features = tuple(
        torch.randn(n, c, SIZE[0] // s, SIZE[1] // s)
        for c, s in zip(CHANNELS, STRIDES, strict=True)
    )
    with torch.no_grad():
        output: Mapping[str, Tensor] = head(features)
    return {name: value.clone().requires_grad_() for name, value in output.items()}


def contract_batch(
    task: str,
    indices: list[int],
    labelled: list[bool],
    targets: Targets | None = None,
) -> MultiTaskBatch:
    """Return frames of the suite, some of them without labels of ``task``."""
    table = contract_table(task, targets)
    batch = make_batch(table, np.array(indices), device=torch.device("cpu"))
    return replace(batch, labels={task: torch.tensor(labelled)})


def loss_and_gradient(
    task: Task, output: dict[str, Tensor], batch: MultiTaskBatch
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss and its gradient by output name; zeros where there is no path."""
    loss = task.loss(output, batch, INFO)
    gradients = torch.autograd.grad(
        loss, list(output.values()), allow_unused=True, materialize_grads=True
    )
    return loss.detach(), dict(zip(output, gradients, strict=True))


class TaskContract:
    """What every task must satisfy.

    A subclass gives two fixtures: ``task``, and ``perfect``, the raw outputs for
    :func:`contract_table` that say exactly what its labels say, in one chunk. It may give a
    third one, ``targets``: the task's own targets of the suite's six frames, by name.
    """

    best = 1.0

    @pytest.fixture
    def targets(self) -> Targets:
        """Return nothing: boxes, masks, ids, a class and a depth are there already."""
        return {}

    def test_head_has_a_fixed_shape(self, task: Task) -> None:
        """Every output keeps its shape, the number of frames apart."""
        one, three = random_output(task, 1), random_output(task, 3)
        assert one.keys() == three.keys()
        for name, value in three.items():
            assert value.shape == (3, *one[name].shape[1:])

    def test_labels_give_a_finite_loss_that_pulls(self, task: Task, targets: Targets) -> None:
        """The loss is a finite scalar; its gradient is finite and not zero."""
        output = random_output(task, 4)
        batch = contract_batch(task.name, [0, 1, 3, 4], [True] * 4, targets)
        loss, gradients = loss_and_gradient(task, output, batch)
        assert loss.shape == ()
        assert bool(loss.isfinite())
        assert all(bool(g.isfinite().all()) for g in gradients.values())
        assert any(bool(g.any()) for g in gradients.values())

    def test_no_label_gives_exactly_nothing(self, task: Task, targets: Targets) -> None:
        """The loss is 0 and connected, its gradient zero."""
        batch = contract_batch(task.name, [0, 1, 3, 4], [False] * 4, targets)
        loss, gradients = loss_and_gradient(task, random_output(task, 4), batch)
        assert loss.item() == 0.0
        assert not any(bool(g.any()) for g in gradients.values())

    def test_a_batch_looked_at_again_teaches_the_same(self, task: Task, targets: Targets) -> None:
        """What a loss leaves with a batch (``once``) changes nothing: bit for bit as a new one."""
        seen = contract_batch(task.name, [0, 1, 3, 4], [True, False, True, True], targets)
        loss_and_gradient(task, random_output(task, 4), seen)
        output = {
            k: (v.detach() + 0.5).requires_grad_() for k, v in random_output(task, 4).items()
        }
        found, new = (loss_and_gradient(task, output, batch) for batch in (seen, replace(seen)))
        torch.testing.assert_close(found, new, rtol=0, atol=0)

    def test_unlabelled_frames_do_not_matter(self, task: Task, targets: Targets) -> None:
        """Frames without labels change neither the loss nor the others' gradient."""
        output = random_output(task, 4)
        mixed = contract_batch(task.name, [0, 1, 3, 4], [True, True, False, False], targets)
        alone = contract_batch(task.name, [0, 1], [True, True], targets)
        first = {k: v.detach()[:2].clone().requires_grad_() for k, v in output.items()}
        loss, gradients = loss_and_gradient(task, output, mixed)
        loss_alone, gradients_alone = loss_and_gradient(task, first, alone)
        torch.testing.assert_close(loss, loss_alone)
        for name, gradient in gradients.items():
            torch.testing.assert_close(gradient[:2], gradients_alone[name])
            assert not bool(gradient[2:].any())

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    @pytest.mark.parametrize("labelled", [[True, True, False, False], [False] * 4])
    def test_what_is_not_labelled_may_be_anything(
        self, task: Task, value: float, labelled: list[bool], targets: Targets
    ) -> None:
        """Outputs that are not finite on frames without labels leave loss and gradient finite."""
        output = random_output(task, 4)
        wild = {k: v.detach().clone() for k, v in output.items()}
        for tensor in wild.values():
            tensor[~torch.tensor(labelled)] = value
            tensor.requires_grad_()
        batch = contract_batch(task.name, [0, 1, 3, 4], labelled, targets)
        loss, gradients = loss_and_gradient(task, wild, batch)
        torch.testing.assert_close(loss, loss_and_gradient(task, output, batch)[0])
        for gradient in gradients.values():
            assert bool(gradient.isfinite().all())
            assert not bool(gradient[~torch.tensor(labelled)].any())

    def test_evaluation_gives_the_stated_metrics(self, task: Task, targets: Targets) -> None:
        """The keys are those of ``metrics``, the primary first; values are finite."""
        output = {k: v.detach() for k, v in random_output(task, 6).items()}
        values = task.evaluate([output], contract_table(task.name, targets), INFO)
        assert set(values) == set(task.metrics)
        assert task.metrics[0] == task.primary
        assert task.smaller_is_better <= set(task.metrics) - {task.primary}
        assert np.isfinite(list(values.values())).all()

    def test_perfect_is_best_in_any_chunks(
        self, task: Task, perfect: RawOutput, targets: Targets
    ) -> None:
        """The labels as prediction give the best primary value, however chunked."""
        halves = [{k: v[r] for k, v in perfect.items()} for r in (slice(0, 4), slice(4, 6))]
        for outputs in ([perfect], halves):
            values = task.evaluate(outputs, contract_table(task.name, targets), INFO)
            assert values[task.primary] == pytest.approx(self.best)

    def test_noise_is_worse_than_perfect(
        self, task: Task, perfect: RawOutput, targets: Targets
    ) -> None:
        """The primary metric tells noise from the truth."""
        noise = {k: torch.randn(v.shape, generator=_generator()) for k, v in perfect.items()}
        values = task.evaluate([noise], contract_table(task.name, targets), INFO)
        assert values[task.primary] < self.best - 0.05

    def test_unlabelled_frames_are_not_scored(
        self, task: Task, perfect: RawOutput, targets: Targets
    ) -> None:
        """Noise on a frame without labels leaves the score at its best."""
        table = contract_table(task.name, targets)
        labels = table.labels[task.name].copy()
        labels[-1] = False
        noisy = {k: v.clone() for k, v in perfect.items()}
        for value in noisy.values():
            value[-1] = torch.randn(value[-1].shape, generator=_generator())
        values = task.evaluate([noisy], replace(table, labels={task.name: labels}), INFO)
        assert values[task.primary] == pytest.approx(self.best)

    def test_what_is_decoded_has_a_row_for_each_frame(
        self, task: Task, perfect: RawOutput
    ) -> None:
        """A task that decodes gives tensors by name, one row for each frame, for any frames."""
        if not isinstance(task, Decodes):
            return
        for rows in (slice(0, 6), slice(1, 2)):
            output = {name: value[rows] for name, value in perfect.items()}
            decoded = task.decode(output, INFO)
            assert decoded
            assert {len(value) for value in decoded.values()} == {rows.stop - rows.start}

    def test_nothing_to_score_is_said(
        self, task: Task, perfect: RawOutput, targets: Targets
    ) -> None:
        """A split without labels is a user's mistake with one line, never a NaN."""
        table = contract_table(task.name, targets)
        for nothing in ({task.name: np.zeros(len(table), np.bool_)}, {}):
            with pytest.raises(AutomtlError):
                task.evaluate([perfect], replace(table, labels=nothing), INFO)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)
