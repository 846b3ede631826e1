"""`lessons`: what the trials of a study say about its choices and parameters."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from automtl.analysis.effects import MIN_TRIALS, Effect, Lessons, in_words
from automtl.cli.replicate import nothing_yet
from automtl.cli.show import plain_table, print_json
from automtl.cli.terminal import OK, make_console, say
from automtl.results import Objective
from automtl.study.folder import StudyFolder
from automtl.study.lessons import lessons_of
from automtl.study.search import opened
from automtl.study.words import number


def show_lessons(folder: Path, *, as_json: bool) -> int:
    """Print a table of effects for each objective, and the clear ones in words."""
    with opened(StudyFolder(folder)) as ledger:
        study, history = ledger.study(), ledger.history()
    found = lessons_of(history, study.objectives)
    if as_json:
        print_json(lessons_json(found, study.objectives))
        return OK
    if not found.n_trials:
        raise nothing_yet(folder)
    console = make_console()
    say(
        console,
        f"{found.n_trials} trials were trained to their end. The search tried what looked good "
        "more often: these are associations, no experiment",
    )
    for objective in study.objectives:
        members = _ranked(found, objective)
        if members:
            console.print(effects_table(members, objective))
        for line in (*words_of(members, objective), *same_line(found, objective)):
            say(console, line)
    if found.too_few:
        say(
            console,
            f"Too few trials to tell: {', '.join(found.too_few)}. It takes {MIN_TRIALS} with each "
            "of two values",
        )
    return OK


def effects_table(members: Sequence[Effect], objective: Objective) -> Table:
    """Return a row for each level of each choice, what explains most first."""
    table = plain_table(f"{objective.metric} {'↑' if objective.maximize else '↓'}")
    for name in ("choice", "value"):
        table.add_column(name)
    for name in ("trials", "mean", "95 % interval", "explains", "p"):
        table.add_column(name, justify="right")
    for effect in members:
        head, end = effect.choice, (f"{effect.explained:.0%}", f"{effect.p:.3f}")
        for level in effect.levels:
            interval = f"{number(level.low)} to {number(level.high)}"
            table.add_row(head, level.value, str(level.n), number(level.mean), interval, *end)
            head, end = "", ("", "")
        if not effect.levels:
            table.add_row(head, "together", "", "", "", *end)
    return table


def words_of(members: Sequence[Effect], objective: Objective) -> Iterator[str]:
    """Yield a sentence for each clear effect, and one for all others."""
    clear = [effect for effect in members if effect.is_clear]
    yield from (in_words(effect, maximize=objective.maximize) for effect in clear)
    unclear = [effect.choice for effect in members if not effect.is_clear]
    if unclear:
        yield f"No clear effect on {objective.metric}: {', '.join(unclear)}"


def same_line(found: Lessons, objective: Objective) -> Iterator[str]:
    """Yield a line if an objective was the same in all trials."""
    if objective.metric in found.constant:
        yield f"{objective.metric} was the same in all trials: it decides nothing"


def lessons_json(found: Lessons, objectives: Sequence[Objective]) -> dict[str, object]:
    """Return all of it for a program."""
    maximize = {objective.metric: objective.maximize for objective in objectives}
    return {
        "trials": found.n_trials,
        "effects": [
            asdict(effect)
            | {
                "is_clear": effect.is_clear,
                "words": in_words(effect, maximize=maximize[effect.objective]),
            }
            for effect in found.effects
        ],
        "too_few": list(found.too_few),
        "constant": list(found.constant),
    }


def _ranked(found: Lessons, objective: Objective) -> list[Effect]:
    mine = [effect for effect in found.effects if effect.objective == objective.metric]
    return sorted(mine, key=lambda effect: -effect.explained)
