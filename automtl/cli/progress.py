"""Progress on a terminal: running trials, the front so far, the budget, on one screen.

Quiet when standard output is not a terminal.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from automtl.cli.standing import ends_line, front_line
from automtl.cli.terminal import say
from automtl.controller.budget import remaining_s, share_spent
from automtl.controller.promotion import standing
from automtl.controller.rungs import epochs_done
from automtl.controller.took import SearchTime
from automtl.results import Objective, TrialRecord, TrialStatus
from automtl.space.search import Search
from automtl.study.words import number, rung_line, short

FEWEST_SHOWN = 3
"""Running trials that are shown on however small a screen."""

NAME_WIDTH = 9

STYLES = {
    TrialStatus.COMPLETED: "green",
    TrialStatus.STOPPED: "yellow",
    TrialStatus.PAUSED: "yellow",
    TrialStatus.FAILED: "red",
    TrialStatus.INFEASIBLE: "magenta",
}


@dataclass(slots=True)
class Progress:
    """A live view of a search (``automtl.study.observer.Observer``)."""

    recipe: Search
    console: Console
    _records: dict[int, TrialRecord] = field(default_factory=dict)
    _time: SearchTime = field(default_factory=lambda: SearchTime(clock=time.monotonic))
    _live: Live | None = None
    _rungs: tuple[str, ...] = ()
    _standing: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        """Start to draw, if anybody looks."""
        if self.console.is_terminal:
            self._live = Live(
                get_renderable=self._render,
                console=self.console,
                refresh_per_second=4,
                # Lines that others print would tear the picture; they go above it.
                redirect_stdout=True,
                redirect_stderr=True,
            )
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Leave the last picture on the screen."""
        if self._live is not None:
            self._live.stop()

    def began(self, history: Sequence[TrialRecord], elapsed_s: float) -> None:
        """Take up what was done before."""
        self._records = {record.number: record for record in history}
        self._take_stock(history)
        self._time = SearchTime(elapsed_s, time.monotonic)

    def started(self, trial: TrialRecord) -> None:
        """Add a line."""
        if trial.replicate_of is None:
            self._time.begin(trial.number)
        self._records = self._records | {trial.number: trial}

    def reported(self, trial: TrialRecord) -> None:
        """Move the line on."""
        self._records = self._records | {trial.number: trial}

    def ended(self, trial: TrialRecord, history: Sequence[TrialRecord]) -> None:
        """Replace the live line by a last one."""
        self._time.end(trial.number)
        self._records = {record.number: record for record in history}
        if self._live is None:
            return
        self._take_stock(history)
        if trial.status.is_final:
            self.console.print(self._last_line(trial))

    def message(self, text: str) -> None:
        """Print one line above the live part; also where nobody looks live."""
        say(self.console, text)

    def _take_stock(self, history: Sequence[TrialRecord]) -> None:
        if self._live is not None:
            self._rungs = tuple(map(rung_line, standing(self.recipe, history)))
            lines = (front_line(history, self.recipe.objectives), ends_line(history))
            self._standing = tuple(line for line in lines if line)

    def _last_line(self, trial: TrialRecord) -> Text:
        style = STYLES.get(trial.status, "")
        text = Text(f"trial {trial.number:3d} ").append(f"{trial.status.value:10s}", style=style)
        if trial.failure is not None:
            return text.append(f" {trial.failure.kind.value}: {trial.failure.message}")
        if trial.status is TrialStatus.STOPPED:
            text.append(f" after epoch {epochs_done(trial)}")
        return text.append("  " + _values(self.recipe.objectives, trial.values))

    def _render(self) -> Group:
        # Called by the thread that draws: it must see one state, whatever happens meanwhile.
        history = sorted(self._records.values(), key=lambda record: record.number)
        below = [f"rung at {line}" for line in self._rungs] + list(self._standing)
        running = [trial for trial in history if trial.status is TrialStatus.RUNNING]
        # One line for the budget, one for those that are not shown, one for the cursor.
        room = max(FEWEST_SHOWN, self.console.size.height - len(below) - 3)
        shown = running[-room:]
        if len(shown) < len(running):
            below.insert(0, f"... and {len(running) - len(shown)} more that run")
        table = _grid(4)
        for trial in shown:
            total = _epochs(trial.config)
            last = trial.reports[-1] if trial.reports else None
            epoch = last.epoch if last else 0
            table.add_row(
                f"trial {trial.number:3d}",
                ProgressBar(total=total, completed=epoch, width=16),
                f"epoch {epoch}/{total}",
                _values(self.recipe.objectives, last.values if last else {}),
            )
        lines = [Text(line, no_wrap=True, overflow="ellipsis") for line in below]
        return Group(table, *lines, self._budget_line(history))

    def _budget_line(self, history: Sequence[TrialRecord]) -> Table:
        elapsed = self._time.elapsed_s
        budget, gpu = self.recipe.budget, self.recipe.resources.gpu
        share = share_spent(budget, history, elapsed, gpu=gpu)
        left = remaining_s(budget, history, elapsed, gpu=gpu)
        ended = sum(r.status.is_final for r in history)
        line = _grid(6)
        line.add_row(
            "budget   ",
            ProgressBar(total=1.0, completed=share, width=16),
            f"{share:4.0%}",
            f"{ended} trials ended",
            f"{_clock(elapsed)} gone",
            f"about {_clock(left)} left" if left is not None else "",
        )
        return line


def _grid(n_columns: int) -> Table:
    """Return an empty table whose rows stay lines: what is too long is cut."""
    grid = Table.grid(padding=(0, 1))
    for i in range(n_columns):
        grid.add_column(no_wrap=True, overflow="ellipsis", min_width=0 if i else NAME_WIDTH)
    return grid


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
