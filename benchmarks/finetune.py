"""What a bundle saves on a new clip: ``python -m benchmarks.finetune --json``.

For each of several seeds a model is trained from ImageNet weights on other pictures (COCO stills
with boxes, MOT17 frames with ids, stills of other drives with masks) and exported. Then the street
clip is learned in three ways, with the same optimizer, peak rate, cosine, batches and seed:

- ``full``: from ImageNet weights, in all epochs;
- ``quarter``: from ImageNet weights, in a quarter of the epochs;
- ``tuned``: from the bundle, by ``finetune`` with nothing frozen, in a quarter of the epochs.

Each is scored as training scores it: the mean of the tasks' primary metrics on the clip's later
frames, at its best epoch. ``full`` has four times as many epochs to choose from. ``gain`` is the
mean of ``tuned`` minus ``full``, paired by seed; ``gain_low`` and ``gain_high`` are its 95 %
Student interval over seeds. The clip is the same for all seeds, so the interval says nothing about
other clips.

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
from dataclasses import dataclass
from pathlib import Path

import torch

from automtl.config import BackboneConfig, HeadsConfig, OptimizerConfig, TrialConfig
from automtl.data.load import load_data
from automtl.data.table import SplitData
from automtl.errors import DataError
from automtl.export.bundle import load_bundle
from automtl.export.files import METRICS
from automtl.export.finetune import finetune
from automtl.export.tuning import Tuning
from automtl.export.writing import export_bundle
from automtl.results import Decision
from automtl.sources import DataConfig, MaskSource, MotSource, ShapesSource, YoloSource
from automtl.space.recipe import find_recipe, load_recipe
from automtl.training.loop import TrainedModel, train
from benchmarks.fusion import real_frames, student_interval
from benchmarks.record import Goal, print_record

CPU = torch.device("cpu")
N_SEEDS = 5
SHARE = 4
"""The bundle gets one epoch for each so many of the training from ImageNet weights."""

SHOWN = ("score", "detection/mAP", "segmentation/mIoU", "tracking/IDF1")
SIZE = (96, 128)
N_COCO_CLASSES = 80

NAMED_AS_ON_THE_STREET: Mapping[int, str] = {0: "pedestrian", 1: "bicyclist", 2: "car"}
"""COCO's person, bicycle and car: their rows of the head go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is compared.

    Attributes:
        source: What the bundle is trained on.
        target: What is then learned; its validation split scores.
        config: Of all trainings; its optimizer is that of ``full``.
        source_epochs: Of the bundle's training.
    """

    source: SplitData
    target: SplitData
    config: TrialConfig
    source_epochs: int


Ways = Mapping[str, Mapping[str, float]]
"""Values of the best epoch, by way: ``full``, ``quarter``, ``tuned``."""


def main() -> None:
    """Measure and print; the last line is the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the record only")
    parser.add_argument("--quick", action="store_true", help="two seeds on generated clips")
    parser.add_argument("--seeds", type=int, help=f"how many; {N_SEEDS} by default")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    setting = quick_setting() if arguments.quick else street_setting()
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
    """Train a bundle on the source, then learn the target in the three ways."""
    long = setting.config.optimizer
    short = long.model_copy(update={"epochs": long.epochs // SHARE})
    with tempfile.TemporaryDirectory() as folder:
        tuned = _tuned(setting, short, seed, Path(folder))
    return {
        "full": _train(setting.config, long, setting.target, seed).values,
        "quarter": _train(setting.config, short, setting.target, seed).values,
        "tuned": tuned,
    }


def street_setting() -> Setting:
    """Return other pictures, the street clip, and a small ImageNet MobileNetV2.

    Raises:
        DataError: If the real frames are not there.
    """
    root = real_frames()
    if root is None:
        msg = "the real frames are not there"
        raise DataError(msg, fix="Set AUTOMTL_DATA to their folder, or try --quick")
    recipe = load_recipe(find_recipe("street"))
    config = recipe.space.config_of(recipe.space.default_point())
    street = recipe.data
    clip = street.model_copy(
        update={"train": tuple(s for s in street.train if isinstance(s, MotSource)), "test": ()}
    )
    return Setting(
        source=_load(_other_pictures(street.segmentation_classes), root, SIZE),
        target=_load(clip, root, SIZE),
        config=config.model_copy(
            update={
                "backbone": config.backbone.model_copy(update={"image_size": SIZE}),
                "optimizer": config.optimizer.model_copy(
                    update={"epochs": 8, "steps_per_epoch": 30}
                ),
            }
        ),
        source_epochs=8,
    )


def quick_setting() -> Setting:
    """Return generated clips of two kinds and a network that trains in seconds."""
    size = (64, 96)

    def clips(seed: int, contrast: float) -> SplitData:
        config = DataConfig(
            train=(ShapesSource(clips=4, frames=4, seed=seed, contrast=contrast),),
            validation=(ShapesSource(clips=2, frames=4, seed=seed + 1, contrast=contrast),),
        )
        return _load(config, None, size)

    return Setting(
        source=clips(70, 1.0),
        target=clips(80, 0.5),
        config=TrialConfig(
            backbone=BackboneConfig(width=0.5, image_size=size),
            heads=HeadsConfig(channels=16, embedding_dim=8),
            optimizer=OptimizerConfig(epochs=SHARE, steps_per_epoch=5, batch_size=4),
        ),
        source_epochs=2,
    )


def _other_pictures(masks: tuple[str, ...]) -> DataConfig:
    """Return pictures of the street's classes that are not of the clip; few have identities."""
    named = NAMED_AS_ON_THE_STREET
    names = tuple(named.get(i, f"coco class {i}") for i in range(N_COCO_CLASSES))

    def stills(split: str, share: float) -> YoloSource:
        labels = f"coco128/object_detection/labels/{split}"
        return YoloSource(
            images=f"coco128/images/{split}", labels=labels, names=names, part=(0, share)
        )

    def walkers(name: str) -> MotSource:
        folder = f"mot17-mini/train/MOT17-{name}-FRCNN"
        return MotSource(
            frames=f"{folder}/img1", gt=f"{folder}/gt/gt.txt", classes={1: "pedestrian"}
        )

    def drives(split: str) -> MaskSource:
        return MaskSource(images=f"camvid/{split}", masks=f"camvid/{split}annot", ignore=11)

    return DataConfig(
        train=(stills("train2017", 1), walkers("04"), drives("train")),
        validation=(stills("val2017", 0.25), walkers("02"), drives("test")),
        segmentation_classes=masks,
    )


def _load(data: DataConfig, root: Path | None, size: tuple[int, int]) -> SplitData:
    return load_data(data, image_size=size, root=root, load_test=False).splits


def _by_seed(setting: Setting, n_seeds: int) -> Iterator[Ways]:
    """Compare seed by seed, and say how far it is, beside the record: the whole takes minutes."""
    for seed in range(n_seeds):
        began = time.monotonic()
        ways = compare(setting, seed)
        shown = {way: {n: round(values[n], 4) for n in SHOWN} for way, values in ways.items()}
        seconds = time.monotonic() - began
        print(f"seed {seed}, {seconds:.0f} s: {json.dumps(shown)}", file=sys.stderr, flush=True)
        yield ways


def _tuned(
    setting: Setting, optimizer: OptimizerConfig, seed: int, folder: Path
) -> Mapping[str, float]:
    """Return the values of a bundle that was trained on the source and further on the target."""
    begun = setting.config.optimizer.model_copy(update={"epochs": setting.source_epochs})
    trained = _train(setting.config, begun, setting.source, seed)
    bundle = export_bundle(
        folder / "bundle",
        config=trained.config,
        info=trained.info,
        state=trained.network.state_dict(),
        metrics=trained.values,
        pick=None,
        study=None,
        seed=seed,
    )
    tuning = Tuning(optimizer=optimizer, frozen=(), seed=seed)
    path = finetune(
        load_bundle(bundle), setting.target, tuning, folder=folder / "tuned", report=_go_on
    )
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
