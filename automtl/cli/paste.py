"""`paste`: real cut-outs over real pictures become clips with boxes, masks and ids."""

from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from automtl.cli.terminal import OK, make_console, say
from automtl.errors import DataError
from automtl.pasting.cutouts import find_cutouts
from automtl.pasting.plan import Settings
from automtl.pasting.writing import scenes_in, write_clips
from automtl.sources import Part

MOST_OBJECTS = 30


def paste_clips(
    folder: Path,
    settings: Settings,
    *,
    pictures: Path,
    masks: Path,
    labels: Sequence[str],
    scenes: Sequence[Path],
    scene_part: Part,
) -> int:
    """Make the clips, and say which line of a recipe reads them.

    Raises:
        DataError: If an option contradicts itself, or a file cannot be used.
    """
    _check(settings, scene_part)
    cutouts = find_cutouts(pictures, masks, _classes(labels))
    behind = scenes_in(scenes, scene_part)
    console = make_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("clips", total=settings.clips)
        made = write_clips(
            folder,
            settings,
            cutouts=cutouts,
            scenes=behind,
            done=lambda n: progress.update(bar, completed=n),
        )
    say(
        console,
        f"{made.n_clips} clips, {made.n_frames} frames, {made.n_objects} objects of "
        f"{len(cutouts)} cut-outs before {len(behind)} pictures: {made.folder}",
    )
    say(console, f"Look at {made.picture}. A recipe reads them, with --data {folder.parent}, as:")
    say(console, made.source(folder.parent))
    return OK


def _check(settings: Settings, scene_part: Part) -> None:
    low, high = settings.n_objects
    if not 0 <= low <= high <= MOST_OBJECTS:
        msg = f"`--objects {low} {high}` is no fewest and most of 0 to {MOST_OBJECTS}"
        fix = f"Write --objects {high} {low}" if 0 <= high < low else "Write --objects 2 4"
        raise DataError(msg, where="--objects", fix=fix)
    if min(settings.size) < 32 or max(settings.size) > 4096:
        msg = f"`--size {settings.size[0]} {settings.size[1]}` is no height and width of a clip"
        raise DataError(msg, where="--size", fix="Use at least 32 pixels, and at most 4096")
    if not 0 <= scene_part[0] < scene_part[1] <= 1:
        msg = f"`--scene-part {scene_part[0]:g} {scene_part[1]:g}` must begin before it ends"
        raise DataError(msg, where="--scene-part", fix="Write two shares, e.g. --scene-part 0 0.8")


def _classes(labels: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for text in labels:
        label, _, clips = text.partition("=")
        names = tuple(name.strip() for name in clips.split(",") if name.strip())
        if not label.strip() or not names:
            msg = f"`--class {text}` names no class with its clips"
            raise DataError(msg, where="--class", fix="Write it as --class animal=dog,libby")
        found[label.strip()] = (*found.get(label.strip(), ()), *names)
    return found
