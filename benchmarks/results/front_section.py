"""What is said of questions 1, 2 and 5 on the page."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from automtl.space.recipe import load_recipe
from benchmarks.results.datasets import DATA_SETS
from benchmarks.results.front_answer import (
    Answered,
    answer,
    answered,
    by_arm,
    over_all,
    summary,
    tables,
)
from benchmarks.results.front_arms import QUESTION, front_trainings
from benchmarks.results.front_figure import figure
from benchmarks.results.front_members import chosen
from benchmarks.results.keeping import Kept
from benchmarks.results.overview import TITLE, overview, overview_table
from benchmarks.results.running import whole
from benchmarks.results.schedule_arms import Size, ways
from benchmarks.results.schedule_section import rates_of
from benchmarks.results.section import Section, waiting

ASKS = (
    "Does the searched front beat tuned single-task models, at equal parameters and at "
    "equal passes? Does it beat equal weights with everything shared, and stages set by hand? "
    "How many of its members stay on the front with new seeds?"
)
PROTOCOL = (
    "A search of sharing, weights, schedule and learning rate with the budget of 20 full "
    "trainings (`benchmarks/results/*.yaml`), beside which the same sampler tunes a network for "
    "each task alone. Then, with new seeds: the members of the front; the best single-task "
    "networks at their own width and length, with a third of the steps each (as many passes as a "
    "network takes that shares all), and so narrow that together they have as many parameters as "
    "the knee of the searched values, where the backbone has a width; equal weights, all shared, "
    "joint; and YOLOP-like stages set by hand. The first "
    "table says what each costs: the pick pays for each stage that it does not share, so that it "
    "is to be compared with networks of as much computation; equal in passes are the rows whose "
    "forward FLOPs in training are those of the pick, not a third of the steps each where it "
    "shares less than all; a step of the stages set by hand "
    "trains fewer tasks than its row says. The pick is the knee of the means over new seeds on "
    "the validation split; the test split is scored once for each arm and seed. Δm is the mean "
    "change against single tasks in percent, positive for better, in the three published "
    "conventions. Differences are paired by seed, with 95 % intervals (Student's t), in bold "
    "where 0 lies outside. A member is on the front with the probability that its means over new "
    "seeds are on the front of all members' means. What new seeds are worth to a pick is scored "
    "on seeds that took no part in it: for each one the pick is made from the others."
)


LIMITS = (
    "Small networks and a small search, which had no price on size. The pick was "
    "chosen by the validation values of the trainings that the test split then scores, single "
    "tasks by one training of each of six rates, and by no new seeds: the searched knee is "
    "chosen like them. Batches of a single task hold only frames with its labels. Δm is a "
    "mean of ratios by seed, which is too large where one that it divides by is near 0: there "
    "the metrics themselves tell. "
    "Latencies are the median of five, of a machine that did other work. "
)

JOINT = ways()[0].name
"""The way of equal weights for which question 3 tried learning rates."""


def section(
    kept: Kept, recipes: Mapping[str, Path], seeds: Sequence[int], schedule: Size
) -> Section:
    """Return the section from what is kept.

    Args:
        kept: Trainings and searches.
        recipes: The searches by data set.
        seeds: The new ones.
        schedule: Of question 3, which tried learning rates of joint training.
    """
    found, figures, details = {}, {}, []
    all_answered: dict[str, Answered] = {}
    for name, path in recipes.items():
        title, recipe = DATA_SETS[name].title, load_recipe(path)
        searched = kept.studies.get(recipe.name)
        if searched is None:
            details.append(f"{title}: not answered yet (its search was not run)")
            continue
        trainings = list(front_trainings(name, searched, None, recipe=recipe, seeds=seeds))
        outcomes = whole(trainings, kept.trainings)
        n_done = len({one.seed for one in outcomes})
        if n_done < len(seeds):
            details.append(f"{title}: {waiting(n_done, len(seeds))}")
        else:
            details.append(f"{title}: {answer(searched.history, recipe.objectives, outcomes)}")
            all_answered[title] = answered(searched.history, recipe.objectives, outcomes)
        if outcomes:
            arms, steps = by_arm(outcomes), {one.arm: one.n_steps for one in trainings}
            found[title] = tables(searched.history, recipe.objectives, outcomes, len(seeds), steps)
            figures[title] = figure(chosen(searched.history, recipe.objectives, arms), arms)
    if len(all_answered) > 1:
        pair = over_all(all_answered)
        found, figures[TITLE] = {TITLE: overview_table(pair), **found}, overview(pair)
    return Section(
        name=QUESTION,
        title="1, 2 and 5. The searched front against single tasks and defaults",
        asks=ASKS,
        protocol=PROTOCOL,
        answer=summary(list(all_answered.values())) if all_answered else "not answered yet",
        details=tuple(details),
        tables=found,
        figures=figures,
        limits=LIMITS
        + " ".join(_limits(name, rates_of(name, kept, schedule)) for name in recipes),
    )


def _limits(dataset: str, rates: Mapping[str, float] | None) -> str:
    """Return those of a data set, with the rate that joint training would rather have had."""
    one = DATA_SETS[dataset]
    said = f"{one.title}: {one.limits}"
    if rates is None:
        return said
    return (
        f"{said} Equal weights and stages have the recipe's learning rate; question 3 found "
        f"{rates[JOINT]:g} times it best for equal weights, out of those that it tried."
    )
