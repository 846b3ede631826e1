"""The verbs that look at a study: status, front, best, report, validate."""

import time
from pathlib import Path

from rich.console import Console

from automtl.cli.show import print_json, print_pick, record_json, trial_table
from automtl.errors import AutomtlError, closest
from automtl.ledger.store import Ledger
from automtl.pareto import front, pick
from automtl.results import TrialStatus
from automtl.space.recipe import Recipe
from automtl.study.folder import StudyFolder, load_settings
from automtl.study.search import held, opened

OK, VIOLATED = 0, 1


def show_status(folder: Path, *, check: bool, as_json: bool) -> int:
    """Print counts by state, failures, and the ledger's violations if asked."""
    from automtl.controller.budget import share_spent
    from automtl.study.controller import busy_s

    with opened(StudyFolder(folder)) as ledger:
        study, history = ledger.study(), ledger.history()
        problems = ledger.check() if check else []
        pending = ledger.outbox.count_pending()
    budget = Recipe.model_validate(study.recipe).budget
    counts = {s.value: sum(r.status is s for r in history) for s in TrialStatus}
    summary: dict[str, object] = {
        "study": study.name,
        "trials": {name: n for name, n in counts.items() if n},
        "budget_spent": round(share_spent(budget, history, busy_s(history)), 4),
        "mlflow_pending": pending,
        "failures": [
            {"trial": r.number, "kind": r.failure.kind.value, "message": r.failure.message}
            for r in history
            if r.failure is not None
        ],
    }
    if check:
        summary["violations"] = problems
    if as_json:
        print_json(summary)
    else:
        console = Console(highlight=False)
        for name, value in summary.items():
            console.print(f"{name + ':':16s} {value}", markup=False)
    return VIOLATED if problems else OK


def show_front(folder: Path, *, as_json: bool) -> int:
    """Print the front."""
    with opened(StudyFolder(folder)) as ledger:
        study, history = ledger.study(), ledger.history()
    members = front(history, study.objectives)
    if as_json:
        print_json([record_json(record) for record in members])
    elif not members:
        raise _nothing_yet(folder)
    else:
        table = trial_table("Front", members, study.objectives, extra=_costs(study.objectives))
        Console(highlight=False).print(table)
    return OK


def show_best(
    folder: Path,
    *,
    rule: str,
    weights: list[str],
    maximum: list[str],
    minimum: list[str],
    as_json: bool,
) -> int:
    """Pick from the front, print why, and record the pick."""
    with opened(StudyFolder(folder)) as ledger:
        study, history = ledger.study(), ledger.history()
        known = sorted({metric for record in history for metric in record.values})
        if not front(history, study.objectives):
            raise _nothing_yet(folder)
        chosen = pick(
            history,
            study.objectives,
            rule=rule,
            weights=_numbers(weights, known, "--weight"),
            at_most=_numbers(maximum, known, "--max"),
            at_least=_numbers(minimum, known, "--min"),
            created_s=time.time(),
        )
        with held(ledger):
            ledger.add_pick(chosen)
    record = history[chosen.number]
    if as_json:
        print_json({"pick": chosen.model_dump(mode="json"), "trial": record_json(record)})
        return OK
    console = Console(highlight=False)
    print_pick(console, chosen)
    console.print(trial_table("Pick", [record], study.objectives, extra=_costs(study.objectives)))
    console.print(f"Export it: automtl export {folder} --trial {chosen.number}")
    return OK


def make_report(folder: Path, out: Path | None) -> int:
    """Write the report of a study, running or ended."""
    place = StudyFolder(folder)
    with opened(place) as ledger:
        path = write_study_report(place, ledger, out or place.report)
    Console(highlight=False).print(f"Report: {path}")
    return OK


def write_study_report(folder: StudyFolder, ledger: Ledger, out: Path) -> Path:
    """Write the report from what the ledger holds now."""
    from automtl.study.carry import read_floors
    from automtl_dashboards.report import write_report

    return write_report(
        out,
        study=ledger.study(),
        history=ledger.history(),
        picks=ledger.picks(),
        floors=read_floors(folder),
        notes={
            "MLflow": f"mlflow ui --backend-store-uri "
            f"{load_settings(folder).mlflow or folder.mlflow_uri}",
            "Resume": f"automtl resume {folder.root}",
            "Export": f"automtl export {folder.root}",
        },
    )


def validate_recipe(name: str, data: str | None) -> int:
    """Load a recipe, then its data, and say what was found."""
    from automtl.cli.run import read_recipe
    from automtl.data.load import describe, load_data

    recipe = read_recipe(name)
    console = Console(highlight=False)
    console.print(
        f"{recipe.name}: {len(recipe.parameters)} parameters, "
        f"{len(recipe.objectives)} objectives, budget {recipe.budget.trials} trials"
    )
    size = recipe.space.config_of(recipe.space.default_point()).backbone.image_size
    loaded = load_data(recipe.data, image_size=size, root=None if data is None else Path(data))
    console.print(describe(loaded), markup=False)
    return OK


def _numbers(pairs: list[str], known: list[str], option: str) -> dict[str, float]:
    found = {}
    for pair in pairs:
        metric, _, text = pair.partition("=")
        matches = [name for name in known if name == metric or name.endswith("/" + metric)]
        if len(matches) != 1:
            near = closest(metric, known)
            raise AutomtlError(
                f"{option} {pair}: no metric is called {metric!r}"
                if not matches
                else f"{option} {pair}: {metric!r} may be any of {', '.join(matches)}",
                fix=f"Did you mean {near!r}?" if near else f"Known: {', '.join(known)}",
            )
        try:
            found[matches[0]] = float(text)
        except ValueError:
            msg = f"{option} {pair}: {text!r} is no number"
            raise AutomtlError(msg, fix=f"Write {option} {metric}=0.5") from None
    return found


def _costs(objectives: tuple[object, ...]) -> list[str]:
    shown = {getattr(o, "metric", "") for o in objectives}
    return [m for m in ("cost/parameters", "cost/latency_ms") if m not in shown]


def _nothing_yet(folder: Path) -> AutomtlError:
    return AutomtlError(
        f"no trial in {folder} has been trained to the end",
        fix=f"See why: automtl status {folder} - or go on: automtl resume {folder}",
    )
