"""Pasted clips as files that a recipe reads: frames, MOTChallenge boxes, MOTS instances, masks."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image

from automtl.data.images import list_images, read_picture
from automtl.data.new_folder import new_folder
from automtl.data.part import kept
from automtl.errors import DataError
from automtl.pasting.compose import PastedFrame, compose
from automtl.pasting.cutouts import Cutout
from automtl.pasting.plan import ClipPlan, Mover, Settings, plan_clip
from automtl.pasting.sheet import contact_sheet
from automtl.sources import WHOLE, Part

JPEG_QUALITY = 95
BACKGROUND = "background"
N_SHOWN = 4
"""Clips on the picture that shows what came out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pasted:
    """What was written.

    Attributes:
        folder: Where it lies.
        n_clips: Clips.
        n_frames: Frames of all clips.
        n_objects: Labelled objects of all frames.
        classes: Class ids and names, as in ``gt.txt``.
        picture: Some frames with their labels drawn.
    """

    folder: Path
    n_clips: int
    n_frames: int
    n_objects: int
    classes: Mapping[int, str]
    picture: Path

    def source(self, root: Path) -> str:
        """Return the line of a recipe that reads the clips.

        Args:
            root: What its paths are relative to (``--data``).
        """
        names = ", ".join(f"{number}: {name}" for number, name in self.classes.items())
        return (
            f"- {{kind: mot, clips: {self.folder.resolve().relative_to(root.resolve())}, "
            f"frames: img, gt: gt/gt.txt, instances: instances, masks: masks, "
            f"classes: {{{names}}}, values: {{0: {BACKGROUND}, {names}}}}}"
        )


def scenes_in(folders: Sequence[Path], part: Part = WHOLE) -> tuple[Path, ...]:
    """Return the pictures that stand behind, sorted by folder and name.

    Raises:
        DataError: If a folder holds no picture, or the part has none.
    """
    found = [path for folder in folders for path in list_images(folder, folder)]
    where = ", ".join(map(str, folders))
    return tuple(kept(found, part, name=lambda path: path.name, where=where))


def write_clips(
    folder: Path,
    settings: Settings,
    *,
    cutouts: Sequence[Cutout],
    scenes: Sequence[Path],
    done: Callable[[int], None] = lambda _: None,
) -> Pasted:
    """Write all clips into a new folder.

    Args:
        folder: The new folder; an empty one is taken.
        settings: How many, how long, how large.
        cutouts: What is pasted.
        scenes: Pictures that stand behind.
        done: Called with the number of clips that are written.

    Raises:
        DataError: If the folder holds something, or a file cannot be read or written.
    """
    labels = sorted({cutout.label for cutout in cutouts})
    plans = [
        plan_clip(settings, number, cutouts=cutouts, n_scenes=len(scenes))
        for number in range(settings.clips)
    ]
    n_objects = 0
    shown: list[Sequence[PastedFrame]] = []
    try:
        with new_folder(folder) as part:
            for number, plan in enumerate(plans):
                scene = read_picture(scenes[plan.scene])
                frames = tuple(compose(plan, settings, cutouts=cutouts, scene=scene))
                ids = {i: labels.index(cutouts[m.cutout].label) + 1 for i, m in _numbered(plan)}
                _write_clip(part / f"clip-{number:04d}", frames, ids)
                n_objects += sum(len(frame.ids) for frame in frames)
                shown += [frames] if len(shown) < N_SHOWN else []
                done(number + 1)
            contact_sheet(shown).save(part / "preview.png")
            _write_origin(part / "made.json", settings, plans, cutouts, scenes)
    except OSError as error:
        msg = f"the clips cannot be written ({error.strerror or error})"
        raise DataError(msg, where=str(folder), fix="Make room, or name another folder") from error
    return Pasted(
        folder=folder,
        n_clips=settings.clips,
        n_frames=settings.clips * settings.frames,
        n_objects=n_objects,
        classes=dict(enumerate(labels, start=1)),
        picture=folder / "preview.png",
    )


def _numbered(plan: ClipPlan) -> Iterable[tuple[int, Mover]]:
    return enumerate(plan.movers, start=1)


def _write_clip(folder: Path, frames: Sequence[PastedFrame], class_of: Mapping[int, int]) -> None:
    for name in ("img", "gt", "instances", "masks"):
        (folder / name).mkdir(parents=True)
    lookup = np.zeros(max(class_of, default=0) + 1, dtype=np.uint16)
    for id_, class_id in class_of.items():
        lookup[id_] = class_id
    lines = []
    for number, frame in enumerate(frames, start=1):
        Image.fromarray(frame.image).save(folder / f"img/{number:06d}.jpg", quality=JPEG_QUALITY)
        semantic = lookup[frame.instances]
        coded = np.where(frame.instances > 0, semantic * 1000 + frame.instances, 0)
        Image.fromarray(coded.astype(np.uint16)).save(folder / f"instances/{number:06d}.png")
        Image.fromarray(semantic.astype(np.uint8)).save(folder / f"masks/{number:06d}.png")
        for id_, (left, top, right, bottom), seen in zip(
            frame.ids, frame.boxes.tolist(), frame.visible, strict=True
        ):
            # MOTChallenge counts pixels from 1.
            box = f"{left + 1},{top + 1},{right - left},{bottom - top}"
            lines.append(f"{number},{id_},{box},1,{class_of[id_]},{seen:.3f}\n")
    (folder / "gt/gt.txt").write_text("".join(lines), encoding="utf-8")


def _write_origin(
    path: Path,
    settings: Settings,
    plans: Sequence[ClipPlan],
    cutouts: Sequence[Cutout],
    scenes: Sequence[Path],
) -> None:
    """Write where everything comes from, so that a split can be checked."""
    document = {
        "settings": asdict(settings),
        "versions": {name: version(name) for name in ("automtl", "numpy", "pillow")},
        "cutouts": {cutout.name: cutout.label for cutout in cutouts},
        "clips": [
            {
                "scene": scenes[plan.scene].name,
                "cutouts": [cutouts[mover.cutout].name for mover in plan.movers],
            }
            for plan in plans
        ],
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
