"""Words and numbers for people. All text that others wrote is escaped here or by the caller."""

import datetime
import html
import math
import re
from collections.abc import Iterable, Mapping, Sequence

from automtl.results import Objective, TrialRecord

MISSING = "\N{EN DASH}"
"""Shown for a value that is not there or not finite."""


def number(value: float | None) -> str:
    """Render a number in about four digits.

    >>> [number(v) for v in (0.61249, 17.2, 1234567.0, 0.0042, 3)]
    ['0.612', '17.20', '1,234,567', '0.0042', '3']
    >>> number(float("nan")) == MISSING
    True
    """
    if value is None or not math.isfinite(value):
        return MISSING
    size = abs(value)
    if value == round(value) or size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.1f}"
    if size >= 10:
        return f"{value:.2f}"
    return f"{value:.3f}" if size >= 0.1 else f"{value:.3g}"


def value_text(value: object) -> str:
    """Render a parameter's value, escaped.

    >>> value_text("<b>"), value_text(True), value_text(0.00314159)
    ('&lt;b&gt;', 'yes', '0.00314')
    """
    return html.escape(plain_text(value))


def plain_text(value: object) -> str:
    """Render a value of a configuration, not escaped.

    >>> plain_text([0.123456, "<b>", [True]])
    '[0.123, <b>, [yes]]'
    """
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return number(value)
        case None:
            return MISSING
        case list() | tuple():
            return f"[{', '.join(map(plain_text, value))}]"
        case _:
            return str(value)


def with_code(text: str) -> str:
    """Render a sentence of a terminal as HTML, escaped: what stands between backticks is code.

    >>> with_code("It takes more `epochs` < 9")
    'It takes more <code>epochs</code> &lt; 9'
    """
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text))


def duration(seconds: float) -> str:
    """Render a duration.

    >>> duration(42), duration(754), duration(7384)
    ('42 s', '12 min 34 s', '2 h 3 min')
    """
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60} s"
    return f"{total // 3600:,} h {total % 3600 // 60} min"


def moment(time_s: float) -> str:
    """Render a Unix time in UTC.

    >>> moment(0.0)
    '1970-01-01 00:00 UTC'
    """
    return datetime.datetime.fromtimestamp(time_s, tz=datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def short_names(metrics: Iterable[str]) -> dict[str, str]:
    """Return the last part of each metric's name, or the whole name where two would be equal.

    >>> short_names(["detection/mAP", "a/x", "b/x"])
    {'detection/mAP': 'mAP', 'a/x': 'a/x', 'b/x': 'b/x'}
    """
    names = list(dict.fromkeys(metrics))
    tails = [name.rsplit("/", 1)[-1] for name in names]
    return {
        name: tail if tails.count(tail) == 1 else name
        for name, tail in zip(names, tails, strict=True)
    }


def short_parameters(names: Iterable[str]) -> dict[str, str]:
    """Return the end of each dotted name that still tells what it is.

    >>> list(short_parameters(["optimizer.lr", "sharing.split_after.0", "a.kind", "b.kind"]))
    ['optimizer.lr', 'sharing.split_after.0', 'a.kind', 'b.kind']
    >>> list(short_parameters(["optimizer.lr", "sharing.split_after.0", "a.kind"]).values())
    ['lr', 'split_after.0', 'kind']
    """
    full = list(dict.fromkeys(names))
    ends = [".".join(name.split(".")[-2 if name.count(".") > 1 else -1 :]) for name in full]
    return {
        name: end if ends.count(end) == 1 else name for name, end in zip(full, ends, strict=True)
    }


def axis_title(objective: Objective) -> str:
    """Return an objective's name with its unit and the direction that is better, escaped.

    >>> axis_title(Objective(metric="cost/latency_ms", goal="minimize", unit="ms"))
    'cost/latency_ms [ms] ↓'
    """
    unit = f" [{objective.unit}]" if objective.unit else ""
    return html.escape(f"{objective.metric}{unit}") + (" ↑" if objective.maximize else " ↓")


def trial_text(
    record: TrialRecord, objectives: Sequence[Objective], *, role: str = "", n_parameters: int = 14
) -> str:
    """Return what appears when the mouse rests on a trial, escaped.

    Args:
        record: The trial.
        objectives: In order.
        role: What the trial is in this figure, e.g. ``pick``.
        n_parameters: Parameters to show at most; the table of trials holds them all.
    """
    head = f"<b>trial {record.number}</b> · {record.status.value}{' · ' + role if role else ''}"
    values = [
        f"{html.escape(o.metric)} = <b>{number(record.values[o.metric])}</b>"
        for o in objectives
        if o.metric in record.values
    ]
    shown = list(record.point.items())[:n_parameters]
    point = [f"{html.escape(name)} = {value_text(value)}" for name, value in shown]
    rest = len(record.point) - len(shown)
    more = [f"and {rest} more"] if rest else []
    return "<br>".join([head, *values, "", *point, *more])


def varying(history: Sequence[TrialRecord]) -> tuple[str, ...]:
    """Return the names of parameters that differ between trials (absent counts as a value)."""
    names = list(dict.fromkeys(name for record in history for name in record.point))
    return tuple(
        name for name in names if len({repr(record.point.get(name)) for record in history}) > 1
    )


def text_of(tree: Mapping[str, object], key: str) -> str:
    """Return a value of a plain dict as text, or nothing if it is absent."""
    value = tree.get(key)
    return "" if value is None else str(value)
