"""What :mod:`benchmarks.finetune` compares: other pictures to begin on, a clip to learn then."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from automtl.cli import run_command
from automtl.config import BackboneConfig, HeadsConfig, OptimizerConfig, TrialConfig
from automtl.data.load import load_data
from automtl.data.table import SplitData
from automtl.errors import AutomtlError, DataError
from automtl.export.bundle import load_manifest
from automtl.sources import DataConfig, MaskSource, MotSource, ShapesSource, YoloSource
from automtl.space.recipe import find_recipe, load_recipe
from benchmarks.fusion import real_frames
from benchmarks.results.study import searched

SHARE = 4
"""The bundle gets one epoch for each so many of the training from ImageNet weights."""

SIZE = (96, 128)
N_COCO_CLASSES = 80

NAMED_AS_ON_THE_STREET: Mapping[int, str] = {0: "pedestrian", 1: "bicyclist", 2: "car"}
"""COCO's person, bicycle and car: their rows of the head go on."""

IN_COMMON = ("backbone", "heads", "sharing")
"""What a search takes from the setting's configuration; what it varies is its recipe's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is compared.

    Attributes:
        source: What the bundle is trained on.
        root: Of the source's paths; None where it is generated.
        target: What is then learned; its validation split scores.
        config: Of all trainings; its optimizer is that of ``full``.
        source_epochs: Of each training for a bundle, a seed's own or a trial of the search.
        recipe: Name of the shipped recipe whose space is searched for a bundle.
        n_trials: Of that search.
        bundle: What all seeds begin from; None trains a bundle for each.
    """

    source: DataConfig
    root: Path | None
    target: SplitData
    config: TrialConfig
    source_epochs: int
    recipe: str
    n_trials: int
    bundle: Path | None = None

    def source_data(self) -> SplitData:
        """Read what the bundle is trained on."""
        return _load(self.source, self.root, self.config.backbone.image_size)


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
    optimizer = config.optimizer.model_copy(update={"epochs": 8, "steps_per_epoch": 30})
    return Setting(
        source=_other_pictures(street.segmentation_classes),
        root=root,
        target=_load(clip, root, SIZE),
        config=config.model_copy(
            update={
                "backbone": config.backbone.model_copy(update={"image_size": SIZE}),
                "optimizer": optimizer,
            }
        ),
        source_epochs=8,
        recipe="street",
        n_trials=6,
    )


def quick_setting() -> Setting:
    """Return generated clips of two kinds and a network that trains in seconds."""
    size = (64, 96)

    def clips(seed: int, contrast: float) -> DataConfig:
        return DataConfig(
            train=(ShapesSource(clips=4, frames=4, seed=seed, contrast=contrast),),
            validation=(ShapesSource(clips=2, frames=4, seed=seed + 1, contrast=contrast),),
        )

    optimizer = OptimizerConfig(epochs=SHARE, steps_per_epoch=5, batch_size=4)
    return Setting(
        source=clips(70, 1.0),
        root=None,
        target=_load(clips(80, 0.5), None, size),
        config=TrialConfig(
            backbone=BackboneConfig(width=0.5, image_size=size),
            heads=HeadsConfig(channels=16, embedding_dim=8),
            optimizer=optimizer,
        ),
        source_epochs=2,
        recipe="quickstart",
        n_trials=2,
    )


def from_pick(setting: Setting, folder: Path) -> Setting:
    """Return the setting that begins from the pick of a search over its other pictures.

    All trainings have the pick's network, weighting and schedule. Search and export are the
    command line's; what an earlier call left in ``folder`` is gone on with, or taken as it is.

    Args:
        setting: What is compared.
        folder: Gets the recipe, the study, and the bundle.

    Raises:
        AutomtlError: If the search or the export fails.
    """
    bundle = folder / "picked"
    if not bundle.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        recipe = folder / "other-pictures.yaml"
        recipe.write_text(yaml.safe_dump(search_recipe(setting), sort_keys=False), "utf-8")
        searched(recipe, folder / "study", root=setting.root, dispatcher="local")
        if code := run_command(["export", str(folder / "study"), "--out", str(bundle)]):
            msg = f"the export ended with the exit code {code}"
            raise AutomtlError(msg, where=str(folder), fix="Run the same command again")
    config = load_manifest(bundle).config.whole(str(bundle))
    config = config.model_copy(update={"optimizer": setting.config.optimizer})
    return replace(setting, config=config, bundle=bundle)


def search_recipe(setting: Setting) -> dict[str, Any]:
    """Return a shipped recipe with the setting's other pictures and size in place of its own."""
    plain: dict[str, Any] = yaml.safe_load(find_recipe(setting.recipe).read_text("utf-8"))
    config = setting.config.model_dump(mode="json")
    del config["sharing"]["split_after"]  # is searched
    plain |= {
        "name": "other-pictures",
        "description": f"The space of {setting.recipe} on pictures that are not of its clip",
        "data": setting.source.model_dump(mode="json"),
        "base": {
            **{name: config[name] for name in IN_COMMON},
            "optimizer": config["optimizer"] | {"epochs": setting.source_epochs},
        },
        "budget": {"trials": setting.n_trials},
    }
    plain.pop("baselines", None)  # of no use for a bundle
    return plain


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
