"""`init`: look what labels lie in a folder, and write a first recipe for them."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from automtl.cli.show import plain_table
from automtl.cli.terminal import OK, make_console, say
from automtl.discovery.look import Findings, look
from automtl.discovery.machine import this_machine
from automtl.discovery.mask_classes import MaskClasses, mask_classes
from automtl.discovery.plan import Plan, Timer, plan
from automtl.discovery.recipe_text import box_classes, recipe_text
from automtl.discovery.splits import Splits, Use, split
from automtl.errors import AutomtlError
from automtl.space.recipe import load_recipe
from automtl.study.folder import write_text

MINUTES = 60.0


def init_recipe(
    folder: Path,
    out: Path | None,
    *,
    minutes: float = MINUTES,
    overwrite: bool = False,
    timer: Timer | None = None,
) -> int:
    """Write a recipe for the frames of a folder, and say what was found.

    Args:
        folder: Frames and labels.
        out: The recipe; None names it after the folder.
        minutes: How long its search may take on this machine.
        overwrite: Whether an earlier recipe is replaced.
        timer: Seconds of a training step; None measures them.
    """
    name = re.sub(r"[^A-Za-z0-9_.\-]+", "-", folder.resolve().name).strip("-.") or "mine"
    path = out or Path(f"{name}.yaml")
    _check(path, minutes, overwrite=overwrite)
    console = make_console()
    found = look(folder)
    splits = split(found.labelled)
    uses = (*splits.train, *splits.validation, *splits.test)
    used = [use.labelled for use in uses]
    classes = mask_classes(used if "segmentation" in splits.tasks else [])
    console.print(_found_table(splits, uses))
    if found.left_out:
        console.print(_left_out_table(found))
    n_classes = max(len(box_classes(used)), len(classes.names), 2)
    chosen = plan(splits, n_classes, this_machine(), minutes=minutes, timer=timer)
    write_text(path, recipe_text(path.stem, shlex.quote(str(folder)), splits, classes, chosen))
    load_recipe(path)
    _say_next(console, path, folder, (splits, classes, chosen))
    return OK


def _check(path: Path, minutes: float, *, overwrite: bool) -> None:
    if path.suffix not in (".yaml", ".yml"):
        msg = f"--out {path} does not end in .yaml"
        raise AutomtlError(msg, fix="Name a file such as my.yaml")
    if path.exists() and not overwrite:
        msg = f"{path} exists"
        raise AutomtlError(msg, fix="Name another file with --out, or add --overwrite")
    if not minutes > 0:
        msg = f"--minutes must be more than 0, found {minutes:g}"
        raise AutomtlError(msg, fix="Leave it out for an hour")


def _found_table(splits: Splits, uses: Sequence[Use]) -> Table:
    table = plain_table("Found")
    for column in ("frames", "labels", "number", "split"):
        table.add_column(column, justify="right" if column == "number" else "left")
    for use in uses:
        one = use.labelled
        labels = [one.boxes_path, one.instances, one.masks, one.depth]
        tasks = ", ".join(one.tasks)
        where = "; ".join(path for path in labels if path)
        n_frames = str(use.n_frames)
        table.add_row(one.frames.path, f"{tasks} ({where})", n_frames, _split_of(splits, use))
    return table


def _split_of(splits: Splits, use: Use) -> str:
    named = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    name = next(name for name, members in named.items() if use in members)
    if use.frame_range is not None:
        return f"{name}: frames {use.frame_range[0]} to {use.frame_range[1]}"
    return name if use.part is None else f"{name}: {use.part[1] - use.part[0]:.0%} of them"


def _left_out_table(found: Findings) -> Table:
    table = plain_table("Left out")
    table.add_column("what")
    table.add_column("why")
    for one in found.left_out:
        table.add_row(one.path, one.reason)
    return table


def _say_next(
    console: Console, path: Path, folder: Path, made: tuple[Splits, MaskClasses, Plan]
) -> None:
    splits, classes, chosen = made
    say(console, f"Tasks: {', '.join(splits.tasks)}. Validation: {splits.how}")
    if classes.are_guessed:
        say(console, "No file names the values of the masks: put your names into the recipe")
    say(
        console,
        f"Budget: {chosen.n_trials} trials of about {chosen.trial_s / 60:.1f} minutes, "
        f"{chosen.machine.slots} at a time: about {chosen.minutes:.0f} minutes on this machine "
        f"({chosen.step_s:.2f} s a step, measured; --minutes changes the budget)",
    )
    root = shlex.quote(str(folder))
    say(console, f"Recipe: {path}")
    say(console, f"Next:   automtl validate {shlex.quote(str(path))} --data {root}")
    say(console, f"        automtl search {shlex.quote(str(path))} --data {root}")
