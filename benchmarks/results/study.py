"""The search whose front is asked about: run with the command line, kept as plain records."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from automtl.cli import run_command
from automtl.data.load import load_data
from automtl.errors import AutomtlError
from automtl.space.recipe import load_recipe
from automtl.study.folder import StudyFolder
from automtl.study.search import opened
from benchmarks.results.keeping import Searched


def searched(
    recipe_path: Path, folder: Path, *, root: Path | None, dispatcher: str = "ray"
) -> Searched:
    """Return a search, which is begun, gone on with, or was done before.

    Args:
        recipe_path: What is searched.
        folder: Of the study.
        root: Folder below which the data's paths lie.
        dispatcher: ``ray``, or ``local``.

    Raises:
        AutomtlError: If the search did not come to its end.
    """
    if StudyFolder(folder).settings.exists():
        code = run_command(["resume", str(folder)])
    else:
        words = ["search", str(recipe_path), "--folder", str(folder), "--dispatcher", dispatcher]
        words += ["--data", str(root)] if root else []
        code = run_command(words)
    if code:
        msg = f"the search of {recipe_path.name} ended with the exit code {code}"
        raise AutomtlError(msg, where=str(folder), fix="Run the same command again")
    recipe = load_recipe(recipe_path)
    size = recipe.space.config_of(recipe.space.default_point()).backbone.image_size
    info = load_data(recipe.data, image_size=size, root=root).splits.info
    with opened(StudyFolder(folder)) as ledger:
        return Searched(history=ledger.history(), info=info)


def shortened(recipe_path: Path, folder: Path) -> Path:
    """Write the recipe with tiny splits, few steps and few trials, and name the file."""
    plain: dict[str, Any] = yaml.safe_load(recipe_path.read_text(encoding="utf-8"))
    for split in ("train", "validation", "test"):
        plain["data"][split] = [_few(source) for source in plain["data"][split]]
    plain["base"]["optimizer"] |= {"epochs": 3, "steps_per_epoch": 2}
    plain["budget"] = {"trials": 2}
    plain["baselines"]["single_task"]["trials"] = 1
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / recipe_path.name
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    return path


def _few(source: Mapping[str, Any]) -> dict[str, Any]:
    return {**source, "clips": 4, "frames": 4}
