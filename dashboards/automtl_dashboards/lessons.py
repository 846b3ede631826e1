"""What was learned, in words and in numbers with intervals."""

import html
from collections.abc import Sequence

from automtl.analysis.effects import MIN_TRIALS, Effect, Lessons, in_words
from automtl.results import Objective
from automtl_dashboards.labels import number
from automtl_dashboards.tables import Cell, table_html

SAID = 3
"""Effects that the top of the page tells."""


def lessons_words(lessons: Lessons, objectives: Sequence[Objective]) -> str:
    """Return a list: a sentence for each clear effect, one for all others, one for the unknown."""
    maximize = {o.metric: o.maximize for o in objectives}
    clear = [e for e in lessons.effects if e.is_clear]
    unclear = [e for e in lessons.effects if not e.is_clear]
    items = [
        f"<li>{html.escape(in_words(e, maximize=maximize[e.objective]))}.</li>" for e in clear
    ]
    if unclear:
        names = "; ".join(
            f"{html.escape(choice)} on {', '.join(html.escape(e.objective) for e in members)}"
            for choice, members in _by_choice(unclear).items()
        )
        items.append(f"<li>No clear effect: {names}.</li>")
    if lessons.too_few:
        items.append(
            f"<li>Too few trials to tell: {html.escape(', '.join(lessons.too_few))}. It takes "
            f"{MIN_TRIALS} completed trials with each of two values.</li>"
        )
    items += [
        f"<li>{html.escape(metric)} was the same in all trials: it decides nothing.</li>"
        for metric in lessons.constant
    ]
    return f"<ul class='lessons'>{''.join(items)}</ul>"


def lessons_table(effects: Sequence[Effect]) -> str:
    """Return each choice's levels with mean and 95 % interval, by objective."""
    head: list[Cell] = [
        ("objective", "", ""),
        ("choice", "", ""),
        ("value", "", ""),
        ("trials", "", "num"),
        ("mean", "", "num"),
        ("95 % interval", "bootstrap over the trials", "num"),
        ("explains", "share of the variance between trials", "num"),
        ("p", "permutation test, corrected for all choices of the objective (Holm)", "num"),
    ]
    rows = [("", cells) for effect in effects for cells in _rows(effect)]
    return table_html(head, rows, css="")


def _rows(effect: Effect) -> list[list[Cell]]:
    name = html.escape(effect.choice)
    end: list[Cell] = [(f"{effect.explained:.0%}", "", "num"), (f"{effect.p:.3f}", "", "num")]
    start: list[Cell] = [(html.escape(effect.objective), "", ""), (name, "", "")]
    if not effect.levels:
        blank: list[Cell] = [("together", "", ""), *[("", "", "num")] * 3]
        return [[*start, *blank, *end]]
    return [
        [
            *start,
            (html.escape(level.value), "", ""),
            (str(level.n), "", "num"),
            (number(level.mean), "", "num"),
            (f"{number(level.low)} to {number(level.high)}", "", "num"),
            *end,
        ]
        for level in effect.levels
    ]


def _by_choice(effects: Sequence[Effect]) -> dict[str, list[Effect]]:
    found: dict[str, list[Effect]] = {}
    for effect in effects:
        found.setdefault(effect.choice, []).append(effect)
    return found


def learned_line(lessons: Lessons, objectives: Sequence[Objective]) -> str:
    """Return what was learned as one paragraph for the top: the clearest effects, or why none.

    Nothing where no choice could be measured and none is waited for.
    """
    maximize = {o.metric: o.maximize for o in objectives}
    clear = sorted((e for e in lessons.effects if e.is_clear), key=lambda e: (e.p, -e.explained))
    words = [html.escape(in_words(e, maximize=maximize[e.objective])) for e in clear[:SAID]]
    rest = len(clear) - len(words)
    text = "; ".join(words) + (f"; and {rest} more" if rest > 0 else "")
    if not text and lessons.effects:
        text = "no choice had an effect that stands out from chance"
    if not text and lessons.too_few:
        text = f"too few trials yet to tell what {html.escape(', '.join(lessons.too_few))} did"
    return f"<p class='detail'><a href='#learned'>Learned</a>: {text}.</p>" if text else ""
