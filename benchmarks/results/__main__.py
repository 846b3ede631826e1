"""The answer, measured: ``python -m benchmarks.results [--quick] [--share 1/2] [--draw]``.

Trains what is missing, then keeps all trainings in `benchmarks/data/results.json.gz`, draws the
figures into `docs/pictures` and prints the tables of `docs/results.md`. What the kept file has is
not trained again; a run that was ended goes on with the same command. ``--quick`` trains few steps
on few clips with two seeds, into its own folder: it shows that all works, and no more.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from automtl.data.load import load_data
from automtl.results import TrialRecord
from automtl.space.recipe import find_recipe, load_recipe
from benchmarks.results import front_answer, schedule_answer
from benchmarks.results.front_arms import SEEDS, front_trainings
from benchmarks.results.keeping import KEPT, keep, kept, unpack
from benchmarks.results.schedule_arms import schedule_trainings
from benchmarks.results.study import searched, shortened
from benchmarks.results.trainings import Outcome, Training, read_outcomes, run_missing
from benchmarks.screenshots import open_page, small

PICTURES = Path("docs/pictures")
RECIPE = Path(__file__).with_name("clips.yaml")
SECONDS_A_STEP = 0.11
"""Of joint training on one core without other work; an alternating step takes about half."""

QUICK_SEEDS = (0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something that trainings answer.

    Attributes:
        trainings: All of them.
        tables: Renders the answer.
        page: Renders its figure as HTML, where it has one.
        studies: The searches that it asks about.
    """

    trainings: Sequence[Training]
    tables: Callable[[Sequence[Outcome]], str]
    page: Callable[[Sequence[Outcome]], str] | None = None
    studies: dict[str, tuple[TrialRecord, ...]] = field(default_factory=dict)


def main(words: Sequence[str] | None = None) -> None:
    """Train, keep, draw and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="minutes; no result")
    parser.add_argument("--only", nargs="+", choices=QUESTIONS, default=tuple(QUESTIONS))
    parser.add_argument("--share", default="1/1", help="which part of the trainings: 1/2 and 2/2")
    parser.add_argument("--draw", action="store_true", help="train nothing")
    parser.add_argument("--work", type=Path, help="folder of trainings; studies/results")
    asked = parser.parse_args(words)
    torch.set_num_threads(1)
    work = asked.work or Path("studies/results-quick" if asked.quick else "studies/results")
    file = work / KEPT.name if asked.quick else KEPT
    unpack(work, file)
    for name in asked.only:
        question = QUESTIONS[name](work, file, quick=asked.quick)
        if not asked.draw:
            part, n_parts = map(int, asked.share.split("/"))
            print(f"{name}: {announced(question.trainings, work)}", flush=True)
            missing = run_missing(question.trainings, work, part=part - 1, n_parts=n_parts)
            if missing:
                print(f"{missing} trainings of another process are missing: nothing is drawn yet")
                continue
        outcomes = read_outcomes(question.trainings, work)
        print(f"{file}: {keep(outcomes, file, studies=question.studies)} trainings")
        if question.page is not None:
            place = work if asked.quick else PICTURES
            _draw(place / f"results-{name}.png", question.page(outcomes))
        print(question.tables(outcomes))


def announced(trainings: Sequence[Training], work: Path) -> str:
    """Say how many of them lack, and about how long these take."""
    missing = [t for t in trainings if not (work / f"{t.key}.json").exists()]
    seconds = sum(
        t.config.optimizer.epochs * t.config.optimizer.steps_per_epoch * SECONDS_A_STEP
        for t in missing
    )
    hours = f"about {seconds / 3600:.1f} hours of one core"
    return f"{len(missing)} of {len(trainings)} to train, {hours}"


def schedule_question(work: Path, file: Path, *, quick: bool) -> Question:
    """Return question 3: joint against alternating."""
    del work, file
    space = load_recipe(find_recipe("quickstart")).space
    default = space.config_of(space.default_point())
    trainings = schedule_trainings(default)
    if quick:
        optimizer = default.optimizer.model_copy(update={"epochs": 1, "steps_per_epoch": 3})
        short = default.model_copy(update={"optimizer": optimizer})
        trainings = schedule_trainings(short, n_clips=10, n_judging=(1, 1), seeds=QUICK_SEEDS)
    return Question(
        trainings=list(trainings),
        tables=schedule_answer.table,
        page=lambda outcomes: str(schedule_answer.figure(outcomes).to_html()),
    )


def front_question(work: Path, file: Path, *, quick: bool) -> Question:
    """Return questions 1, 2 and 5: the searched front against single tasks and defaults."""
    path = shortened(RECIPE, work) if quick else RECIPE
    recipe = load_recipe(path)
    history = kept(file).studies.get(recipe.name) or searched(
        path, work / recipe.name, dispatcher="local" if quick else "ray"
    )
    size = recipe.space.config_of(recipe.space.default_point()).backbone.image_size
    info = load_data(recipe.data, image_size=size, root=None).splits.info
    seeds = QUICK_SEEDS if quick else SEEDS
    return Question(
        trainings=list(front_trainings(recipe, history, info, seeds=seeds)),
        tables=lambda outcomes: front_answer.tables(history, recipe.objectives, outcomes),
        studies={recipe.name: history},
    )


QUESTIONS = {"schedule": schedule_question, "front": front_question}


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
