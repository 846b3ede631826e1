"""Killed after any step and resumed: the same bits, for every weighting, schedule and state."""

import signal
import subprocess
import sys
from typing import Annotated, get_args, get_origin

import pytest
import torch
from torch import nn

from automtl.config import (
    AlternatingSchedule,
    BackboneConfig,
    CustomWeighting,
    FixedWeighting,
    HeadsConfig,
    JointSchedule,
    OptimizerConfig,
    ProportionalSchedule,
    ScheduleConfig,
    SharingConfig,
    StagedSchedule,
    TrialConfig,
    UntilPlateauSchedule,
    UPGradWeighting,
    WeightingConfig,
)
from automtl.data.load import load_data
from automtl.model.stages import Stages
from automtl.results import Decision
from automtl.sources import DataConfig, ShapesSource
from automtl.training import epoch as epoch_module
from automtl.training import loop as loop_module
from automtl.training.artifacts import load_model
from automtl.training.checkpoint_files import kept_checkpoints
from automtl.training.loop import train

CPU = torch.device("cpu")
SIZE = (32, 48)
EPOCHS, STEPS = 3, 2


def members(union):
    """Return the classes of a union of configurations, those of unions inside it too."""
    inner = get_args(union)[0] if get_origin(union) is Annotated else union
    for one in get_args(inner):
        yield from [one] if isinstance(one, type) else members(one)


# A user's own has the shipped contract, whose suite resumes it.
KINDS = [kind for kind in members(WeightingConfig) if kind is not CustomWeighting]
WEIGHTINGS = [
    *(kind() for kind in KINDS),
    UPGradWeighting(every=3),
    UPGradWeighting(every=2, at="features"),
]
STATES = ("shared", "per_task")
SCHEDULES = [
    JointSchedule(),
    *(AlternatingSchedule(optimizer_state=state) for state in STATES),
    *(AlternatingSchedule(unit="epochs", optimizer_state=state) for state in STATES),
    *(ProportionalSchedule(temperature=2.0, optimizer_state=state) for state in STATES),
    *(UntilPlateauSchedule(patience=1, optimizer_state=state) for state in STATES),
    StagedSchedule(stages="detection for 1; segmentation freeze trunk lr 0.5 for 1; all"),
    StagedSchedule(stages="tracking for 1; all alternating 1", optimizer_state="per_task"),
]


def name_of(part):
    more = [part.optimizer_state] if hasattr(part, "optimizer_state") else []
    more += [str(part.every), part.at] if getattr(part, "every", 1) > 1 else []
    more += [part.unit] if hasattr(part, "unit") else []
    return "-".join([part.kind, *more])


@pytest.fixture(scope="module")
def data():
    train_source = ShapesSource(clips=3, frames=3, n_objects=(2, 3))
    validation_source = ShapesSource(clips=1, frames=2, seed=1, n_objects=(2, 3))
    config = DataConfig(train=(train_source,), validation=(validation_source,))
    return load_data(config, image_size=SIZE, root=None).splits


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """One thread, no measured costs, and metrics that depend on the bits of the heads alone.

    A task gets worse by training, so that under `until_plateau` its turn ends after two epochs.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    primary = {
        "detection": "detection/mAP",
        "segmentation": "segmentation/mIoU",
        "tracking": "tracking/IDF1",
    }

    def evaluate(network, table, info, tasks, *, batch_size):
        return {primary[t]: metric_of(network.heads[t]) for t in tasks}

    monkeypatch.setattr(loop_module, "evaluate", evaluate)
    monkeypatch.setattr(loop_module, "measure_costs", lambda *_: {"cost/parameters": 1.0})
    yield
    torch.set_num_threads(before)


def metric_of(head):
    """Return less for each batch that the head was trained on, and a little of its weights."""
    seen = sum(b.item() for name, b in head.named_buffers() if name.endswith("batches_tracked"))
    return 1e-3 * sum(p.sum().item() for p in head.parameters()) - seen


def make_config(weighting, schedule, optimizer="adamw", *, backbone="tiny") -> TrialConfig:
    return TrialConfig(
        backbone=BackboneConfig(name=backbone, image_size=SIZE, width=0.25),
        sharing=SharingConfig(split_after=(3, 1)),
        heads=HeadsConfig(channels=8, embedding_dim=4),
        weighting=weighting,
        schedule=schedule,
        optimizer=OptimizerConfig(
            name=optimizer, batch_size=4, epochs=EPOCHS, steps_per_epoch=STEPS
        ),
    )


class Killed(BaseException):
    """Stands for the end of the process."""


def run(config, data, folder, *, kill_before=None, resume=False):
    """Train, and return the reports; with ``kill_before`` break off before that step."""
    reports = {}

    def report(epoch, values):
        measured = ("cost/train_s", "cost/peak_memory_mb")
        reports[epoch] = {k: v for k, v in values.items() if not k.startswith(measured)}
        return Decision.CONTINUE

    def take_step(*args, step, **more):
        if step == kill_before:
            raise Killed
        return real(*args, step=step, **more)

    real = epoch_module.take_step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(epoch_module, "take_step", take_step)
        try:
            train(config, data, report, seed=1, folder=folder, device=CPU, resume=resume)
        except Killed:
            assert kill_before is not None
    return reports


def assert_resumes(config, data, folder, *, kill_before):
    whole = run(config, data, folder / "whole")
    first = run(config, data, folder / "killed", kill_before=kill_before)
    second = run(config, data, folder / "killed", resume=True)
    assert sorted(whole) == [1, 2, 3]
    assert (len(first), len(second)) == (kill_before // STEPS, EPOCHS - kill_before // STEPS)
    assert {**first, **second} == whole
    one, other = (
        torch.load(kept_checkpoints(folder / name)[0], weights_only=True)
        for name in ("whole", "killed")
    )
    for part in ("network", "weighting", "optimizers"):
        torch.testing.assert_close(one[part], other[part], rtol=0, atol=0)
    assert one["progress"]["history"] == other["progress"]["history"]


SLOW = pytest.mark.slow
CORE = ("fixed", "uncertainty", "pcgrad", "upgrad-3-parameters")


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize(
    "kill_before", [0, *(pytest.param(step, marks=SLOW) for step in (1, 2, 3, 4)), 5]
)
def test_after_any_step(tmp_path, data, kill_before, optimizer):
    schedule = UntilPlateauSchedule(patience=1, optimizer_state="per_task")
    config = make_config(FixedWeighting(), schedule, optimizer)
    assert_resumes(config, data, tmp_path, kill_before=kill_before)


@pytest.mark.parametrize(
    "weighting",
    [
        pytest.param(one, id=name_of(one), marks=[] if name_of(one) in CORE else SLOW)
        for one in WEIGHTINGS
    ],
)
def test_with_every_weighting(tmp_path, data, weighting):
    config = make_config(weighting, JointSchedule())
    assert_resumes(config, data, tmp_path, kill_before=3)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=name_of)
def test_with_every_schedule_and_optimizer_state(tmp_path, data, schedule):
    config = make_config(FixedWeighting(), schedule)
    assert_resumes(config, data, tmp_path, kill_before=3)


@SLOW
@pytest.mark.parametrize("schedule", SCHEDULES[1:], ids=name_of)
@pytest.mark.parametrize("weighting", WEIGHTINGS[1:], ids=name_of)
def test_with_every_weighting_schedule_and_optimizer_state(tmp_path, data, weighting, schedule):
    config = make_config(weighting, schedule)
    assert_resumes(config, data, tmp_path, kill_before=5)


def test_every_kind_of_schedule_is_among_them():
    assert {type(schedule) for schedule in SCHEDULES} == set(members(ScheduleConfig))


def test_a_turn_ends_within_these_trainings(tmp_path, data):
    """Otherwise what `until_plateau` remembers over a resume would not matter to them."""
    config = make_config(FixedWeighting(), UntilPlateauSchedule(patience=1))
    trained = [
        {task for task in config.tasks if f"loss/{task}" in values}
        for values in run(config, data, tmp_path).values()
    ]
    assert trained == [{config.tasks[0]}] * 2 + [{config.tasks[1]}]


def with_dropout(config):
    """Return a user's own backbone, which draws from torch's stream in each step."""
    module = nn.Sequential(nn.Conv2d(3, 8, 3, stride=8, padding=1), nn.Dropout(0.5))
    return Stages(modules=(module,), channels=(8,), strides=(8,))


def test_what_dropout_draws_is_the_same_after_a_resume(tmp_path, data):
    backbone = f"{__name__}:with_dropout"
    config = make_config(FixedWeighting(), JointSchedule(), backbone=backbone)
    assert_resumes(config, data, tmp_path, kill_before=3)


ENDS = """
import os, signal, sys
from pathlib import Path
import torch
from automtl.config import OptimizerConfig
from automtl.results import Decision
from automtl.testing.small_training import CPU, small_config, small_splits
from automtl.training import epoch, loop

torch.set_num_threads(1)
folder, optimizer, last = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
real = epoch.take_step

def take_step(*args, step, **more):
    if step == last:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, step=step, **more)

epoch.take_step = take_step
config = small_config(
    optimizer=OptimizerConfig(name=optimizer, batch_size=4, epochs=3, steps_per_epoch=3)
)
loop.train(
    config, small_splits(), lambda *_: Decision.CONTINUE,
    seed=1, folder=folder, device=CPU, resume=True,
)
"""


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_process_that_was_really_killed(tmp_path, optimizer):
    def ends(folder, last):
        command = [sys.executable, "-c", ENDS, str(tmp_path / folder), optimizer, str(last)]
        return subprocess.run(command, check=False).returncode

    assert ends("whole", -1) == 0
    assert [ends("killed", last) for last in (1, 4, 8, -1)] == [-signal.SIGKILL] * 3 + [0]
    one, other = (
        torch.load(kept_checkpoints(tmp_path / name)[0], weights_only=True)
        for name in ("whole", "killed")
    )
    for part in ("network", "weighting", "optimizers"):
        torch.testing.assert_close(one[part], other[part], rtol=0, atol=0)
    assert one["progress"]["history"] == other["progress"]["history"]
    states = (load_model(tmp_path / name).state for name in ("whole", "killed"))
    torch.testing.assert_close(*states, rtol=0, atol=0)
