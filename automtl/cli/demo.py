"""`automtl demo`: everything once, on generated clips, from search to prediction."""

import json
import time
from pathlib import Path

from rich.console import Console

from automtl.cli.models import export_trial, finetune_bundle, predict_frames
from automtl.cli.run import start_search
from automtl.cli.show import best_values, floors_table
from automtl.config import TrialConfig
from automtl.results import TrialRecord
from automtl.space.recipe import Recipe
from automtl.study.folder import Settings, StudyFolder
from automtl.study.search import opened

QUALITY = (
    "detection/mAP",
    "detection/mAP_50",
    "segmentation/mIoU",
    "tracking/IDF1",
    "tracking/HOTA",
)


def run_demo(folder: Path, recipe_name: str) -> int:
    """Search, compare with floors, export, fine-tune on shifted clips, predict."""
    console = Console(highlight=False)
    began = time.monotonic()
    code = start_search(recipe_name, folder, Settings(), trials=None, seed=None)
    if code != 0:
        return code
    place = StudyFolder(folder)
    with opened(place) as ledger:
        study, history = ledger.study(), ledger.history()
        chosen = ledger.picks()[-1].number
    console.print()
    console.print(coverage(history))
    best = best_values(history, QUALITY)
    console.print(floors_table(json.loads(place.floors.read_text()), best, QUALITY))
    console.print("\n[bold]Export[/bold] the pick")
    export_trial(folder, trial=None, out=None, overwrite=False)
    bundle = place.bundle(chosen)
    console.print("\n[bold]Fine-tune[/bold] its heads on clips of another kind, trunk frozen")
    tuned = place.bundles / "fine-tuned"
    finetune_bundle(
        bundle,
        "shifted",
        tuned,
        None,
        freeze_trunk=True,
        changes={"epochs": 2, "steps_per_epoch": 60},
        seed=0,
    )
    console.print("\n[bold]Predict[/bold] the test clips with it")
    frames = place.root / "frames"
    write_test_frames(Recipe.model_validate(study.recipe), frames)
    predict_frames(bundle, frames, place.root / "predictions", score=0.3)
    console.print(f"\nAll of it took {time.monotonic() - began:.0f} s. Look at {place.report}")
    return 0


def coverage(history: tuple[TrialRecord, ...]) -> str:
    """Say which sharing trees, schedules and weightings the finished trials cover."""
    configs = [TrialConfig.from_plain(r.config) for r in history if r.is_candidate]
    trees = {(c.sharing.order, c.sharing.split_after) for c in configs}
    schedules = sorted({c.schedule.kind for c in configs})
    weightings = sorted({c.weighting.kind for c in configs})
    return (
        f"{len(configs)} finished trials cover {len(trees)} sharing trees, "
        f"schedules {', '.join(schedules)}, weightings {', '.join(weightings)}"
    )


def write_test_frames(recipe: Recipe, folder: Path) -> None:
    """Write two clips of the recipe's test split as PNG files, a folder for each clip."""
    from PIL import Image

    from automtl.study.vision import read_data

    table = read_data(recipe, None, load_test=True).splits.test
    if table is None:
        return
    for index in range(len(table)):
        clip, frame = int(table.clip[index]), int(table.frame[index])
        if clip >= 2:
            continue
        place = folder / f"clip-{clip}"
        place.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(table.images[index].transpose(1, 2, 0))
        picture.save(place / f"{frame:04d}.png")
