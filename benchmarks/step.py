"""What a training step costs beside a hand-written loop: ``python -m benchmarks.step --json``.

Both train the same network on the same batch with the same optimizer on one thread, turn by turn,
so that a machine whose speed drifts does not decide. ``step_ratio`` is the median of the ratios
of neighbouring turns. The other ratios are of other weightings and schedules against the same
hand-written loop, for information: gradient-combining ones differentiate once for each task.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch
from torch.optim import AdamW

from automtl.config import (
    AlternatingSchedule,
    FixedWeighting,
    PCGradWeighting,
    TrialConfig,
    UncertaintyWeighting,
    UPGradWeighting,
)
from automtl.data.load import load_data
from automtl.data.sampling import BatchSampler
from automtl.data.table import DataInfo, MultiTaskBatch, make_batch
from automtl.sources import DataConfig, ShapesSource
from automtl.training.learner import build_learner
from automtl.training.schedule import Course, phase_of_epoch
from automtl.training.step import take_step
from benchmarks.record import Goal, print_record

CPU = torch.device("cpu")
WEIGHTS = {"detection": 10.0, "segmentation": 3.0, "tracking": 0.5}
GOAL = 1.05

Turn = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What both loops train on."""

    info: DataInfo
    batch: MultiTaskBatch


def main() -> None:
    """Measure and print; the last line is the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the record only")
    parser.add_argument("--quick", action="store_true", help="fewer turns")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    setting = _setting()
    rivals = {name: _automtl(config, setting) for name, config in _configs().items()}
    turns = {"hand_written": _hand_written(_configs()["fixed"], setting), **rivals}
    times = _measure(turns, n_turns=15 if arguments.quick else 60)
    figures = _figures(times)
    if not arguments.json:
        for name, value in figures.items():
            print(f"{name:32s} {value:8.3f}")
    print_record(figures, {"step_ratio": Goal(figures["step_ratio"], GOAL, "<=")})


def _configs() -> dict[str, TrialConfig]:
    fixed = TrialConfig(weighting=FixedWeighting(weights=WEIGHTS))
    return {
        "fixed": fixed,
        "uncertainty": fixed.model_copy(update={"weighting": UncertaintyWeighting()}),
        "upgrad": fixed.model_copy(update={"weighting": UPGradWeighting()}),
        "pcgrad": fixed.model_copy(update={"weighting": PCGradWeighting()}),
        "alternating": fixed.model_copy(update={"schedule": AlternatingSchedule(block=1)}),
    }


def _setting() -> Setting:
    source = ShapesSource(clips=8, frames=4)
    unused = ShapesSource(clips=1, frames=1, seed=1)
    config = TrialConfig()
    splits = load_data(
        DataConfig(train=(source,), validation=(unused,)),
        image_size=config.backbone.image_size,
        root=None,
    ).splits
    sampler = BatchSampler(splits.train, batch_size=config.optimizer.batch_size, seed=0)
    indices = sampler.sample(0, config.tasks)
    return Setting(info=splits.info, batch=make_batch(splits.train, indices, device=CPU))


def _automtl(config: TrialConfig, setting: Setting) -> Turn:
    """Return the real loop's step, of one task after the other where the schedule alternates."""
    learner = build_learner(config, setting.info, seed=0, device=CPU)
    learner.to_training()
    course = Course(
        schedule=config.schedule, tasks=config.tasks, steps_per_epoch=1, seed=0, n_labelled={}
    )
    phase = phase_of_epoch(course, 0, ())
    assert phase is not None
    steps = count()

    def turn() -> object:
        step = next(steps)
        tasks = phase.tasks_of_step(step)
        return take_step(learner, setting.batch, tasks, step=step)

    return turn


def _hand_written(config: TrialConfig, setting: Setting) -> Turn:
    """Return the loop that somebody would write for this network, and nothing more."""
    learner = build_learner(config, setting.info, seed=0, device=CPU)
    network, tasks, batch = learner.network, learner.tasks, setting.batch
    optimizer = AdamW(network.parameters(), lr=3e-3, betas=(0.9, 0.99), fused=True)
    network.train()

    def turn() -> object:
        optimizer.zero_grad()
        outputs = network(batch.images)
        losses = {name: tasks[name].loss(outputs[name], batch, setting.info) for name in tasks}
        total = torch.stack([WEIGHTS[name] * loss for name, loss in losses.items()]).sum()
        total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        return total

    return turn


def _measure(turns: Mapping[str, Turn], *, n_turns: int) -> dict[str, list[float]]:
    """Return seconds by turn, in a new order each time; the first turns warm up."""
    rng = np.random.default_rng(0)
    times: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(n_turns + 3):
        for index in rng.permutation(len(turns)):
            name = list(turns)[index]
            started = time.perf_counter()
            turns[name]()
            if number >= 3:
                times[name].append(time.perf_counter() - started)
    return times


def _figures(times: Mapping[str, list[float]]) -> dict[str, float]:
    hand = times["hand_written"]
    figures = {"hand_written_ms": statistics.median(hand) * 1e3}
    for name, seconds in times.items():
        if name == "hand_written":
            continue
        ratio = statistics.median(s / h for s, h in zip(seconds, hand, strict=True))
        figures["step_ratio" if name == "fixed" else f"step_ratio_{name}"] = ratio
    return {name: round(value, 4) for name, value in figures.items()}


if __name__ == "__main__":
    main()
