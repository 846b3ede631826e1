"""What is said of question 6 on the page."""

from collections.abc import Sequence

from benchmarks.results.comparing import (
    MEAN,
    Compared,
    Interval,
    compare,
    difference,
    tally,
    text,
    verdict,
    with_mean,
)
from benchmarks.results.datasets import DATA_SETS
from benchmarks.results.further_arms import (
    ADDED,
    ANEW,
    PART,
    QUESTION,
    Cell,
    Size,
    arm_of,
    cells,
    further_trainings,
)
from benchmarks.results.keeping import Kept
from benchmarks.results.running import whole
from benchmarks.results.section import Section, waiting
from benchmarks.results.trainings import Outcome


def section(kept: Kept, size: Size) -> Section:
    """Return the section from what is kept: generated clips, and others where they were asked."""
    tables, details, ended = {}, [], []
    for dataset in DATA_SETS.values():
        outcomes = whole(further_trainings(dataset.name, None, size), kept.trainings)
        if not outcomes:
            details.append(f"{dataset.title}: {waiting(0, len(size.seeds))}")
            continue
        found = [(cell, _compared(cell, outcomes)) for cell in cells(dataset.name, size)]
        tables[dataset.title] = _table(found, len(size.seeds))
        ended += [(cell, ways) for cell, ways in found if _n_seeds(ways) == len(size.seeds)]
        said = "; ".join(_answer(cell, ways, len(size.seeds)) for cell, ways in found)
        details.append(f"{dataset.title}: {said}")
    n_steps = size.epochs * size.steps
    return Section(
        name=QUESTION,
        title="6. A further task, and more data, against training anew",
        asks="What is gained by extending a bundle with a new task on its frozen trunk, and by "
        "training a bundle on with more data, against training anew?",
        protocol=f"*A new task*: a bundle of boxes and masks, trained for {n_steps} steps on all "
        f"clips, gets {ADDED} on its frozen trunk (`extend`), with the ids of all clips or of 10 "
        f"% of them; beside it a network for {ADDED} alone. *More data*: a bundle of all tasks "
        f"that was trained for {n_steps} steps on 10 % of the clips is trained on with all of "
        f"them, nothing frozen (`finetune`), at the same peak rate. All steps are {n_steps}, a "
        f"quarter is 1/{PART} of that. Everything shared, equal weights, the recipe's learning "
        "rate. Scored on the test split at the best epoch of the validation split; differences to "
        "training anew are paired by seed, with 95 % intervals (Student's t), in bold where 0 "
        "lies outside.",
        answer=_summary(ended),
        details=tuple(details),
        tables=tables,
        limits="Short trainings of a small network; the learning rate was chosen for none of the "
        "arms. The steps of the bundle are not counted: it is taken to be there already.",
    )


def _compared(cell: Cell, outcomes: Sequence[Outcome]) -> tuple[Compared, ...]:
    names = [arm_of(cell, arm) for arm in cell.arms]
    some = with_mean((one for one in outcomes if one.arm in names), cell.metrics)
    if not some:
        return ()
    return compare(some, reference=arm_of(cell, ANEW), metrics=(*cell.metrics, MEAN))


def _table(found: Sequence[tuple[Cell, Sequence[Compared]]], n_seeds: int) -> str:
    lines = [
        "| | seeds | way | metric | reaches | beyond training anew |",
        "|---|---|---|---|---|---|",
    ]
    for cell, ways in found:
        if not ways:
            lines.append(f"| {cell.name} | 0 of {n_seeds} | {waiting(0, n_seeds)} | | | |")
        shown = cell.metrics if len(cell.metrics) == 1 else (*cell.metrics, MEAN)
        for place, one in enumerate(ways):
            for metric in shown:
                is_first = place == 0 and metric == shown[0]
                first = f"{cell.name} | {one.n_seeds} of {n_seeds}" if is_first else " | "
                way = one.arm.partition(": ")[2] if metric == shown[0] else ""
                more = difference(one.differences[metric]) if one.differences else ""
                lines.append(
                    f"| {first} | {way} | {metric} | {text(one.means[metric])} | {more} |"
                )
    return "\n".join(lines) + "\n"


def _summary(found: Sequence[tuple[Cell, Sequence[Compared]]]) -> str:
    """Return the answer in one sentence: how often over all kinds of data."""
    if not found:
        return "not answered yet"
    by_name: dict[str, list[Interval]] = {}
    for cell, ways in found:
        way = f"{cell.name.partition(',')[0]}, {ways[-1].arm.partition(': ')[2]}"
        by_name.setdefault(way, []).append(ways[-1].differences[MEAN])
    counts = {way: tally(some) for way, some in by_name.items()}
    return "; ".join(
        f"{way} beats training anew with all steps in {one.better} of {one.n} cells and is beaten "
        f"by it in {one.worse}"
        for way, one in counts.items()
    )


def _n_seeds(ways: Sequence[Compared]) -> int:
    return ways[0].n_seeds if ways else 0


def _answer(cell: Cell, ways: Sequence[Compared], n_seeds: int) -> str:
    n_done = _n_seeds(ways)
    if n_done < n_seeds:
        return f"{cell.name}, {waiting(n_done, n_seeds)}"
    last = ways[-1]
    said = verdict(last.differences[MEAN], "training anew with all steps")
    return f"{cell.name}, {last.arm.partition(': ')[2]} is {said}"
