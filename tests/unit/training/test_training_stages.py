"""Stages of a schedule in a training: what they freeze stays, and their rates are in force."""

import pytest
import torch

from automtl.config import StagedSchedule
from automtl.testing.small_training import CPU, TASKS, Reports, small_config, small_splits
from automtl.training import step as step_module
from automtl.training.checkpoint_files import kept_checkpoints
from automtl.training.loop import train
from automtl.training.optimizer import lr_at

STAGES = "detection for 1; segmentation freeze trunk lr 0.5 for 1; all"


@pytest.fixture(scope="module")
def data():
    return small_splits()


@pytest.mark.parametrize("state", ["shared", "per_task"])
def test_an_epoch_moves_what_its_stage_trains_and_does_not_freeze(data, tmp_path, state):
    last = "all" if state == "shared" else "all alternating 1"
    stages = STAGES.replace("all", last)
    config = small_config(schedule=StagedSchedule(stages=stages, optimizer_state=state))
    states = []

    def keep():
        content = torch.load(kept_checkpoints(tmp_path)[0], weights_only=True)
        states.append(content["network"])

    train(config, data, Reports(), seed=1, folder=tmp_path, device=CPU, kept=keep)
    first, second, third = states

    def parts_moved(before, after):
        names = [name for name in before if not torch.equal(before[name], after[name])]
        return {name.split(".")[1] if name.startswith("heads.") else "trunk" for name in names}

    # Statistics of the trunk's batch norms are among its tensors.
    assert parts_moved(first, second) == {"segmentation"}
    assert parts_moved(second, third) == {"trunk", *TASKS}


def test_a_stage_multiplies_the_rate_of_its_steps(data, monkeypatch):
    config = small_config(schedule=StagedSchedule(stages=STAGES))
    rates = []
    real = step_module.step_optimizer

    def watched(optimizer, *, lr, grad_clip):
        rates.append(lr)
        return real(optimizer, lr=lr, grad_clip=grad_clip)

    monkeypatch.setattr(step_module, "step_optimizer", watched)
    train(config, data, Reports(), seed=1, folder=None, device=CPU)
    factors = [1.0] * 3 + [0.5] * 3 + [1.0] * 3
    expected = [lr_at(config.optimizer, step) * f for step, f in enumerate(factors)]
    assert rates == pytest.approx(expected)
