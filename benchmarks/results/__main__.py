"""The answer, measured: ``python -m benchmarks.results [--quick] [--share 1/2] [--draw]``.

Trains what is missing, then keeps all trainings in `benchmarks/data/results.json.gz`, draws the
figures into `docs/pictures` and prints the tables of `docs/results.md`. What the kept file
has is not trained again; a run that was ended goes on with the same command. ``--quick`` trains
few steps on few clips with two seeds, into its own folder: it shows that all works, and no more.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from automtl.space.recipe import find_recipe, load_recipe
from benchmarks.results.keeping import KEPT, keep, unpack
from benchmarks.results.schedule_answer import figure, table
from benchmarks.results.schedule_arms import schedule_trainings
from benchmarks.results.trainings import Training, read_outcomes, run_missing
from benchmarks.screenshots import open_page, small

PICTURES = Path("docs/pictures")
SECONDS_A_STEP = 0.11
"""Of joint training on one core without other work; an alternating step takes about half."""


def main(words: Sequence[str] | None = None) -> None:
    """Train, keep, draw and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="minutes; no result")
    parser.add_argument("--share", default="1/1", help="which part of the trainings: 1/2 and 2/2")
    parser.add_argument("--draw", action="store_true", help="train nothing")
    parser.add_argument("--work", type=Path, help="folder of trainings; studies/results")
    parser.add_argument("--pictures", type=Path, help="where figures go; docs/pictures")
    asked = parser.parse_args(words)
    torch.set_num_threads(1)
    work = asked.work or Path("studies/results-quick" if asked.quick else "studies/results")
    trainings = _trainings(quick=asked.quick)
    if not asked.quick:
        unpack(work)
    if not asked.draw:
        part, n_parts = map(int, asked.share.split("/"))
        print(f"{len(trainings)} trainings, {announced(trainings, work)}", flush=True)
        missing = run_missing(trainings, work, part=part - 1, n_parts=n_parts)
        if missing:
            print(f"{missing} trainings of another process are missing: nothing is drawn yet")
            return
    outcomes = read_outcomes(trainings, work)
    kept = work / KEPT.name if asked.quick else KEPT
    print(f"{kept}: {keep(outcomes, kept)} trainings")
    pictures = asked.pictures or (work if asked.quick else PICTURES)
    _draw(pictures / "results-schedule.png", figure(outcomes).to_html())
    print(table(outcomes))


def announced(trainings: Sequence[Training], work: Path) -> str:
    """Say how many of them lack, and about how long these take."""
    missing = [t for t in trainings if not (work / f"{t.key}.json").exists()]
    seconds = sum(
        t.config.optimizer.epochs * t.config.optimizer.steps_per_epoch * SECONDS_A_STEP
        for t in missing
    )
    return f"{len(missing)} to train: about {seconds / 3600:.1f} hours of one core"


def _trainings(*, quick: bool) -> list[Training]:
    space = load_recipe(find_recipe("quickstart")).space
    default = space.config_of(space.default_point())
    if not quick:
        return list(schedule_trainings(default))
    optimizer = default.optimizer.model_copy(update={"epochs": 1, "steps_per_epoch": 3})
    short = default.model_copy(update={"optimizer": optimizer})
    return list(schedule_trainings(short, n_clips=10, n_judging=(1, 1), seeds=(0, 1)))


def _draw(path: Path, page_html: str) -> None:
    with open_page() as page:
        page.set_content(page_html)
        drawing = page.locator(".js-plotly-plot")
        drawing.wait_for()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(small(drawing.screenshot()))
    print(path)


if __name__ == "__main__":
    main()
