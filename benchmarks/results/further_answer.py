"""What the trainings of question 6 say, on the test split, paired by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
from benchmarks.results.further_arms import ANEW, ANEW_SHORT, Cell, arm_of
from benchmarks.results.overview import Pair
from benchmarks.results.section import waiting
from benchmarks.results.trainings import Outcome

RIVALS = {ANEW_SHORT: "training anew in as many steps", ANEW: "training anew with all steps"}
"""What an arm that begins with a bundle is compared with, and how that is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A cell with its comparisons.

    Attributes:
        cell: What is compared.
        beyond: By rival, all arms beside it; nothing without a whole seed. The last arm is the
            one that begins with a bundle.
    """

    cell: Cell
    beyond: Mapping[str, Sequence[Compared]]

    @property
    def n_seeds(self) -> int:
        """How many seeds are whole."""
        return self.beyond[ANEW][0].n_seeds if self.beyond[ANEW] else 0

    @property
    def way(self) -> str:
        """The arm that begins with a bundle, with what it is for."""
        what = self.cell.name.partition(",")[0]
        return f"{what}, {self.beyond[ANEW][-1].arm.partition(': ')[2]}"

    def gain(self, rival: str) -> Interval:
        """Return what that arm reaches beyond a rival, in the mean of the cell's metrics."""
        return self.beyond[rival][-1].differences[MEAN]


def answered(cell: Cell, outcomes: Sequence[Outcome]) -> Answered:
    """Compare the arms of a cell with training anew, in as many steps and in all of them."""
    names = [arm_of(cell, arm) for arm in cell.arms]
    some = with_mean((one for one in outcomes if one.arm in names), cell.metrics)
    metrics = (*cell.metrics, MEAN)
    return Answered(
        cell=cell,
        beyond={
            rival: compare(some, reference=arm_of(cell, rival), metrics=metrics) if some else ()
            for rival in RIVALS
        },
    )


def table(found: Sequence[Answered], n_seeds: int) -> str:
    """Return, in Markdown, what each arm reaches, and how far that is from training anew."""
    heads = ("", "seeds", "way", "metric", "reaches", f"beyond {ANEW}", f"beyond {ANEW_SHORT}")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for one in found:
        if not one.n_seeds:
            lines.append(f"| {one.cell.name} | 0 of {n_seeds} | {waiting(0, n_seeds)} | | | | |")
        shown = one.cell.metrics if len(one.cell.metrics) == 1 else (*one.cell.metrics, MEAN)
        pairs = zip(one.beyond[ANEW], one.beyond[ANEW_SHORT], strict=True)
        for place, (long, short) in enumerate(pairs):
            for metric in shown:
                is_first = place == 0 and metric == shown[0]
                cells = (
                    one.cell.name if is_first else "",
                    f"{one.n_seeds} of {n_seeds}" if is_first else "",
                    long.arm.partition(": ")[2] if metric == shown[0] else "",
                    metric,
                    text(long.means[metric]),
                    *(
                        difference(c.differences[metric]) if c.differences else ""
                        for c in (long, short)
                    ),
                )
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def answer(found: Sequence[Answered], n_seeds: int) -> str:
    """Return the answer on one kind of data: cell by cell, by the mean of its metrics."""
    said = []
    for one in found:
        if one.n_seeds < n_seeds:
            said.append(f"{one.cell.name}: {waiting(one.n_seeds, n_seeds)}")
            continue
        verdicts = (verdict(one.gain(rival), name) for rival, name in RIVALS.items())
        way = one.beyond[ANEW][-1].arm.partition(": ")[2]
        said.append(f"{one.cell.name}, {way} is {' and '.join(verdicts)}")
    return "; ".join(said)


def summary(found: Mapping[str, Sequence[Answered]]) -> str:
    """Return the answer in one sentence: how often over all kinds of data."""
    by_way: dict[str, list[Answered]] = {}
    for one in (one for some in found.values() for one in some):
        by_way.setdefault(one.way, []).append(one)
    said = []
    for way, some in by_way.items():
        counts = {name: tally(one.gain(rival) for one in some) for rival, name in RIVALS.items()}
        each = [
            f"beats {name} in {one.better} of {one.n} cells and is beaten by it in {one.worse}"
            for name, one in counts.items()
        ]
        said.append(f"{way} {', '.join(each)}")
    return "; ".join(said) or "not answered yet"


def over_all(found: Mapping[str, Sequence[Answered]]) -> Pair:
    """Return the gains of the arms that begin with a bundle, by kind of data and cell."""
    short, long = (
        (
            f"from the bundle, beyond {name}",
            {
                title: {one.cell.name: one.gain(rival) for one in some}
                for title, some in found.items()
            },
        )
        for rival, name in RIVALS.items()
    )
    return short, long
