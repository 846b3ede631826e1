"""What a bundle saves on a new clip: ``python -m benchmarks.finetune --json``.

For each of several seeds a model is trained from ImageNet weights on other pictures (COCO stills
with boxes, MOT17 frames with ids, stills of other drives with masks) and exported. With ``--picked
FOLDER`` one bundle serves all seeds: a search of six trials over the same pictures, in the space
of the recipe ``street``, picked it, and `automtl export` wrote it. They stay in the folder, and
are made if they are not there. Then the street clip is learned in three ways, with the bundle's
network, weighting and schedule, and with the same optimizer, peak rate, cosine, batches and seed:

- ``full``: from ImageNet weights, in all epochs;
- ``quarter``: from ImageNet weights, in a quarter of the epochs;
- ``tuned``: from the bundle, by ``finetune`` with nothing frozen, in a quarter of the epochs.

Each is scored as training scores it: the mean of the tasks' primary metrics on the clip's later
frames, at its best epoch. ``full`` has four times as many epochs to choose from. ``gain`` is the
mean of ``tuned`` minus ``full``, paired by seed; ``gain_low`` and ``gain_high`` are its 95 %
Student interval over seeds. The clip is the same for all seeds, and so is a picked bundle: the
interval says nothing about other clips, or other searches.

The frames come from ``AUTOMTL_DATA``, else ``../shared/data``; ``TORCH_HOME`` says where the
ImageNet weights are. ``--quick`` takes generated clips and a small network of no weights instead.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch

from automtl.config import OptimizerConfig, TrialConfig
from automtl.data.table import SplitData
from automtl.export.bundle import load_bundle
from automtl.export.files import METRICS
from automtl.export.finetune import finetune
from automtl.export.tuning import Tuning
from automtl.export.writing import export_bundle
from automtl.results import Decision
from automtl.training.loop import TrainedModel, train
from benchmarks.finetune_setting import (
    SHARE,
    Setting,
    from_pick,
    quick_setting,
    street_setting,
)
from benchmarks.fusion import student_interval
from benchmarks.record import Goal, print_record

CPU = torch.device("cpu")
N_SEEDS = 5
SHOWN = ("score", "detection/mAP", "segmentation/mIoU", "tracking/IDF1")

Ways = Mapping[str, Mapping[str, float]]
"""Values of the best epoch, by way: ``full``, ``quarter``, ``tuned``."""


def main() -> None:
    """Measure and print; the last line is the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the record only")
    parser.add_argument("--quick", action="store_true", help="two seeds on generated clips")
    parser.add_argument("--picked", type=Path, help="begin from a search's pick, kept here")
    parser.add_argument("--seeds", type=int, help=f"how many; {N_SEEDS} by default")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    setting = quick_setting() if arguments.quick else street_setting()
    if arguments.picked is not None:
        setting = from_pick(setting, arguments.picked)
    n_seeds = arguments.seeds or (2 if arguments.quick else N_SEEDS)
    figures = summary(list(_by_seed(setting, n_seeds)))
    figures = {name: round(value, 4) for name, value in figures.items()}
    if not arguments.json:
        for name, value in figures.items():
            print(f"{name:40s} {value:8.4f}")
    print_record(figures, _goals(figures))


def summary(seeds: Sequence[Ways]) -> dict[str, float]:
    """Return the mean of each way over seeds, and gains with their intervals from two seeds on."""
    figures = {
        f"{way}/{name}": statistics.mean(ways[way][name] for ways in seeds)
        for way in seeds[0]
        for name in SHOWN
    }
    for prefix, less, more in (("", "full", "tuned"), ("head_start_", "quarter", "tuned")):
        for name in SHOWN if not prefix else ("score",):
            gains = [ways[more][name] - ways[less][name] for ways in seeds]
            key = f"{prefix}gain" if name == "score" else f"{prefix}gain/{name}"
            figures[key] = statistics.mean(gains)
            if len(gains) >= 2:
                figures[f"{key}_low"], figures[f"{key}_high"] = student_interval(gains)
    return figures


def compare(setting: Setting, seed: int) -> Ways:
    """Learn the target in the three ways, from a bundle that is there or is trained first."""
    long = setting.config.optimizer
    short = long.model_copy(update={"epochs": long.epochs // SHARE})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = setting.bundle or _trained_bundle(setting, seed, folder / "bundle")
        tuned = _tuned(bundle, setting.target, short, seed, folder / "tuned")
    return {
        "full": _train(setting.config, long, setting.target, seed).values,
        "quarter": _train(setting.config, short, setting.target, seed).values,
        "tuned": tuned,
    }


def _by_seed(setting: Setting, n_seeds: int) -> Iterator[Ways]:
    """Compare seed by seed, and say how far it is, beside the record: the whole takes minutes."""
    for seed in range(n_seeds):
        began = time.monotonic()
        ways = compare(setting, seed)
        shown = {way: {n: round(values[n], 4) for n in SHOWN} for way, values in ways.items()}
        seconds = time.monotonic() - began
        print(f"seed {seed}, {seconds:.0f} s: {json.dumps(shown)}", file=sys.stderr, flush=True)
        yield ways


def _trained_bundle(setting: Setting, seed: int, folder: Path) -> Path:
    """Train on the source and export; nothing is picked."""
    begun = setting.config.optimizer.model_copy(update={"epochs": setting.source_epochs})
    trained = _train(setting.config, begun, setting.source_data(), seed)
    return export_bundle(
        folder,
        config=trained.config,
        info=trained.info,
        state=trained.network.state_dict(),
        metrics=trained.values,
        pick=None,
        study=None,
        seed=seed,
    )


def _tuned(
    bundle: Path, target: SplitData, optimizer: OptimizerConfig, seed: int, folder: Path
) -> Mapping[str, float]:
    """Return the values of a bundle that was trained further on the target."""
    tuning = Tuning(optimizer=optimizer, frozen=(), seed=seed)
    path = finetune(load_bundle(bundle), target, tuning, folder=folder, report=_go_on)
    values: dict[str, float] = json.loads((path / METRICS).read_text())["validation"]
    return values


def _train(
    config: TrialConfig, optimizer: OptimizerConfig, data: SplitData, seed: int
) -> TrainedModel:
    config = config.model_copy(update={"optimizer": optimizer})
    return train(config, data, _go_on, seed=seed, folder=None, device=CPU)


def _go_on(epoch: int, values: Mapping[str, float]) -> Decision:
    del epoch, values
    return Decision.CONTINUE


def _goals(figures: Mapping[str, float]) -> dict[str, Goal]:
    """One seed has no interval, and so no goal."""
    if "gain_low" not in figures:
        return {}
    return {"finetune_quarter_over_scratch": Goal(figures["gain_low"], 0.0, ">=")}


if __name__ == "__main__":
    main()
