"""What a report says in words: what to take and why, and the facts of the study."""

import html
from collections import Counter
from collections.abc import Mapping, Sequence

from automtl.left_out import counts_of
from automtl.results import Objective, Pick, StudyInfo, TrialRecord, TrialStatus
from automtl.reuse import reused_from
from automtl_dashboards.labels import (
    MISSING,
    duration,
    moment,
    number,
    short_names,
    text_of,
    value_text,
    with_code,
)
from automtl_dashboards.runs import study_run
from automtl_dashboards.snapshot import Snapshot
from automtl_dashboards.standing import Standing, newest_pick


def headline(history: Sequence[TrialRecord], standing: Standing, picks: Sequence[Pick]) -> str:
    """Return the sentence on top as HTML: what to take and why, or why nothing can be taken."""
    newest = newest_pick(picks)
    if newest is not None:
        return _pick_words(newest, history, standing) + _unbeaten_words(standing)
    if standing.front:
        n = len(standing.front)
        members = ", ".join(str(number_) for number_ in sorted(standing.front)[:12])
        more = f" and {n - 12} more" if n > 12 else ""
        words = "One trial is" if n == 1 else f"{n} trials are"
        return (
            f"<p class='lead'>{words} not dominated by any other ({members}{more}), and none has "
            "been picked yet. <code>automtl best</code> picks one by a stated rule.</p>"
        )
    return f"<p class='lead'>{_why_nothing(history)}</p>"


def facts_of(snapshot: Snapshot, standing: Standing) -> list[tuple[str, str]]:
    """Return names and values (HTML, escaped) of the study's facts."""
    study, history = snapshot.study, snapshot.history
    unused = counts_of(snapshot.left_out)
    failures = Counter(r.failure.kind.value for r in history if r.failure is not None)
    setbacks = Counter(s.failure.kind.value for r in history for s in r.setbacks)
    facts = [
        ("Objectives", "<br>".join(_objective(o) for o in study.objectives)),
        ("Trials", _states(history)),
        ("On the front", str(len(standing.front))),
        ("Failures", _kinds(failures)),
        ("Attempts tried again", _kinds(setbacks)),
        ("Budget", _budget(study.recipe)),
        ("Wall time", _wall_time(history)),
        ("Began", moment(study.created_s)),
        ("Seed", str(study.seed)),
        ("Data digest", _code(study.data_digest)),
        *([("Data not used or mended", _kinds(Counter(unused)))] if unused else []),
        ("Recipe digest", _code(study.recipe_digest)),
    ]
    if study.mlflow_run:
        facts.append(("MLflow run", study_run(snapshot.runs, study.mlflow_run)))
    return facts


def _kinds(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {html.escape(kind)}" for kind, n in counts.items()) or "none"


def description_of(study: StudyInfo) -> str:
    """Return the recipe's own description as HTML, or nothing."""
    text = text_of(study.recipe, "description").strip()
    return f"<p class='about'>{html.escape(text)}</p>" if text else ""


def reference_words(
    objectives: Sequence[Objective], reference: Sequence[float], is_stated: Sequence[bool]
) -> str:
    """Return the hypervolume's reference point as HTML."""
    parts = [
        f"{html.escape(o.metric)} = {number(value)}{'' if stated else ' (worst seen)'}"
        for o, value, stated in zip(objectives, reference, is_stated, strict=True)
    ]
    return f"Reference point: <code>{', '.join(parts)}</code>."


def _pick_words(pick: Pick, history: Sequence[TrialRecord], standing: Standing) -> str:
    record = next((r for r in history if r.number == pick.number), None)
    lead = (
        f"<p class='lead'><span class='star'>★</span> Take <b>trial {pick.number}</b>. "
        f"{html.escape(pick.reason)}</p>"
    )
    inputs = ", ".join(f"{html.escape(str(k))}: {_plain(v)}" for k, v in pick.inputs.items() if v)
    details = [f"Rule: {html.escape(pick.rule)}{f' ({inputs})' if inputs else ''}."]
    if record is None:
        details.append(f"Trial {pick.number} is not in this history.")
    else:
        details += _comparison(record, standing)
        if pick.number not in standing.front:
            details.append(
                f"Trial {pick.number} is not on the front now: another trial dominates it."
            )
    if pick.alternatives:
        others = ", ".join(str(n) for n in pick.alternatives[:8])
        details.append(f"Alternatives on the front, best first: {others}.")
    return f"{lead}<p class='detail'>{' '.join(details)}</p>"


def _unbeaten_words(standing: Standing) -> str:
    """Warn of objectives in which a pick means nothing yet."""
    said = " ".join(floor.sentence(number(floor.value)) for floor in standing.unbeaten)
    return f"<p class='detail'>{with_code(said)}</p>" if said else ""


def _comparison(record: TrialRecord, standing: Standing) -> list[str]:
    """Compare with separate networks: the question that sharing has to answer."""
    names = short_names(o.metric for o in standing.objectives)
    parts = []
    for objective in standing.objectives:
        single = standing.single_task.get(objective.metric)
        value = record.values.get(objective.metric)
        if single is None or value is None or single == 0:
            continue
        change = (value - single) / abs(single)
        parts.append(f"{html.escape(names[objective.metric])} {change:+.1%}")
    return [f"Against single-task networks: {', '.join(parts)}."] if parts else []


def _why_nothing(history: Sequence[TrialRecord]) -> str:
    if not history:
        return "This study has no trial yet."
    failed = [record for record in history if record.failure is not None]
    counts = _count_words(history)
    if len(failed) == len(history):
        kind, n = Counter(r.failure.kind.value for r in failed if r.failure).most_common(1)[0]
        return (
            f"No trial gave a result: all {len(failed)} failed, {n} of them with "
            f"<b>{html.escape(kind)}</b>. The messages are under "
            "<a href='#failures'>Failures</a>."
        )
    return f"No trial has ended with a value for every objective yet ({counts})."


def _count_words(history: Sequence[TrialRecord]) -> str:
    counts = Counter(record.status for record in history)
    return ", ".join(f"{counts[s]} {s.value}" for s in TrialStatus if counts[s])


def _states(history: Sequence[TrialRecord]) -> str:
    counts = Counter(record.status for record in history)
    chips = " ".join(
        f"<span class='state {s.value}'>{counts[s]} {s.value}</span>"
        for s in TrialStatus
        if counts[s]
    )
    n_baselines = sum(record.origin.startswith("baseline") for record in history)
    n_again = sum(record.replicate_of is not None for record in history)
    n_reused = sum(bool(reused_from(record)) for record in history)
    kinds = ((n_baselines, "baselines"), (n_reused, "reused"), (n_again, "replicates"))
    extra = ", ".join(f"{n} of them {name}" for n, name in kinds if n)
    return f"{len(history)} {chips}" + (f" <small>{extra}</small>" if extra else "")


def _objective(objective: Objective) -> str:
    arrow = "↑" if objective.maximize else "↓"
    unit = f" [{html.escape(objective.unit)}]" if objective.unit else ""
    reference = "" if objective.reference is None else f", reference {number(objective.reference)}"
    return f"{html.escape(objective.metric)}{unit} {arrow}<small>{reference}</small>"


def _budget(recipe: Mapping[str, object]) -> str:
    budget = recipe.get("budget")
    if not isinstance(budget, Mapping):
        return MISSING
    parts = [f"{_plain(v)} {html.escape(str(k))}" for k, v in budget.items() if v is not None]
    return ", ".join(parts) or MISSING


def _wall_time(history: Sequence[TrialRecord]) -> str:
    begun = [r.started_s for r in history if r.started_s is not None]
    known = [r.ended_s for r in history if r.ended_s is not None]
    known += [report.time_s for record in history for report in record.reports]
    if not begun or not known:
        return MISSING
    return duration(max(0.0, max(known) - min(begun)))


def _plain(value: object) -> str:
    match value:
        case Mapping():
            return ", ".join(f"{html.escape(str(k))} {_plain(v)}" for k, v in value.items())
        case list() | tuple():
            return ", ".join(_plain(item) for item in value)
        case _:
            return value_text(value)


def _code(text: str) -> str:
    return f"<code>{html.escape(text)}</code>" if text else MISSING
