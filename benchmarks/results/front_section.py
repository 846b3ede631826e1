"""What is said of questions 1, 2 and 5 on the page."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from automtl.space.recipe import load_recipe
from benchmarks.results.datasets import DATA_SETS
from benchmarks.results.front_answer import answer, by_arm, chosen, tables
from benchmarks.results.front_arms import QUESTION, front_trainings
from benchmarks.results.front_figure import figure
from benchmarks.results.keeping import Kept
from benchmarks.results.running import whole
from benchmarks.results.section import Section, waiting

PROTOCOL = (
    "A search of sharing, weights, schedule and learning rate with the budget of 20 full "
    "trainings (`benchmarks/results/*.yaml`), beside which the same sampler tunes a network for "
    "each task alone. Then, with new seeds: the members of the front; the best single-task "
    "networks at their own width and length, with a third of the steps each (as many passes as a "
    "network takes that shares all), and so narrow that together they have as many parameters as "
    "the pick; equal weights, all shared, joint; and YOLOP-like stages set by hand. The first "
    "table says what each costs: the pick pays for each stage that it does not share, so that it "
    "is to be compared with networks of as much computation; a step of the stages set by hand "
    "trains fewer tasks than its row says. The pick is the knee of the means over new seeds on "
    "the validation split; the test split is scored once for each arm and seed. Δm is the mean "
    "change against single tasks in percent, positive for better, in the three published "
    "conventions."
)


def section(kept: Kept, recipes: Mapping[str, Path], seeds: Sequence[int]) -> Section:
    """Return the section from what is kept.

    Args:
        kept: Trainings and searches.
        recipes: The searches by data set.
        seeds: The new ones.
    """
    found, figures, answers = {}, {}, []
    for name, path in recipes.items():
        title, recipe = DATA_SETS[name].title, load_recipe(path)
        searched = kept.studies.get(recipe.name)
        if searched is None:
            answers.append(f"{title}: not answered yet (its search was not run)")
            continue
        trainings = list(front_trainings(name, searched, None, recipe=recipe, seeds=seeds))
        outcomes = whole(trainings, kept.trainings)
        if not outcomes:
            answers.append(f"{title}: {waiting(0, len(seeds))}")
            continue
        given = (searched.history, recipe.objectives, outcomes, len(seeds))
        found[title] = tables(*given, {one.arm: one.n_steps for one in trainings})
        arms = by_arm(outcomes)
        figures[title] = figure(chosen(searched.history, recipe.objectives, arms), arms)
        answers.append(f"{title}: {answer(*given)}")
    return Section(
        name=QUESTION,
        title="1, 2 and 5. The searched front against single tasks and defaults",
        asks="Does the searched front beat tuned single-task models, at equal parameters and at "
        "equal passes? Does it beat equal weights with everything shared, and stages set by hand? "
        "How many of its members stay on the front with new seeds?",
        protocol=PROTOCOL,
        answer=". ".join(answers),
        tables=found,
        figures=figures,
        limits="Small networks and a small search, which had no price on size. Latencies are the "
        "median of five, of a machine that did other work. "
        + " ".join(f"{DATA_SETS[name].title}: {DATA_SETS[name].limits}" for name in recipes),
    )
