"""The data that questions are asked on: generated clips, pasted clips, the street clip.

Each has a recipe beside this file, whose default configuration and splits all questions share.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from automtl.config import TrialConfig
from automtl.errors import DataError
from automtl.pasting.cutouts import find_cutouts
from automtl.pasting.plan import Settings
from automtl.pasting.writing import scenes_in, write_clips
from automtl.space.recipe import Recipe, load_recipe
from benchmarks.fusion import real_frames

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """Data that a question is asked on.

    Attributes:
        name: As typed.
        title: For people.
        limits: What an interval over seeds does not cover.
        step_s: Seconds of a joint step on one core without other work.
    """

    name: str
    title: str
    limits: str
    step_s: float

    @property
    def recipe(self) -> Path:
        """The search of questions 1, 2 and 5, with splits and default configuration."""
        return HERE / f"{self.name}.yaml"


DATA_SETS = {
    one.name: one
    for one in (
        DataSet(
            name="shapes",
            title="Generated clips",
            limits="The clips are drawn by a program; all seeds share the same clips.",
            step_s=0.08,
        ),
        DataSet(
            name="paste",
            title="Pasted clips",
            limits="Seven cut-outs in all, none in two splits; all seeds share the same clips. "
            "Boxes are hardly learned from them, and links are easy.",
            step_s=0.05,
        ),
        DataSet(
            name="street",
            title="The street clip",
            limits="One drive, split by time: an interval covers seeds, not other streets. Boxes "
            "are hardly learned from its fifty frames, and links of so few tracks are easy.",
            step_s=0.16,
        ),
    )
}

CUTOUTS = {
    "train": ("bmx-trees", "car-shadow", "dog", "horsejump-high"),
    "validation": ("libby",),
    "test": ("blackswan", "scooter-black"),
}
"""Clips of DAVIS whose object is cut out, by split: what judges was never trained on."""

SCENES = {"train": "train", "validation": "val", "test": "test"}
"""Folders of street stills that stand behind, by split."""

PASTED = {
    "train-first": Settings(clips=6, seed=91),
    "train-second": Settings(clips=12, seed=92),
    "train-rest": Settings(clips=42, seed=93),
    "validation": Settings(clips=12, seed=94),
    "test": Settings(clips=40, seed=95),
}
"""Folders of pasted clips. The first holds 10 % of the training clips, the first two 30 %."""


@lru_cache(maxsize=len(DATA_SETS))
def recipe_of(name: str) -> Recipe:
    """Return the recipe of a data set."""
    return load_recipe(DATA_SETS[name].recipe)


def default_of(name: str) -> TrialConfig:
    """Return the configuration that a data set's recipe starts from."""
    space = recipe_of(name).space
    return space.config_of(space.default_point())


def usable() -> tuple[str, ...]:
    """Return the data sets that can be asked here: the real frames may not be there."""
    is_real = real_frames() is not None
    return tuple(name for name in DATA_SETS if is_real or name == "shapes")


def root_of(name: str, work: Path) -> Path | None:
    """Return the folder below which a data set's paths lie; pasted clips are made where they lack.

    Args:
        name: Of the data set.
        work: Folder of what is made.

    Raises:
        DataError: If the real frames are not there.
    """
    if name == "shapes":
        return None
    frames = real_frames()
    if frames is None:
        msg = f"the real frames that {name!r} needs are not there"
        raise DataError(msg, where=name, fix="Set AUTOMTL_DATA to their folder")
    if name == "street":
        return frames
    for folder, settings in PASTED.items():
        if not (work / "paste" / folder).exists():
            _paste(frames, work / "paste" / folder, settings)
    return work / "paste"


def _paste(frames: Path, folder: Path, settings: Settings) -> None:
    split = folder.name.partition("-")[0]
    cutouts = find_cutouts(
        frames / "davis/JPEGImages/480p",
        frames / "davis/Annotations/480p",
        {"object": CUTOUTS[split]},
    )
    scenes = scenes_in([frames / "camvid" / SCENES[split]])
    folder.parent.mkdir(parents=True, exist_ok=True)
    print(f"pasting {settings.clips} clips: {folder}", flush=True)
    write_clips(folder, settings, cutouts=cutouts, scenes=scenes)
