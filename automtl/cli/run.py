"""`search` and `resume`: run, then conclude with pick and report."""

import time
from pathlib import Path

from rich.console import Console

from automtl.cli import INTERRUPTED
from automtl.cli.progress import Progress, number
from automtl.cli.show import kind_of, print_pick, tree_of, trial_table
from automtl.errors import AutomtlError
from automtl.ledger.store import Ledger
from automtl.pareto import front, pick
from automtl.results import Pick, StudyInfo, TrialRecord, TrialStatus
from automtl.space.recipe import Budget, Recipe, find_recipe, load_recipe
from automtl.study.folder import Settings, StudyFolder
from automtl.study.search import Outcome, create, opened, run


def read_recipe(name: str, *, trials: int | None = None, seed: int | None = None) -> Recipe:
    """Load a recipe by path or shipped name, with the command line's changes."""
    recipe = load_recipe(find_recipe(name))
    if trials is not None:
        if trials < 1:
            msg = f"--trials must be at least 1, found {trials}"
            raise AutomtlError(msg)
        recipe = recipe.model_copy(
            update={"budget": Budget(trials=trials, minutes=recipe.budget.minutes)}
        )
    return recipe if seed is None else recipe.model_copy(update={"seed": seed})


def start_search(
    name: str,
    folder: Path | None,
    settings: Settings,
    *,
    trials: int | None,
    seed: int | None,
) -> int:
    """Create a study and run it."""
    if settings.dispatcher not in ("ray", "local"):
        msg = f"--dispatcher {settings.dispatcher!r} is unknown"
        raise AutomtlError(msg, fix="Use ray or local")
    recipe = read_recipe(name, trials=trials, seed=seed)
    place = StudyFolder(folder or Path("studies") / recipe.name)
    create(recipe, place, settings)
    return _run(place, recipe, takeover=False)


def resume_search(folder: Path, *, takeover: bool) -> int:
    """Continue a study."""
    place = StudyFolder(folder)
    with opened(place) as ledger:
        recipe = Recipe.model_validate(ledger.study().recipe)
    return _run(place, recipe, takeover=takeover)


def _run(folder: StudyFolder, recipe: Recipe, *, takeover: bool) -> int:
    console = Console(highlight=False)
    console.print(f"Study {recipe.name!r} in {folder.root} (report, ledger, models)")
    with Progress(recipe, console) as progress:
        outcome = run(folder, progress, lambda ledger: conclude(folder, ledger), takeover=takeover)
    show_outcome(console, folder, recipe, outcome)
    return INTERRUPTED if outcome.interrupted else 0


def conclude(folder: StudyFolder, ledger: Ledger) -> None:
    """Record ranks, a knee pick and the report, while the ledger is held."""
    from automtl.cli.look import write_study_report

    study = ledger.study()
    history = ledger.history()
    if front(history, study.objectives):
        chosen = pick(history, study.objectives, rule="knee", created_s=time.time())
        ledger.add_pick(chosen)
    ledger.add_ranks(
        ranks_by_number(history, ledger), note=describe(study, history, ledger.picks())
    )
    path = write_study_report(folder, ledger, folder.report)
    ledger.add_artifact(kind="report", path=str(path))


def ranks_by_number(history: tuple[TrialRecord, ...], ledger: Ledger) -> dict[int, int]:
    """Return the Pareto rank of every candidate, 0 for the front."""
    import numpy as np

    from automtl.pareto import ranks

    objectives = ledger.study().objectives
    found = [
        (record.number, vector)
        for record in history
        if record.is_candidate and (vector := record.vector(objectives)) is not None
    ]
    if not found:
        return {}
    losses = np.array(
        [[o.as_loss(v) for o, v in zip(objectives, vector, strict=True)] for _, vector in found]
    )
    return {number: int(rank) for (number, _), rank in zip(found, ranks(losses), strict=True)}


def describe(study: StudyInfo, history: tuple[TrialRecord, ...], picks: tuple[Pick, ...]) -> str:
    """Describe a study in Markdown, for the MLflow run's page: the front as a table."""
    metrics = [o.metric for o in study.objectives]
    lines = [
        f"| trial | {' | '.join(metrics)} | sharing | weighting | schedule |",
        "|" + " --- |" * (len(metrics) + 4),
    ]
    for record in front(history, study.objectives):
        values = " | ".join(number(record.values.get(metric)) for metric in metrics)
        choices = f"{tree_of(record)} | {kind_of(record, 'weighting')} | "
        lines.append(f"| {record.number} | {values} | {choices}{kind_of(record, 'schedule')} |")
    pick_line = [f"Pick: trial {picks[-1].number}. {picks[-1].reason}", ""] if picks else []
    return "\n".join([*pick_line, "Front:", "", *lines])


def show_outcome(console: Console, folder: StudyFolder, recipe: Recipe, outcome: Outcome) -> None:
    """Print the front, the pick and what to do next."""
    counts = {
        status.value: n
        for status in TrialStatus
        if (n := sum(r.status is status for r in outcome.history))
    }
    console.print(
        f"{len(outcome.history)} trials in {outcome.elapsed_s:.0f} s: "
        + ", ".join(f"{n} {name}" for name, n in counts.items())
    )
    members = front(outcome.history, recipe.objectives)
    if members:
        console.print(trial_table("Front", members, recipe.objectives))
        with opened(folder) as ledger:
            picks = ledger.picks()
        if picks:
            print_pick(console, picks[-1])
    if outcome.mlflow_pending:
        console.print(
            f"{outcome.mlflow_pending} events wait for MLflow ({outcome.mlflow_error}); "
            f"automtl resume {folder.root} sends them"
        )
    if outcome.interrupted:
        console.print(
            f"Stopped before the budget was spent. Continue: automtl resume {folder.root}"
        )
        return
    console.print(f"Report:  {folder.report}")
    console.print(f"MLflow:  mlflow ui --backend-store-uri {folder.mlflow_uri}")
    console.print(f"Next:    automtl best {folder.root} --help; automtl export {folder.root}")
