"""Progress on a terminal: a line for each running trial, a bar for the budget.

Quiet when standard output is not a terminal.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from automtl.controller.budget import share_spent
from automtl.results import EpochReport, Objective, TrialRecord, TrialStatus
from automtl.space.recipe import Recipe

STYLES = {
    TrialStatus.COMPLETED: "green",
    TrialStatus.STOPPED: "yellow",
    TrialStatus.PAUSED: "yellow",
    TrialStatus.FAILED: "red",
    TrialStatus.INFEASIBLE: "magenta",
}


def short(metric: str) -> str:
    """Return the part of a metric's name that fits a column.

    >>> short("detection/mAP")
    'mAP'
    """
    return metric.rsplit("/", 1)[-1]


def number(value: float | None) -> str:
    """Render a metric for a column."""
    if value is None:
        return "-"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"


@dataclass(slots=True)
class Progress:
    """A live view of a search (``automtl.study.observer.Observer``)."""

    recipe: Recipe
    console: Console
    history: Sequence[TrialRecord] = ()
    _running: dict[int, EpochReport | None] = field(default_factory=dict)
    _total_epochs: dict[int, int] = field(default_factory=dict)
    _began_s: float = field(default_factory=time.time)
    _live: Live | None = None

    def __enter__(self) -> Self:
        """Start to draw, if anybody looks."""
        if self.console.is_terminal:
            self._live = Live(
                get_renderable=self._render, console=self.console, refresh_per_second=4
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the last picture on the screen."""
        if self._live is not None:
            self._live.stop()

    def started(self, trial: TrialRecord) -> None:
        """Add a line."""
        self._running[trial.number] = None
        self._total_epochs[trial.number] = _epochs(trial.config)

    def reported(self, trial: TrialRecord, report: EpochReport) -> None:
        """Move the line on."""
        self._running[trial.number] = report

    def ended(self, trial: TrialRecord, history: Sequence[TrialRecord]) -> None:
        """Replace the live line by a last one."""
        self._running.pop(trial.number, None)
        self.history = history
        if self._live is None or not trial.status.is_final:
            return
        self.console.print(self._last_line(trial))

    def message(self, text: str) -> None:
        """Print one line above the live part; also where nobody looks live."""
        self.console.print(Text(text))

    def _last_line(self, trial: TrialRecord) -> Text:
        style = STYLES.get(trial.status, "")
        text = Text(f"trial {trial.number:3d} ").append(f"{trial.status.value:10s}", style=style)
        if trial.failure is not None:
            return text.append(f" {trial.failure.kind.value}: {trial.failure.message}")
        return text.append("  " + _values(self.recipe.objectives, trial.values))

    def _render(self) -> Group:
        table = Table.grid(padding=(0, 1))
        for trial, report in sorted(self._running.items()):
            total = self._total_epochs.get(trial, 1)
            epoch = report.epoch if report else 0
            values = report.values if report else {}
            table.add_row(
                f"trial {trial:3d}",
                ProgressBar(total=total, completed=epoch, width=16),
                f"epoch {epoch}/{total}",
                _values(self.recipe.objectives, values),
            )
        return Group(table, self._budget_line())

    def _budget_line(self) -> Table:
        elapsed = time.time() - self._began_s
        share = share_spent(self.recipe.budget, self.history, elapsed)
        left = elapsed * (1 - share) / share if share > 0 else None
        ended = sum(r.status.is_final for r in self.history)
        line = Table.grid(padding=(0, 1))
        line.add_row(
            "budget   ",
            ProgressBar(total=1.0, completed=share, width=32),
            f"{share:4.0%}",
            f"{ended} trials ended",
            f"{_clock(elapsed)} gone",
            f"about {_clock(left)} left" if left is not None else "",
        )
        return line


def _values(objectives: Sequence[Objective], values: Mapping[str, float]) -> str:
    return "  ".join(f"{short(o.metric)} {number(values.get(o.metric))}" for o in objectives)


def _epochs(config: Mapping[str, object]) -> int:
    optimizer = config.get("optimizer")
    epochs = optimizer.get("epochs") if isinstance(optimizer, Mapping) else None
    return epochs if isinstance(epochs, int) else 1


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
