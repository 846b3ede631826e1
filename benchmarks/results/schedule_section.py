"""What is said of question 3 on the page."""

from collections.abc import Mapping

from benchmarks.results.datasets import DATA_SETS, DataSet, default_of
from benchmarks.results.keeping import Kept
from benchmarks.results.running import whole
from benchmarks.results.schedule_answer import (
    answer,
    cells_of,
    figure,
    labels_words,
    seconds_words,
    summary,
    table,
)
from benchmarks.results.schedule_arms import (
    QUESTION,
    Size,
    chosen_rates,
    rate_trainings,
    schedule_trainings,
)
from benchmarks.results.section import Section, waiting
from benchmarks.results.trainings import Outcome

MANY = 24
"""Intervals read together in a table: three shares, two ways, three metrics and their mean."""


def section(kept: Kept, size: Size) -> Section:
    """Return the section from what is kept."""
    tables, figures, details, said, scarce, found = {}, {}, [], [], "", []
    for dataset in DATA_SETS.values():
        rates = rates_of(dataset.name, kept, size)
        if rates is None:
            details.append(f"{dataset.title}: {waiting(0, len(size.seeds))}")
            continue
        outcomes = outcomes_of(dataset.name, kept, size)
        cells, took = cells_of(dataset.name, outcomes), seconds_words(dataset.name, outcomes)
        words = [answer(cells, len(size.seeds)), *([took] if took else [])]
        details.append(f"{dataset.title}: {'; '.join(words)}")
        said.append(_data_words(dataset, rates, size))
        tables[dataset.title] = table(cells, size)
        found.append(cells)
        scarce += labels_words(cells, dataset.title)
        if any(cells.values()):
            figures[dataset.title] = figure(cells)
    return Section(
        name=QUESTION,
        title="3. Joint against alternating training",
        asks="Joint or alternating, at equal forward passes and at equal optimizer steps of each "
        "task, where labels are many and few, and where the tasks' labels lie on other frames?",
        protocol=" ".join((_protocol(size), *said)),
        answer=summary(found, len(size.seeds)),
        details=tuple(details),
        tables=tables,
        figures=figures,
        limits=f"Short trainings of a small network. {scarce}Rates were chosen with all "
        f"labels, one seed and {len(size.rates)} values. Alternating blocks are one step long, "
        "with one set of moments for all tasks. Where labels lie apart, about a third of the "
        "frames of a joint batch carry a task's labels, and all of an alternating one: with as "
        "many updates a task then sees three times as many labelled frames as in joint training, "
        "with as many steps as many; joint training on as many labelled frames was not tried. "
        "Each interval is a 95 % one by itself: of the "
        f"{MANY} in a table of three shares about one is expected to leave 0 out by chance. "
        + " ".join(
            f"{one.title}: {one.limits}" for one in DATA_SETS.values() if one.title in tables
        ),
    )


def rates_of(dataset: str, kept: Kept, size: Size) -> dict[str, float] | None:
    """Return the chosen factor on the learning rate by way; None where that is not known yet."""
    tried = whole(rate_trainings(dataset, None, size), kept.trainings)
    return chosen_rates(dataset, tried, size)


def outcomes_of(dataset: str, kept: Kept, size: Size) -> tuple[Outcome, ...]:
    """Return the whole seeds of a data set."""
    rates = rates_of(dataset, kept, size)
    if rates is None:
        return ()
    return whole(schedule_trainings(dataset, None, rates, size), kept.trainings)


def _protocol(size: Size) -> str:
    n_steps = size.epochs * size.steps
    return (
        "Everything shared, equal fixed weights. A joint step trains all three tasks, an "
        f"alternating one a single task. Joint training takes {n_steps} steps. *As many steps* is "
        "the same number of optimizer steps and of passes through the shared network; *as many "
        "updates* is three times as many, so that each task is trained as often as jointly. For "
        "each way the learning rate was chosen on the validation split, with a seed that is not "
        f"used afterwards, out of {', '.join(f'{rate:g}' for rate in size.rates)} times the "
        "recipe's. The weights of the epoch that is best on the validation split are scored once "
        "on the test split. The first row of a cell is what joint training reaches, with half its "
        "interval; the others are differences to it, paired by seed, with 95 % intervals "
        "(Student's t), in bold where 0 lies outside. What decides is the mean of the three "
        "metrics."
    )


def _data_words(dataset: DataSet, rates: Mapping[str, float], size: Size) -> str:
    """Name the chosen rates; one at an end of those tried may not be the best there is."""
    base = default_of(dataset.name).optimizer.lr
    ends = {min(size.rates), max(size.rates)}
    chosen = [
        f"{factor * base:g} for {way}{' (at the end of those tried)' if factor in ends else ''}"
        for way, factor in rates.items()
    ]
    return f"{dataset.title}: learning rates {'; '.join(chosen)}."
