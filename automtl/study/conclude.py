"""What is recorded when a search ends: ranks, a pick, a note for MLflow, the report."""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from automtl.analysis.replicates import replication_of
from automtl.controller.ending import why_ended
from automtl.controller.promotion import standing as rungs_of
from automtl.controller.took import took_s
from automtl.ledger.attempts import read_attempts
from automtl.ledger.outbox import Metrics
from automtl.ledger.rows import read_left_out
from automtl.ledger.runs import read_runs
from automtl.ledger.store import Ledger
from automtl.markdown import as_text
from automtl.pareto import front, ranks
from automtl.picks import pick
from automtl.results import Pick, StudyInfo, TrialRecord
from automtl.space.free import FreeSearch
from automtl.space.stored import stored_search
from automtl.study.artifacts import keep_report
from automtl.study.deltas import deltas_of
from automtl.study.folder import StudyFolder, read_floors
from automtl.study.lessons import lessons_of
from automtl.study.mlflow_page import mlflow_command, runs_of
from automtl.study.observer import Observer
from automtl.study.prepared import Draw, no_pictures
from automtl.study.study_metrics import study_metrics
from automtl.study.words import kind_of, number, tree_of

if TYPE_CHECKING:
    from automtl_dashboards.snapshot import Snapshot


def conclude(folder: StudyFolder, ledger: Ledger, *, draw: Draw = no_pictures) -> None:
    """Record ranks, a knee pick, pictures and the report, while the ledger is held."""
    study = ledger.study()
    history = ledger.history()
    if front(history, study.objectives):
        chosen = pick(history, study.objectives, rule="knee", created_s=time.time())
        if _is_news(chosen, ledger.picks()):
            ledger.add_pick(chosen)
    ledger.add_ranks(
        ranks_by_number(history, study),
        note=describe(study, history, ledger.picks()),
        metrics=metrics_by_number(history, study, ledger.picks()),
    )
    draw(folder, _to_draw(history, study, ledger.picks()))
    if folder.pictures.is_dir():
        ledger.add_artifact(kind="pictures", path=str(folder.pictures.resolve()))
    path = write_study_report(folder, ledger, folder.report)
    ledger.add_artifact(kind="report", path=str(path.resolve()))


def conclude_and_send(
    folder: StudyFolder,
    ledger: Ledger,
    observer: Observer,
    *,
    draw: Draw,
    send: Callable[[], int],
) -> int:
    """Record what is known at the end, as :func:`conclude` does, and send it to MLflow.

    Args:
        folder: Of the study.
        ledger: Held.
        observer: Told where the report cannot be stored.
        draw: Draws pictures.
        send: Sends what is left; returns how many events wait for the next start.

    Returns:
        What ``send`` does.
    """
    linked = read_runs(ledger.engine, ledger.name)
    conclude(folder, ledger, draw=draw)
    keep_report(folder, observer)
    n_waiting = send()
    if read_runs(ledger.engine, ledger.name) != linked:
        # A short search is over before MLflow has its first run: now there are links.
        write_study_report(folder, ledger, folder.report)
        keep_report(folder, observer)
    return n_waiting


def _to_draw(
    history: tuple[TrialRecord, ...], study: StudyInfo, picks: tuple[Pick, ...]
) -> tuple[TrialRecord, ...]:
    """Return the trials to draw, in the order in which the report shows them."""
    from automtl_dashboards.standing import notable, standing_of

    standing = standing_of(history, study.objectives, picks, floors=None)
    return notable(history, standing, limit=len(history))


def _is_news(chosen: Pick, earlier: tuple[Pick, ...]) -> bool:
    # A search that is resumed with nothing left to do must not undo a pick made by hand since.
    same = [p for p in earlier if p.rule == chosen.rule and p.inputs == chosen.inputs]
    return not same or not _is_same(same[-1], chosen)


def keep_pick(ledger: Ledger, chosen: Pick) -> None:
    """Record a pick, unless it is the one that counts already: then MLflow has nothing to hear."""
    earlier = ledger.picks()
    if not earlier or not _is_same(earlier[-1], chosen):
        ledger.add_pick(chosen)


def _is_same(one: Pick, other: Pick) -> bool:
    return one.model_copy(update={"created_s": other.created_s}) == other


def ranks_by_number(history: tuple[TrialRecord, ...], study: StudyInfo) -> dict[int, int]:
    """Return the Pareto rank of every candidate, 0 for the front."""
    found = [
        (record.number, vector)
        for record in history
        if record.is_candidate and (vector := record.vector(study.objectives)) is not None
    ]
    if not found:
        return {}
    losses = [
        [o.as_loss(value) for o, value in zip(study.objectives, vector, strict=True)]
        for _, vector in found
    ]
    return {number: int(rank) for (number, _), rank in zip(found, ranks(losses), strict=True)}


def metrics_by_number(
    history: tuple[TrialRecord, ...], study: StudyInfo, picks: tuple[Pick, ...]
) -> Metrics:
    """Return what is known of trials beside their values, and by None of the study itself.

    Of trials: delta-m, and what new seeds say: their number, means, half of each interval, the
    probability of the front.
    """
    found: dict[int | None, dict[str, float]]
    found = {None: study_metrics(history, study.objectives, picks)}
    found |= {number: dict(d.as_values()) for number, d in deltas_of(history).deltas.items()}
    again = replication_of(history, study.objectives)
    for member in again.members if again else ():
        values = {"n_seeds": float(len(member.seeds)), "p_front": member.p_front}
        values |= {f"mean/{metric}": mean for metric, mean in member.means.items()}
        values |= {f"half_interval/{m}": h for m, h in member.half.items() if math.isfinite(h)}
        known = found.setdefault(member.number, {})
        known.update({f"replicates/{key}": value for key, value in values.items()})
    return found


def describe(study: StudyInfo, history: tuple[TrialRecord, ...], picks: tuple[Pick, ...]) -> str:
    """Describe a study in Markdown, for the MLflow run's page: the front as a table."""
    metrics = [o.metric for o in study.objectives]
    lines = [
        f"| trial | {' | '.join(map(as_text, metrics))} | shared stages | weighting | schedule |",
        "|" + " --- |" * (len(metrics) + 4),
    ]
    for record in front(history, study.objectives):
        values = " | ".join(number(record.values.get(metric)) for metric in metrics)
        names = (tree_of(record), kind_of(record, "weighting"), kind_of(record, "schedule"))
        lines.append(f"| {record.number} | {values} | {' | '.join(map(as_text, names))} |")
    said = f"Pick: trial {picks[-1].number}. {as_text(picks[-1].reason)}" if picks else ""
    pick_line = [said, ""] if picks else []
    return "\n".join([*pick_line, "Front:", "", *lines])


def write_study_report(folder: StudyFolder, ledger: Ledger, out: Path) -> Path:
    """Write the report from what the ledger holds now."""
    from importlib import import_module

    # plotly looks into pandas as soon as anybody began to import it, whole or not, and the
    # experiment log's thread may be doing that right now: wait until it is whole.
    import_module("pandas")
    from automtl_dashboards.report import write_report

    return write_report(out, snapshot_of(folder, ledger))


def snapshot_of(folder: StudyFolder, ledger: Ledger) -> "Snapshot":
    """Return what the ledger and the study's folder say now, as a report shows it."""
    from automtl_dashboards.gallery import read_gallery

    facts = facts_of(ledger)
    elapsed_s = took_s(facts.attempts, facts.history)
    why = why_ended(stored_search(facts.study.recipe), facts.history, elapsed_s)
    return replace(
        facts,
        floors=read_floors(folder),
        gallery=read_gallery(folder.pictures),
        runs=runs_of(folder, ledger),
        notes={"MLflow": mlflow_command(folder)}
        | _waiting_for_mlflow(ledger)
        | _commands(facts.study, folder)
        | ({"Ended by": why} if why else {}),
    )


def facts_of(ledger: Ledger) -> "Snapshot":
    """Return what the ledger alone says now."""
    from automtl_dashboards.runs import Runs
    from automtl_dashboards.snapshot import Snapshot

    # A search may go on meanwhile: the trials come last, so that all of which the others speak
    # are among them.
    attempts, picks, notes = read_attempts(ledger), ledger.picks(), ledger.notes()
    runs = Runs(ids=read_runs(ledger.engine, ledger.name))
    study, history = ledger.study(), ledger.history()
    return Snapshot(
        study=study,
        history=history,
        picks=picks,
        lessons=lessons_of(history, study.objectives),
        attempts=attempts,
        left_out=read_left_out(ledger.engine, ledger.name),
        rungs=rungs_of(stored_search(study.recipe), history),
        runs=runs,
        trial_notes=notes,
    )


def _waiting_for_mlflow(ledger: Ledger) -> dict[str, str]:
    n_pending = ledger.outbox.count_pending()
    if not n_pending:
        return {}
    events = "1 event" if n_pending == 1 else f"{n_pending} events"
    return {"Not in MLflow yet": f"{events}; automtl resume sends what waits"}


def _commands(study: StudyInfo, folder: StudyFolder) -> dict[str, str]:
    """Return what to run next; trainings of a user's own go on from the user's own script."""
    if isinstance(stored_search(study.recipe), FreeSearch):
        return {"Resume": "run the script that began it again"}
    verbs = {"Resume": "resume", "New seeds": "replicate", "Export": "export"}
    return {name: f"automtl {verb} {folder.root}" for name, verb in verbs.items()}
