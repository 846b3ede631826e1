"""What is said of question 6 on the page."""

import plotly.graph_objects as go

from benchmarks.results.datasets import DATA_SETS
from benchmarks.results.further_answer import answer, answered, over_all, summary, table
from benchmarks.results.further_arms import (
    ADDED,
    PART,
    QUESTION,
    Size,
    cells,
    further_trainings,
)
from benchmarks.results.keeping import Kept
from benchmarks.results.overview import TITLE, overview, overview_table
from benchmarks.results.running import whole
from benchmarks.results.section import Section, waiting

LIMITS = (
    "Short trainings of a small network; the learning rate was chosen for none of the "
    "arms. The steps of the bundle are not counted: it is taken to be there already. The "
    "bundle is not scored before it is trained on: what question 3 reaches with 10 % of the "
    "labels is close to it, and where that is as much as with all, more data had little to "
    "give. "
)


def section(kept: Kept, size: Size) -> Section:
    """Return the section from what is kept: generated clips, and others where they were asked."""
    tables: dict[str, str] = {}
    figures: dict[str, go.Figure] = {}
    details, ended = [], {}
    for dataset in DATA_SETS.values():
        outcomes = whole(further_trainings(dataset.name, None, size), kept.trainings)
        if not outcomes:
            details.append(f"{dataset.title}: {waiting(0, len(size.seeds))}")
            continue
        found = [answered(cell, outcomes) for cell in cells(dataset.name, size)]
        tables[dataset.title] = table(found, len(size.seeds))
        details.append(f"{dataset.title}: {answer(found, len(size.seeds))}")
        if all(one.n_seeds == len(size.seeds) for one in found):
            ended[dataset.title] = found
    if len(ended) > 1:
        pair = over_all(ended)
        tables, figures = {TITLE: overview_table(pair), **tables}, {TITLE: overview(pair)}
    return Section(
        name=QUESTION,
        title="6. A further task, and more data, against training anew",
        asks="What is gained by extending a bundle with a new task on its frozen trunk, and by "
        "training a bundle on with more data, against training anew?",
        protocol=_protocol(size.epochs * size.steps),
        answer=summary(ended),
        details=tuple(details),
        tables=tables,
        figures=figures,
        limits=LIMITS + " ".join(f"{one.title}: {one.limits}" for one in DATA_SETS.values()),
    )


def _protocol(n_steps: int) -> str:
    return (
        f"*A new task*: a bundle of boxes and masks, trained for {n_steps} steps on all "
        f"clips, gets {ADDED} on its frozen trunk (`extend`), with the ids of all clips or of 10 "
        f"% of them; beside it a network for {ADDED} alone. *More data*: a bundle of all tasks "
        f"that was trained for {n_steps} steps on 10 % of the clips is trained on with all of "
        f"them, nothing frozen (`finetune`), at the same peak rate. All steps are {n_steps}, a "
        f"quarter is 1/{PART} of that. Everything shared, equal weights, the recipe's learning "
        "rate. Scored on the test split at the best epoch of the validation split; differences to "
        "training anew are paired by seed, with 95 % intervals (Student's t), in bold where 0 "
        "lies outside. Beyond training anew in as many steps is what the bundle is worth; beyond "
        "all steps, whether it makes up for the steps that are saved."
    )
