"""The verbs that look at a study: status, front, best, report, validate."""

import shlex
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from automtl.analysis.replicates import replication_of
from automtl.attempts import Attempt
from automtl.cli.replicate import nothing_yet, once_line, print_replication, replicated_json
from automtl.cli.show import (
    delta_table,
    print_json,
    print_pick,
    record_json,
    rung_json,
    trial_table,
)
from automtl.cli.terminal import FAILED, OK, make_console, say
from automtl.errors import AutomtlError, RecipeError, closest
from automtl.ledger.attempts import read_attempts
from automtl.ledger.rows import read_left_out
from automtl.ledger.store import Ledger
from automtl.left_out import lines_of
from automtl.pareto import front
from automtl.picks import pick
from automtl.results import Objective, TrialRecord, TrialStatus
from automtl.space.mistakes import Mistake, render
from automtl.space.recipe import Budget, Recipe, find_recipe
from automtl.space.search import Search
from automtl.space.stored import stored_search
from automtl.space.yaml_lines import read_yaml
from automtl.study.artifacts import lost_models
from automtl.study.conclude import keep_pick, write_study_report
from automtl.study.deltas import deltas_of
from automtl.study.disk import GB, disks_of, fullest, shortage
from automtl.study.failures import failure_facts, failure_lines
from automtl.study.folder import StudyFolder, load_settings
from automtl.study.notes import note_line
from automtl.study.own_training import trains_own_code
from automtl.study.search import opened, record_if_free
from automtl.study.words import rung_line


def show_status(folder: Path, *, check: bool, as_json: bool) -> int:
    """Print counts by state, failures, and if asked what is wrong with ledger and models."""
    from automtl.controller.promotion import standing

    with opened(StudyFolder(folder)) as ledger:
        attempts, study, history = read_attempts(ledger), ledger.study(), ledger.history()
        problems = _problems(StudyFolder(folder), ledger) if check else []
        pending, notes = ledger.outbox.count_pending(), ledger.notes()
        left_out = read_left_out(ledger.engine, ledger.name)
    search = stored_search(study.recipe)
    disk, n_free = fullest(disks_of(folder, load_settings(StudyFolder(folder))).places)
    rungs = standing(search, history)
    counts = {s.value: sum(r.status is s for r in history) for s in TrialStatus}
    summary: dict[str, object] = {
        "study": study.name,
        "trials": {name: n for name, n in counts.items() if n},
        **_spending(search, history, attempts),
        "mlflow_pending": pending,
        "disk_free_gb": round(n_free / GB, 3),
    }
    if check:
        summary["violations"] = problems
    if as_json:
        facts = {
            "rungs": [rung_json(rung) for rung in rungs],
            "notes": [note.model_dump() for note in notes],
            "left_out": [asdict(one) for one in left_out],
        }
        print_json(summary | failure_facts(history) | facts)
    else:
        console = make_console()
        states = ", ".join(f"{n} {name}" for name, n in counts.items() if n)
        for name, value in (summary | {"trials": states or "none yet"}).items():
            say(console, f"{name + ':':16s} {value}")
        for rung in rungs:
            say(console, f"{'rung:':16s} {rung_line(rung)}")
        short = n_free < search.resources.min_free_gb * GB
        room = [shortage(disk, n_free, search.resources.min_free_gb)] if short else []
        wrong = (*failure_lines(history), *lines_of(left_out))
        for line in (*room, *wrong, *map(note_line, notes)):
            say(console, line)
    return FAILED if problems else OK


def _problems(folder: StudyFolder, ledger: Ledger) -> list[str]:
    """Return what is wrong with the ledger, and which models that can be exported are gone."""
    search = stored_search(ledger.study().recipe)
    if not isinstance(search, Recipe):
        return ledger.check()
    lost = lost_models(folder, ledger.history(), search.objectives, ledger.picks())
    return [*ledger.check(), *lost]


def _spending(
    search: Search, history: Sequence[TrialRecord], attempts: Sequence[Attempt]
) -> dict[str, object]:
    """Return the share of the budget that is spent, and what ended the search or is ending it."""
    from automtl.controller.budget import share_spent
    from automtl.controller.ending import ending_of, why_ended
    from automtl.controller.took import took_s

    elapsed_s = took_s(attempts, history)
    gpu, epochs = search.resources.gpu, search.stated_epochs
    share = share_spent(search.budget, history, elapsed_s, gpu=gpu, epochs=epochs)
    told: dict[str, object] = {"budget_spent": round(share, 4)}
    if why := why_ended(search, history, elapsed_s):
        return told | {"ended_by": why}
    # Nothing is begun any more, and trials that were begun go on.
    why = ending_of(search, history, elapsed_s).why
    return told | ({"ending_by": why} if why else {})


def show_front(folder: Path, *, as_json: bool) -> int:
    """Print the front."""
    with opened(StudyFolder(folder)) as ledger:
        study, history = ledger.study(), ledger.history()
    members = front(history, study.objectives)
    compared = deltas_of(history)
    again = replication_of(history, study.objectives)
    if as_json:
        print_json([record_json(r, compared) | replicated_json(r, again) for r in members])
        return OK
    if not members:
        raise nothing_yet(folder)
    console = make_console()
    console.print(trial_table("Front", members, study.objectives, extra=_costs(study.objectives)))
    if any(record.number in compared.deltas for record in members):
        named = [record for record in history if record.baseline]
        console.print(delta_table([*members, *named], compared))
        if compared.caution:
            say(console, compared.caution)
    elif compared.why_none:
        say(console, f"No delta-m: {compared.why_none}")
    if again is not None:
        print_replication(console, again, study.objectives)
    return OK


def show_best(
    folder: Path,
    *,
    rule: str,
    weights: list[str],
    first: list[str],
    maximum: list[str],
    minimum: list[str],
    as_json: bool,
) -> int:
    """Pick from the front, print why, and record the pick."""
    with opened(StudyFolder(folder)) as ledger:
        study, history = ledger.study(), ledger.history()
        known = sorted({metric for record in history for metric in record.values})
        if not front(history, study.objectives):
            raise nothing_yet(folder)
        chosen = pick(
            history,
            study.objectives,
            rule=rule,
            weights=_numbers(weights, known, "--weight"),
            order=[_metric(name, known, f"--first {name}") for name in first],
            at_most=_numbers(maximum, known, "--max"),
            at_least=_numbers(minimum, known, "--min"),
            created_s=time.time(),
        )
        not_recorded = record_if_free(ledger, lambda: keep_pick(ledger, chosen))
    record = history[chosen.number]
    if as_json:
        print_json(
            {
                "pick": chosen.model_dump(mode="json"),
                "trial": record_json(record, deltas_of(history)),
                "recorded": not not_recorded,
            }
        )
        return OK
    console = make_console()
    print_pick(console, chosen)
    console.print(trial_table("Pick", [record], study.objectives, extra=_costs(study.objectives)))
    if not_recorded:
        say(console, f"The pick was not recorded: {not_recorded}")
    if not trains_own_code(study):
        for line in _next_lines(folder, history, study.objectives, chosen.number):
            say(console, line)
    return OK


def _next_lines(
    folder: Path, history: Sequence[TrialRecord], objectives: Sequence[Objective], number: int
) -> list[str]:
    once = once_line(folder, history, objectives)
    export = f"Export it: automtl export {shlex.quote(str(folder))} --trial {number}"
    return [once, export] if once else [export]


def make_report(folder: Path, out: Path | None) -> int:
    """Write the report of a study, running or ended."""
    place = StudyFolder(folder)
    with opened(place) as ledger:
        path = write_study_report(place, ledger, out or place.report)
    say(make_console(), f"Report: {path}")
    return OK


def validate_recipe(name: str, data: str | None) -> int:
    """Load a recipe, then its data, and say what was found."""
    from automtl.cli.run import read_recipe
    from automtl.data.load import describe, load_data
    from automtl.study.baselines import cost_lines
    from automtl.study.cautions import cautions
    from automtl.study.limits import known_costs, too_large
    from automtl.study.own_code import network_mistakes, own_code_mistakes
    from automtl.study.warm_start import warmed

    recipe = read_recipe(name)
    _refuse(own_code_mistakes(recipe), name)
    console = make_console()
    say(
        console,
        f"{recipe.name}: {len(recipe.parameters)} parameters, "
        f"{len(recipe.objectives)} objectives, budget {budget_text(recipe.budget)}",
    )
    size = recipe.space.config_of(recipe.space.default_point()).backbone.image_size
    loaded = load_data(recipe.data, image_size=size, root=None if data is None else Path(data))
    say(console, describe(loaded))
    _refuse(network_mistakes(recipe, loaded.splits.info), name)
    never = too_large(recipe, known_costs(recipe, loaded.splits.info))
    for line in (*cost_lines(recipe), *never, *cautions(recipe), *warmed(recipe)[1]):
        say(console, line)
    return OK


def _refuse(mistakes: Sequence[Mistake], name: str) -> None:
    """Raise ``RecipeError`` with the line of each mistake, if there are any."""
    if mistakes:
        path = find_recipe(name)
        raise RecipeError(render(mistakes, read_yaml(path), str(path)))


def budget_text(budget: Budget) -> str:
    """Say a budget.

    >>> budget_text(Budget(trials=12)), budget_text(Budget(minutes=30, epochs=200))
    ('12 trials', '30 minutes or 200 epochs')
    """
    parts = [] if budget.trials is None else [f"{budget.trials} trials"]
    parts += [] if budget.minutes is None else [f"{budget.minutes:g} minutes"]
    parts += [] if budget.epochs is None else [f"{budget.epochs} epochs"]
    parts += [] if budget.trainings is None else [f"{budget.trainings:g} full trainings"]
    parts += [] if budget.gpu_hours is None else [f"{budget.gpu_hours:g} GPU-hours"]
    parts += [] if budget.stall is None else [f"{budget.stall.trials} trials without gain"]
    return " or ".join(parts)


def _numbers(pairs: list[str], known: list[str], option: str) -> dict[str, float]:
    found = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        metric = _metric(name, known, f"{option} {pair}")
        try:
            found[metric] = float(text)
        except ValueError:
            msg = f"{option} {pair}: {text!r} is no number"
            raise AutomtlError(msg, fix=f"Write {option} {name}=0.5") from None
    return found


def _metric(name: str, known: list[str], where: str) -> str:
    """Return the only metric of a name, which may leave out what stands before the slash."""
    matches = [metric for metric in known if metric == name or metric.endswith("/" + name)]
    if len(matches) == 1:
        return matches[0]
    near = closest(name, known)
    raise AutomtlError(
        f"{where}: {name!r} may be any of {', '.join(matches)}"
        if matches
        else f"{where}: no metric is called {name!r}",
        fix=f"Did you mean {near!r}?" if near else f"Known: {', '.join(known)}",
    )


def _costs(objectives: tuple[object, ...]) -> list[str]:
    shown = {getattr(o, "metric", "") for o in objectives}
    return [m for m in ("cost/parameters", "cost/latency_ms") if m not in shown]
