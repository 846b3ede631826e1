"""What all the work takes, said before any of it is done."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from automtl.space.recipe import Recipe, load_recipe
from benchmarks.results import front_arms, schedule_arms
from benchmarks.results.asking import Plan, Work
from benchmarks.results.datasets import DATA_SETS
from benchmarks.results.front_arms import front_trainings
from benchmarks.results.further_arms import further_trainings
from benchmarks.results.keeping import Kept, kept
from benchmarks.results.running import expected, hours
from benchmarks.results.schedule_arms import rate_trainings, schedule_trainings
from benchmarks.results.schedule_section import rates_of
from benchmarks.results.trainings import Training

GUESSED_ARMS = 16
"""Networks that are trained with new seeds after a search whose front is not known yet."""

Wanted = Callable[[Plan, str, Kept], list[Training]]


def forecast(work: Work, questions: Iterable[str]) -> Iterator[str]:
    """Say what all the work takes, before any of it is done.

    Yields:
        A line for each question and kind of data, then the sum.
    """
    known, in_all = kept(work.file), 0.0
    for question in questions:
        if question not in WANTED:
            yield f"{question}: searches in virtual time, some minutes"
        for name in work.datasets if question in WANTED else ():
            wanted = WANTED[question](work.plan, name, known)
            step_s = DATA_SETS[name].step_s
            n_missing, seconds = expected(wanted, known.trainings, step_s)
            said = f"{n_missing} of {len(wanted)} to train"
            recipe = load_recipe(work.plan.front_recipes.get(name, DATA_SETS[name].recipe))
            if question == front_arms.QUESTION and recipe.name not in known.studies:
                said, seconds = "a search, then its front", _search_s(recipe, step_s, work.plan)
            in_all += seconds
            yield f"{question}, {name}: {said}, about {hours(seconds)}"
    yield f"in all about {hours(in_all)} of one core; end it when you like, it goes on"


def _search_s(recipe: Recipe, step_s: float, plan: Plan) -> float:
    """Return about how long a search takes, with its front over new seeds."""
    optimizer = recipe.space.config_of(recipe.space.default_point()).optimizer
    n_steps = optimizer.epochs * optimizer.steps_per_epoch
    n_again = GUESSED_ARMS * len(plan.front_seeds)
    n_searched = (
        recipe.budget.trainings or recipe.budget.trials or 0
    ) + recipe.baselines.n_trainings
    return (n_searched + n_again) * n_steps * step_s


def _wanted_schedule(plan: Plan, name: str, known: Kept) -> list[Training]:
    rates = rates_of(name, known, plan.schedule)
    # Which rates are chosen changes no length.
    each = rates or {way.name: 1.0 for way in schedule_arms.ways()}
    tried = rate_trainings(name, None, plan.schedule)
    return [*tried, *schedule_trainings(name, None, each, plan.schedule)]


def _wanted_front(plan: Plan, name: str, known: Kept) -> list[Training]:
    if name not in plan.front_recipes:
        return []
    recipe = load_recipe(plan.front_recipes[name])
    found = known.studies.get(recipe.name)
    if found is None:
        return []
    return list(front_trainings(name, found, None, recipe=recipe, seeds=plan.front_seeds))


def _wanted_further(plan: Plan, name: str, known: Kept) -> list[Training]:
    del known
    return list(further_trainings(name, None, plan.further))


WANTED: Mapping[str, Wanted] = {
    "schedule": _wanted_schedule,
    "further": _wanted_further,
    "front": _wanted_front,
}
"""What each question has trained, from what is kept; the one in virtual time trains nothing."""
