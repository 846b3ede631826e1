"""`automtl demo`: everything once, on generated clips, from search to prediction.

A second demo in the same folder goes on where the first one ended: it finishes the search if that
is unfinished, and makes what comes after the search anew.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from automtl.cli.carry_on import Asked, finetune_bundle
from automtl.cli.models import export_trial, predict_frames
from automtl.cli.run import read_recipe, resume_search, start_search
from automtl.cli.terminal import OK, make_console, say
from automtl.config import TrialConfig
from automtl.errors import AutomtlError
from automtl.results import TrialRecord
from automtl.space.recipe import Recipe
from automtl.space.search import search_digest
from automtl.space.stored import stored_recipe
from automtl.study.folder import Settings, StudyFolder
from automtl.study.mlflow_page import mlflow_command
from automtl.study.search import deliver, opened
from automtl.study.words import tree_of

TUNING = {"epochs": 2, "steps_per_epoch": 60}
SHOWN_CLIPS = 2


@dataclass(slots=True)
class Parts:
    """Announces the parts of the demo and says how long each took."""

    console: Console
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str, text: str) -> Iterator[None]:
        """Time a part."""
        say(self.console, f"\n{name}: {text}", style="bold")
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began

    def summary(self) -> str:
        """Say how long it took, in all and by part."""
        parts = ", ".join(
            f"{name.lower()} {seconds:.0f} s" for name, seconds in self.seconds.items()
        )
        return f"All of it took {sum(self.seconds.values()):.0f} s: {parts}"


def run_demo(folder: Path, recipe_name: str, tuning_recipe: str, dispatcher: str) -> int:
    """Search, compare with floors, export, fine-tune on shifted clips, predict."""
    parts = Parts(make_console())
    place = StudyFolder(folder)
    with parts.part("Search", f"the recipe {recipe_name!r}, Ctrl-C pauses it"):
        code = _search(place, recipe_name, dispatcher)
    if code != OK:
        return code
    with opened(place) as ledger:
        study, history = ledger.study(), ledger.history()
        chosen = ledger.picks()[-1].number
    say(parts.console, "")
    say(parts.console, coverage(history))
    with parts.part("Export", "the pick as a bundle, safetensors and JSON"):
        export_trial(folder, trial=chosen, out=None, overwrite=True)
    with parts.part("Fine-tune", "its heads on clips of another kind, the trunk frozen"):
        tuned = _finetune(place, chosen, tuning_recipe)
    with parts.part("Predict", "clips that no training and no selection has seen"):
        frames = place.root / "frames"
        write_test_frames(stored_recipe(study.recipe), frames)
        predict_frames(tuned, frames, place.root / "predictions", score=0.3, overwrite=True)
    with parts.part("Log", "what came after the search, to MLflow"):
        deliver(place)
    _show_places(parts, place)
    return OK


def _search(place: StudyFolder, recipe_name: str, dispatcher: str) -> int:
    if not place.settings.exists():
        settings = Settings(dispatcher=dispatcher)
        return start_search(recipe_name, place.root, settings, trials=None, seed=None)
    with opened(place) as ledger:
        known = ledger.study()
    if known.recipe_digest != search_digest(read_recipe(recipe_name)):
        msg = f"{place.root} holds the study {known.name!r} of another recipe than {recipe_name!r}"
        raise AutomtlError(msg, fix="Remove that folder, or name another: automtl demo --folder")
    return resume_search(place.root, takeover=False)


def _finetune(place: StudyFolder, chosen: int, recipe: str) -> Path:
    tuned = place.bundles / "fine-tuned"
    asked = Asked(
        bundle=place.bundle(chosen),
        recipe=recipe,
        out=tuned,
        data_root=None,
        changes=TUNING,
        overwrite=True,
    )
    finetune_bundle(asked)
    return tuned


def _show_places(parts: Parts, place: StudyFolder) -> None:
    say(parts.console, "")
    say(parts.console, parts.summary())
    say(parts.console, f"Report:       {place.report}")
    say(parts.console, f"MLflow:       {mlflow_command(place)}")
    say(parts.console, f"Bundles:      {place.bundles}")
    say(parts.console, f"Predictions:  {place.root / 'predictions'}")


def coverage(history: tuple[TrialRecord, ...]) -> str:
    """Say which sharing trees, schedules and weightings the finished trials cover."""
    finished = [record for record in history if record.is_candidate]
    configs = [TrialConfig.from_plain(record.config) for record in finished]
    trees = {tree_of(record) for record in finished}
    schedules = sorted({c.schedule.kind for c in configs})
    weightings = sorted({c.weighting.kind for c in configs})
    return (
        f"{len(configs)} finished trials cover {len(trees)} sharing trees, "
        f"schedules {', '.join(schedules)}, weightings {', '.join(weightings)}"
    )


def write_test_frames(recipe: Recipe, folder: Path) -> None:
    """Write the first clips of the recipe's test split as PNG files, a folder for each clip."""
    from PIL import Image

    from automtl.study.vision import read_data

    table = read_data(recipe, None, load_test=True).splits.test
    if table is None:
        msg = f"the recipe {recipe.name!r} has no test split to predict"
        raise AutomtlError(msg, where="data.test", fix="Add one")
    # Frames of an earlier demo, which may have been of other clips.
    shutil.rmtree(folder, ignore_errors=True)
    for index in range(len(table)):
        clip, frame = int(table.clip[index]), int(table.frame[index])
        if clip >= SHOWN_CLIPS:
            continue
        place = folder / f"clip-{clip}"
        place.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(table.images[index].transpose(1, 2, 0))
        picture.save(place / f"{frame:04d}.png")
