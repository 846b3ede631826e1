"""What views cost in training: ``python -m benchmarks.views --json``.

Steps of the real loop, drawing and augmenting included, on three feeds, turn by turn and each in
a new order, on one thread: views from the cache, as many channels of plain pictures (the same
network, for which the frames were repeated until they had as many channels; three of them are
lit), and views computed in each step. The goal compares the first two, which differ only in where
the frames come from and in how they are mirrored. A network for RGB takes its turns too.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from automtl.config import BackboneConfig, TrialConfig, View
from automtl.data.load import load_data
from automtl.data.sampling import BatchSampler, augment
from automtl.data.table import FrameTable, MultiTaskBatch, SplitData, make_batch
from automtl.data.view_cache import with_views
from automtl.data.views import channels_of, compute_views
from automtl.sources import DataConfig, ShapesSource
from automtl.training.learner import Learner, build_learner
from automtl.training.step import take_step
from benchmarks.record import Goal, print_record

CPU = torch.device("cpu")
GOAL = 1.10
STACKS: tuple[tuple[View, ...], ...] = (("rgb", "hog"), ("rgb", "sift"))

Batches = Callable[[int], MultiTaskBatch]
Turn = Callable[[int], object]


def main() -> None:
    """Measure and print; the last line is the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the record only")
    parser.add_argument("--quick", action="store_true", help="fewer turns")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    figures: dict[str, float] = {}
    data = _data()
    for views in STACKS:
        figures |= _compare(data, views, n_turns=12 if arguments.quick else 60)
    worst = max(figures[f"{'_'.join(views)}_over_same_channels"] for views in STACKS)
    if not arguments.json:
        for name, value in figures.items():
            print(f"{name:32s} {value:8.3f}")
    print_record(figures, {"cached_views_over_rgb": Goal(worst, GOAL, "<=")})


def _data() -> SplitData:
    config = DataConfig(
        train=(ShapesSource(clips=16, frames=4),),
        validation=(ShapesSource(clips=1, frames=1, seed=1),),
    )
    size = TrialConfig().backbone.image_size
    return load_data(config, image_size=size, root=None).splits


def _compare(data: SplitData, views: tuple[View, ...], *, n_turns: int) -> dict[str, float]:
    """Return milliseconds and ratios for one stack of views."""
    name = "_".join(views)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        cached = with_views(data.train, views, folder=Path(folder))
        filling_ms = (time.perf_counter() - started) / len(cached) * 1e3
        learner = _learner(data, views)
        same = _drawn_from(_repeated(data.train, channels_of(views)))
        turns = {
            "cached": _turn(learner, _drawn_from(cached)),
            "same_channels": _turn(learner, same),
            "per_step": _turn(learner, _computed(data.train, views)),
            "three_channels": _turn(_learner(data, ("rgb",)), _drawn_from(data.train)),
        }
        times = _measure(turns, n_turns=n_turns)
    base = times["same_channels"]
    figures = {
        f"{name}_step_ms": statistics.median(times["cached"]) * 1e3,
        f"{name}_over_same_channels": _ratio(times["cached"], base),
        f"{name}_per_step_over_same_channels": _ratio(times["per_step"], base),
        f"{name}_over_three_channels": _ratio(times["cached"], times["three_channels"]),
        f"{name}_filling_ms_per_frame": filling_ms,
        f"{name}_megabytes_per_1000_frames": cached.images[0].nbytes / 1e3,
    }
    return {key: round(value, 4) for key, value in figures.items()}


def _ratio(seconds: list[float], base: list[float]) -> float:
    return statistics.median(s / b for s, b in zip(seconds, base, strict=True))


def _learner(data: SplitData, views: tuple[View, ...]) -> Learner:
    config = TrialConfig(backbone=BackboneConfig(views=views))
    learner = build_learner(config, data.info, seed=0, device=CPU)
    learner.to_training()
    return learner


def _drawn_from(table: FrameTable) -> Batches:
    sampler = BatchSampler(table, batch_size=8, seed=0)

    def batch(step: int) -> MultiTaskBatch:
        drawn = make_batch(table, sampler.sample(step, TrialConfig().tasks), device=CPU)
        return augment(drawn, rng=np.random.default_rng(step))

    return batch


def _repeated(table: FrameTable, n_channels: int) -> FrameTable:
    """Return the pictures with their channels repeated, taken for pictures."""
    copies = -(-n_channels // 3)
    return replace(table, images=np.tile(table.images, (1, copies, 1, 1))[:, :n_channels].copy())


def _computed(table: FrameTable, views: tuple[View, ...]) -> Batches:
    """Return batches whose views are computed after augmentation, in each step."""
    plain = _drawn_from(table)

    def batch(step: int) -> MultiTaskBatch:
        drawn = plain(step)
        stacked = torch.from_numpy(compute_views(drawn.images.numpy(), views))
        return replace(drawn, images=stacked, views=views)

    return batch


def _turn(learner: Learner, batches: Batches) -> Turn:
    return lambda step: take_step(learner, batches(step), learner.config.tasks, step=step)


def _measure(turns: Mapping[str, Turn], *, n_turns: int) -> dict[str, list[float]]:
    """Return seconds by turn, in a new order each time; the first turns warm up."""
    rng = np.random.default_rng(0)
    times: dict[str, list[float]] = {name: [] for name in turns}
    for step in range(n_turns + 3):
        for index in rng.permutation(len(turns)):
            name = list(turns)[index]
            started = time.perf_counter()
            turns[name](step)
            if step >= 3:
                times[name].append(time.perf_counter() - started)
    return times


if __name__ == "__main__":
    main()
