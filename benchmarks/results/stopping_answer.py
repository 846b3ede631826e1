"""What question 4 found: two tables, a figure, and a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.results.comparing import Interval
from benchmarks.results.section import Section
from benchmarks.results.stopping_figure import figure
from benchmarks.results.stopping_runs import (
    PROPOSALS,
    QUESTION,
    Proposals,
    Stopping,
    runs_of,
)

TITLE = "Recorded trainings"
N_DRAWS = 10_000
"""Bootstrap draws of seeds."""

SAMPLERS = {"random": "random", "automtl": "automtl's sampler"}


def section(found: Stopping | None) -> Section:
    """Return what is said of early stopping.

    Args:
        found: What was measured; None where nothing was.
    """
    return Section(
        name=QUESTION,
        title="4. What early stopping keeps, and what it costs",
        asks="How much of full search quality does early stopping keep, at which share of the "
        "cost? How well do rungs rank trainings as their ends do?",
        protocol="" if found is None else protocol(found),
        answer="not answered yet (no search was run)" if found is None else answer(found),
        tables={} if found is None else {TITLE: f"{costs_table(found)}\n{taus_table(found)}"},
        figures={} if found is None else {TITLE: figure(found)},
        limits="One table of small networks on small generated clips, one training of each "
        "configuration: the noise of seeds is in the curves, and intervals are over searches and "
        "configurations, not over tables. Cost is counted in epochs; epochs of alternating "
        "trainings are cheaper than those of joint ones, and starting a trial costs nothing here. "
        "A search reads the nearest recorded configuration, so that it can find nothing outside "
        "the table.",
        alone=True,
    )


def protocol(found: Stopping) -> str:
    """Say what was done."""
    n_seeds = len(runs_of(found, "random", stops=True, limit="trials"))
    rungs = " and ".join(map(str, found.rungs))
    return (
        f"{found.n_configurations} configurations of sharing, weights, schedule and learning rate "
        f"were trained to their end, {found.epochs} epochs each, and every epoch is on record "
        "(`python -m benchmarks.own_table`). Searches run over this table in virtual time: one "
        f"worker, {n_seeds} seeds. A *full* search trains {found.n_trials} trials to their end "
        f"({found.n_trials * found.epochs} epochs). *Promotion* pauses each trial after {rungs} "
        "epochs and trains the best third of a rung on. It is run twice: with as many trials, and "
        "on until as many epochs are spent. Random proposals are the same points in both "
        "searches; automtl's sampler is a TPE whose proposals depend on what it saw. Quality is "
        "the hypervolume of what was trained to its end, the three objectives (mAP at 0.5, mIoU, "
        "IDF1) between the best and the 90 % worst of the table. Ratios are of means over seeds, "
        "with 95 % bootstrap intervals over seeds (drawn in pairs). "
        "Kendall's tau-b compares each epoch's values with those of the last, over all "
        "configurations, with 95 % bootstrap intervals over these."
    )


def answer(found: Stopping) -> str:
    """Return the answer in one sentence."""
    own, chance = ratios(found, "automtl"), ratios(found, "random")
    spans = [_tau_span(found, rung) for rung in found.rungs]
    return (
        f"on this table, with {found.n_trials} trials each, promotion takes {percent(own.share)} "
        f"of a full search's epochs and has {percent(own.same_trials)} of its hypervolume "
        f"(automtl's sampler; with random proposals {percent(chance.share)} and "
        f"{percent(chance.same_trials)}); once both have spent all epochs it is "
        f"{beside(own.all_epochs, 'the full search')} with automtl's sampler and "
        f"{beside(chance.all_epochs, 'it')} with random proposals; Kendall's tau with the end, by "
        f"objective, is {' and '.join(spans)} at the rungs"
    )


def beside(found: Interval, rival: str) -> str:
    """Say in words how a ratio came out.

    >>> beside(Interval(mean=1.1, low=0.9, high=1.3), "it")
    'not told apart from it (1.10 times [0.90, 1.30])'
    """
    if found.low <= 1 <= found.high:
        return f"not told apart from {rival} ({times(found)})"
    return f"{'better' if found.low > 1 else 'worse'} than {rival} ({times(found)})"


def costs_table(found: Stopping) -> str:
    """Return, in Markdown, what promotion costs and reaches beside a full search."""
    heads = (
        "promotion over full search",
        f"{found.n_trials} trials each: epochs",
        "hypervolume",
        "full search stopped at as many epochs",
        f"both after {found.n_early} epochs",
        f"both after {found.n_trials * found.epochs} epochs",
    )
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for proposes in PROPOSALS:
        one = ratios(found, proposes)
        cells = [
            percent(one.share),
            percent(one.same_trials),
            *map(times, (one.until, one.early, one.all_epochs)),
        ]
        lines.append(f"| {SAMPLERS[proposes]} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _tau_span(found: Stopping, rung: int) -> str:
    some = [one.kendall for one in found.taus if one.epoch == rung]
    return f"{min(some):.2f} to {max(some):.2f} after {rung} of {found.epochs} epochs"


def taus_table(found: Stopping) -> str:
    """Return, in Markdown, Kendall's tau of each rung with the end."""
    metrics = list(dict.fromkeys(one.metric for one in found.taus))
    by_place = {(one.metric, one.epoch): one for one in found.taus}
    heads = [f"tau after {rung} of {found.epochs} epochs (rung)" for rung in found.rungs]
    last = found.epochs - 1
    lines = [
        "| objective | " + " | ".join(heads) + f" | after {last} |",
        "|---|" + "---|" * (len(heads) + 1),
    ]
    for metric in metrics:
        some = [by_place[metric, epoch] for epoch in (*found.rungs, last)]
        cells = [f"{one.kendall:.2f} [{one.low:.2f}, {one.high:.2f}]" for one in some]
        lines.append(f"| {metric} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratios:
    """Promotion over a full search, each with its interval.

    Attributes:
        share: Its epochs, with as many trials.
        same_trials: Its hypervolume, with as many trials.
        until: Its hypervolume, over that of the full search after as many epochs.
        early: Hypervolume of both after a third of the epochs.
        all_epochs: Hypervolume of both when all epochs are spent.
    """

    share: Interval
    same_trials: Interval
    until: Interval
    early: Interval
    all_epochs: Interval


def ratios(found: Stopping, proposes: Proposals) -> Ratios:
    """Compare promotion with full searches."""
    full = runs_of(found, proposes, stops=False, limit="trials")
    as_many = runs_of(found, proposes, stops=True, limit="trials")
    longer = runs_of(found, proposes, stops=True, limit="epochs")
    until = [b.reached(a.spent) for a, b in zip(as_many, full, strict=True)]
    ends = [one.end for one in full]
    early = found.n_early
    return Ratios(
        share=ratio([one.spent for one in as_many], [one.spent for one in full]),
        same_trials=ratio([one.end for one in as_many], ends),
        until=ratio([one.end for one in as_many], until),
        early=ratio([a.reached(early) for a in longer], [b.reached(early) for b in full]),
        all_epochs=ratio([one.end for one in longer], ends),
    )


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """Return the ratio of two means over seeds, with a 95 % bootstrap interval over the seeds."""
    a, b = np.array(ours, dtype=float), np.array(theirs, dtype=float)
    draws = np.random.default_rng(0).integers(len(a), size=(N_DRAWS, len(a)))
    low, high = np.quantile(a[draws].mean(axis=1) / b[draws].mean(axis=1), [0.025, 0.975])
    return Interval(mean=float(a.mean() / b.mean()), low=float(low), high=float(high))


def percent(found: Interval) -> str:
    """Render a share.

    >>> percent(Interval(mean=0.5, low=0.4, high=0.6))
    '50 % [40, 60]'
    """
    return f"{found.mean * 100:.0f} % [{found.low * 100:.0f}, {found.high * 100:.0f}]"


def times(found: Interval) -> str:
    """Render a ratio.

    >>> times(Interval(mean=1.1, low=1.0, high=1.2))
    '1.10 times [1.00, 1.20]'
    """
    return f"{found.mean:.2f} times [{found.low:.2f}, {found.high:.2f}]"
