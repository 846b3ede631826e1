"""`search` and `resume`: run a study and show how it ended."""

import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import ValidationError
from rich.console import Console

from automtl.analysis.floors import unbeaten
from automtl.cli.progress import Progress
from automtl.cli.replicate import once_line
from automtl.cli.show import comparison_table, print_pick, trial_table
from automtl.cli.terminal import FAILED, INTERRUPTED, OK, make_console, say
from automtl.controller.ending import ending_of, more_trials, why_ended
from automtl.controller.took import took_s
from automtl.errors import AutomtlError, RecipeError, closest
from automtl.ledger.attempts import read_attempts
from automtl.pareto import front
from automtl.results import TrialRecord, TrialStatus
from automtl.space.recipe import Budget, Recipe, find_recipe, load_recipe
from automtl.space.stored import stored_recipe
from automtl.storage.choose import absolute, check_store
from automtl.study.baselines import reuse_lines
from automtl.study.changes import refuse_changed
from automtl.study.disk import check_room, disks_of
from automtl.study.folder import Settings, StudyFolder, read_floors
from automtl.study.kept import kept_for
from automtl.study.mlflow_page import mlflow_command
from automtl.study.search import Outcome, create, opened, prepare_data, refuse_existing, run
from automtl.study.warm_start import warmed
from automtl.study.words import number

if TYPE_CHECKING:
    from automtl.study.prepared import Prepared

DISPATCHERS = ("ray", "local")

Limits = Mapping[str, int | float | None]
NO_LIMITS: Limits = MappingProxyType({})
WHOLE_LIMITS = ("trials", "epochs")


def read_recipe(name: str, *, trials: int | None = None, seed: int | None = None) -> Recipe:
    """Load a recipe by path or shipped name, with the command line's changes."""
    stated = load_recipe(find_recipe(name))
    recipe = with_limits(stated, {"trials": trials})
    if seed is not None:
        if not 0 <= seed < 2**31:
            msg = f"--seed must lie in 0 .. {2**31 - 1}, found {seed}"
            raise AutomtlError(msg, fix="Leave it out to take the recipe's seed")
        recipe = recipe.model_copy(update={"seed": seed})
    if recipe is not stated:
        _check_again(recipe)
    return recipe


def with_limits(recipe: Recipe, limits: Limits) -> Recipe:
    """Return a recipe with other limits in its budget; the recipe itself if none is given.

    Limits that are not given stay: the first that is reached ends the search.

    Raises:
        AutomtlError: If a limit is no positive number.
    """
    given = {name: limit for name, limit in limits.items() if limit is not None}
    for name, limit in given.items():
        least = 1 if name in WHOLE_LIMITS else 0
        if not math.isfinite(limit) or limit < least or limit <= 0:
            option = f"--{name.replace('_', '-')}"
            allowed = "at least 1" if least else "above 0"
            msg = f"{option} must be {allowed}, found {limit}"
            raise AutomtlError(msg, fix="Leave it out to take the recipe's budget")
    if not given:
        return recipe
    return recipe.model_copy(update={"budget": recipe.budget.model_copy(update=given)})


def _check_again(recipe: Recipe) -> None:
    """Refuse changes that the rest of a recipe does not allow.

    Raises:
        RecipeError: What does not fit.
    """
    try:
        Recipe.model_validate(recipe.to_plain())
    except ValidationError as error:
        what = "; ".join(e["msg"].removeprefix("Value error, ") for e in error.errors())
        fix = "Change the budget (--trials), or the recipe"
        raise RecipeError(what, where=recipe.name, fix=fix) from error


def start_search(
    name: str,
    folder: Path | None,
    settings: Settings,
    *,
    trials: int | None,
    seed: int | None,
) -> int:
    """Create a study and run it."""
    _check(settings)
    recipe = read_recipe(name, trials=trials, seed=seed)
    place = StudyFolder(folder or Path("studies") / recipe.name)
    refuse_changed(place, recipe)
    refuse_existing(place)
    if settings.artifacts:
        check_store(absolute(settings.artifacts))
    console = make_console()
    recipe, lines = warmed(recipe)
    for line in lines:
        say(console, line)
    # Before anything is written: a search that cannot begin leaves no folder in the way.
    prepared = prepare_data(recipe, settings, Progress(recipe, console))
    if prepared.takes is not None:
        disks, least = disks_of(place.root, settings), recipe.resources.min_free_gb
        say(console, check_room(prepared.takes(), disks, least))
    # What cannot be used is said when the search comes to it.
    kept = kept_for(recipe, place, settings, prepared, lambda _: None)
    for line in reuse_lines(recipe, kept, prepared.known):
        say(console, line)
    create(recipe, place, settings)
    return _run(console, place, recipe, prepared=prepared)


def resume_search(folder: Path, *, takeover: bool, limits: Limits = NO_LIMITS) -> int:
    """Continue a study, with a larger budget if that is asked for.

    Args:
        folder: The study's.
        takeover: Whether a lease that has expired is taken over.
        limits: Of the budget, by name, what is there already included; None leaves one as it is.
    """
    place = StudyFolder(folder)
    with opened(place) as ledger:
        known, attempts = stored_recipe(ledger.study().recipe), read_attempts(ledger)
        history = ledger.history()
    recipe = with_limits(known, limits)
    if recipe is not known:
        _refuse_spent(recipe, limits, history, took_s(attempts, history), place)
        _check_again(recipe)
    enlarged = None if recipe is known else recipe
    return _run(make_console(), place, recipe, takeover=takeover, enlarged=enlarged)


def _refuse_spent(
    recipe: Recipe,
    limits: Limits,
    history: Sequence[TrialRecord],
    elapsed_s: float,
    place: StudyFolder,
) -> None:
    """Refuse a limit that the study has reached already.

    Raises:
        AutomtlError: With what is spent.
    """
    for name, limit in limits.items():
        if limit is None:
            continue
        budget = Budget.model_validate({name: limit})
        given = recipe.model_copy(update={"budget": budget})
        spent = ending_of(given, history, elapsed_s).why
        if spent:
            option = f"--{name.replace('_', '-')}"
            msg = f"{option} counts from the begin of the study, and is spent: {spent}"
            raise AutomtlError(msg, where=str(place.root), fix="Name a larger limit")


def _run(
    console: Console,
    place: StudyFolder,
    recipe: Recipe,
    *,
    prepared: "Prepared | None" = None,
    takeover: bool = False,
    enlarged: Recipe | None = None,
) -> int:
    say(console, f"Study {recipe.name!r} in {place.root}")
    try:
        with Progress(recipe, console) as progress:
            outcome = run(place, progress, prepared=prepared, takeover=takeover, search=enlarged)
    except KeyboardInterrupt:
        say(console, "Ended at once; what the trials had reported is kept")
        say(console, resume_line(place))
        return INTERRUPTED
    show_outcome(console, place, recipe, outcome)
    if outcome.interrupted:
        return INTERRUPTED
    return OK if any(record.is_candidate for record in outcome.history) else FAILED


def show_outcome(console: Console, folder: StudyFolder, recipe: Recipe, outcome: Outcome) -> None:
    """Print counts, the front, the pick and what to do next."""
    counts = {
        status.value: n
        for status in TrialStatus
        if (n := sum(r.status is status for r in outcome.history))
    }
    each = ": " + ", ".join(f"{n} {name}" for name, n in counts.items()) if counts else ""
    say(console, f"{len(outcome.history)} trials in {outcome.elapsed_s:.0f} s{each}")
    why = why_ended(recipe, outcome.history, outcome.took_s)
    if why:
        say(console, f"Ended by {why}")
    members = front(outcome.history, recipe.objectives)
    if members:
        _show_front(console, folder, recipe, outcome.history)
    elif not outcome.interrupted:
        show_failures(console, outcome)
    if outcome.mlflow_pending:
        why = f" ({outcome.mlflow_error})" if outcome.mlflow_error else ""
        say(
            console,
            f"{outcome.mlflow_pending} events wait for MLflow{why}; "
            f"they are sent by: {resume_command(folder)}",
        )
    if outcome.interrupted:
        say(console, resume_line(folder))
        return
    say(console, f"Report:  {folder.report}")
    say(console, f"MLflow:  {mlflow_command(folder)}")
    root = shlex.quote(str(folder.root))
    if members:
        say(console, f"Next:    automtl best {root} --help; automtl export {root}")
    more = more_trials(recipe, outcome.history, outcome.took_s)
    if more is not None:
        say(console, f"More:    automtl resume {root} --trials {more}")


def _show_front(
    console: Console, folder: StudyFolder, recipe: Recipe, history: Sequence[TrialRecord]
) -> None:
    """Print the front, what it is to be compared with, and the pick."""
    floors, objectives = read_floors(folder), recipe.objectives
    console.print(trial_table("Front", front(history, objectives), objectives))
    console.print(comparison_table(floors, history, objectives))
    for floor in unbeaten(history, objectives, floors):
        say(console, floor.sentence(number(floor.value)))
    with opened(folder) as ledger:
        picks = ledger.picks()
    if picks:
        print_pick(console, picks[-1])
    if once := once_line(folder.root, history, objectives):
        say(console, once)


def show_failures(console: Console, outcome: Outcome) -> None:
    """Print each reason for an empty front once, with the number of trials that it ended."""
    if not outcome.history:
        say(console, "No trial: every configuration is over a limit. Widen `constraints`")
        return
    say(console, "No trial was trained to the end:")
    reasons = Counter(
        f"{r.failure.kind.value}: {r.failure.message}" if r.failure else r.status.value
        for r in outcome.history
    )
    for reason, n_trials in reasons.most_common():
        say(console, f"  {n_trials} trials: {reason}")


def resume_command(folder: StudyFolder) -> str:
    """Return the command that continues a study."""
    return f"automtl resume {shlex.quote(str(folder.root))}"


def resume_line(folder: StudyFolder) -> str:
    """Return the last line of a search that was stopped."""
    return f"Stopped before the budget was spent. Continue: {resume_command(folder)}"


def _check(settings: Settings) -> None:
    if settings.dispatcher not in DISPATCHERS:
        near = closest(settings.dispatcher, DISPATCHERS)
        msg = f"--dispatcher {settings.dispatcher!r} is unknown"
        raise AutomtlError(msg, fix=f"Did you mean {near!r}?" if near else "Use ray or local")
    if settings.slots is not None and settings.slots < 1:
        msg = f"--slots must be at least 1, found {settings.slots}"
        raise AutomtlError(msg, fix="Leave it out to run as many trials as fit")
