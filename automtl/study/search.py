"""The main path: lock the ledger, propose, dispatch, conclude, whatever the trials train."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from automtl.dispatch.system_metrics import with_system_metrics
from automtl.errors import AutomtlError, LedgerError
from automtl.ledger.holder import this_process
from automtl.ledger.lease import Lease
from automtl.ledger.rows import read_left_out
from automtl.ledger.store import Ledger
from automtl.ledger.studies import create_study, open_ledger
from automtl.results import StudyInfo, TrialRecord
from automtl.space.search import Search, search_digest
from automtl.space.stored import stored_recipe, stored_search
from automtl.storage.choose import absolute, check_store
from automtl.study.conclude import conclude_and_send
from automtl.study.controller import StudyController
from automtl.study.disk import DiskGuard, disks_of
from automtl.study.folder import (
    Settings,
    StudyFolder,
    load_settings,
    note_making,
    save_settings,
    write_text,
)
from automtl.study.interrupt import stop_on_interrupt
from automtl.study.kept import kept_for
from automtl.study.machine import check_machine, dispatcher_of
from automtl.study.observer import Observer
from automtl.study.prepared import Prepared
from automtl.study.stop import StopWatch

if TYPE_CHECKING:
    from automtl.experiment_log import ExperimentLog
    from automtl.space.recipe import Recipe

LEASE_TTL_S = 60.0
GRACE = MappingProxyType({"timeout_s": 30.0, "longest_s": 300.0})
"""How long the end waits for MLflow's next answer, and for all of them."""
GRACE_INTERRUPTED = MappingProxyType({"timeout_s": 5.0})
"""Who pressed Ctrl-C does not wait for a slow server; `resume` sends what is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a search ended.

    Attributes:
        interrupted: Whether the user stopped it before the budget was spent.
        history: All trials.
        elapsed_s: Seconds of this run.
        took_s: Seconds of the search, as a budget counts them.
        mlflow_pending: Events that MLflow has not got yet.
        mlflow_error: Why, if it is known.
    """

    interrupted: bool
    history: tuple[TrialRecord, ...]
    elapsed_s: float
    took_s: float
    mlflow_pending: int
    mlflow_error: str


def create(search: Search, folder: StudyFolder, settings: Settings) -> None:
    """Make the folder and the ledger of a new study.

    Raises:
        AutomtlError: If the folder already holds a study.
        StorageError: If the place of the artifacts cannot be used.
    """
    refuse_existing(folder)
    settings = replace(settings, study=search.name, artifacts=absolute(settings.artifacts))
    if settings.artifacts:
        check_store(settings.artifacts)
    folder.root.mkdir(parents=True, exist_ok=True)
    created_s = time.time()
    unfinished = note_making(folder, created_s)
    create_study(
        ledger_url(folder, settings),
        StudyInfo(
            name=search.name,
            objectives=search.objectives,
            recipe=search.to_plain(),
            recipe_digest=search_digest(search),
            seed=search.seed,
            created_s=created_s,
        ),
        unfinished=unfinished,
    )
    save_settings(folder, settings)
    folder.making.unlink()


def refuse_existing(folder: StudyFolder) -> None:
    """Raise if the folder already holds a study, or is a file."""
    if folder.root.exists() and not folder.root.is_dir():
        msg = f"{folder.root} is a file"
        raise AutomtlError(msg, fix="Name a folder with --folder")
    if folder.settings.exists():
        msg = f"{folder.root} already holds a study"
        raise AutomtlError(
            msg,
            fix=f"Continue it: automtl resume {folder.root} - or name another --folder",
        )


@contextmanager
def opened(folder: StudyFolder) -> Iterator[Ledger]:
    """Open the ledger of an existing study."""
    settings = load_settings(folder)
    with open_ledger(ledger_url(folder, settings), study=settings.study) as ledger:
        yield ledger


@contextmanager
def held(ledger: Ledger, *, takeover: bool = False) -> Iterator[Lease]:
    """Hold the study's lease, renewed in the background, for as long as the block runs."""
    lease = ledger.acquire_lease(this_process(), ttl_s=LEASE_TTL_S, takeover=takeover)
    ended = threading.Event()
    thread = threading.Thread(target=lease.keep, args=(ended,), name="lease", daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        ended.set()
        thread.join()
        lease.release()


def record_if_free(ledger: Ledger, write: Callable[[], None]) -> str:
    """Write under the lease, unless a search holds it.

    Returns:
        Why nothing was written; empty if it was.
    """
    try:
        with held(ledger):
            write()
    except LedgerError as error:
        return str(error)
    return ""


def deliver(folder: StudyFolder) -> int:
    """Send what was recorded after the search to MLflow, and return how much still waits."""
    with opened(folder) as ledger, held(ledger):
        log = _experiment_log(folder, load_settings(folder), ledger)
        log.start()
        return log.close(timeout_s=GRACE["timeout_s"], longest_s=GRACE["longest_s"])


def run(
    folder: StudyFolder,
    observer: Observer,
    *,
    takeover: bool = False,
    prepared: Prepared | None = None,
    search: Search | None = None,
    only_replicates: int | None = None,
) -> Outcome:
    """Search until the budget is spent or the user stops it.

    Args:
        folder: A study made by :func:`create`.
        observer: Told of every event.
        takeover: Take over the lease of a controller that has not renewed it in time.
        search: The search as it is stated now; its budget may have changed, its digest not.
        prepared: The training; None reads the data of the study's recipe first.
        only_replicates: Train so many new seeds of each member of the front instead.

    Returns:
        How it ended; everything else is in the ledger.
    """
    began = time.monotonic()
    settings = load_settings(folder)
    with opened(folder) as ledger, held(ledger, takeover=takeover) as lease:
        if search is not None:
            ledger.set_recipe(search.to_plain())
        search = stored_search(ledger.study().recipe)
        if prepared is None:
            recipe = stored_recipe(ledger.study().recipe)
            prepared = read_again(recipe, settings, observer)
        _check_digest(ledger, prepared)
        _keep_floors(folder, prepared)
        log = _experiment_log(folder, settings, ledger)
        log.start()
        controller = StudyController(
            recipe=search,
            ledger=ledger,
            folder=folder,
            observer=observer,
            known=prepared.known,
            disk=_guard(folder, settings, search),
            only_replicates=only_replicates,
            stop=StopWatch.of(lease),
            artifacts=settings.artifacts,
            kept=kept_for(search, folder, settings, prepared, observer.message),
        )
        _dispatch(controller, settings, prepared)
        interrupted = controller.was_stopped
        grace = GRACE_INTERRUPTED if interrupted else GRACE
        send = partial(log.close, **grace, status="KILLED" if interrupted else "FINISHED")
        pending = conclude_and_send(folder, ledger, observer, draw=prepared.draw, send=send)
        return Outcome(
            interrupted=interrupted,
            history=ledger.history(),
            elapsed_s=time.monotonic() - began,
            took_s=controller.time.elapsed_s,
            mlflow_pending=pending,
            mlflow_error=log.last_error,
        )


def prepare_data(recipe: "Recipe", settings: Settings, observer: Observer) -> Prepared:
    """Read the data, check the machine and the metrics, before anything is written.

    What will be trained beside the budget is said, too.
    """
    from automtl.study.baselines import cost_lines
    from automtl.study.vision import check_metrics

    prepared = read_again(recipe, settings, observer)
    check_metrics(recipe, prepared.floors())
    # Who goes on has heard it, and may have trained them already.
    for line in cost_lines(recipe):
        observer.message(line)
    return prepared


def read_again(recipe: "Recipe", settings: Settings, observer: Observer) -> Prepared:
    """Read the data of a study whose metrics were checked when it was begun."""
    from automtl.study.compiling import check_compiler
    from automtl.study.own_code import check_own_code
    from automtl.study.vision import prepare

    check_machine(settings, recipe)
    if not settings.ray_address:
        check_compiler(recipe)
    check_own_code(recipe)
    return prepare(recipe, settings, observer)


def _experiment_log(folder: StudyFolder, settings: Settings, ledger: Ledger) -> "ExperimentLog":
    from automtl.experiment_log import ExperimentLog

    return ExperimentLog(
        tracking_uri=settings.mlflow or folder.mlflow_uri,
        artifacts=folder.mlflow_artifacts,
        ledger=ledger,
    )


def _dispatch(controller: StudyController, settings: Settings, prepared: Prepared) -> None:
    if controller.is_over:
        return
    dispatcher = dispatcher_of(settings, controller.recipe)
    trainable = prepared.trainable
    if controller.recipe.resources.system_metrics:
        trainable = with_system_metrics(trainable)
    with stop_on_interrupt(controller, controller.observer):
        dispatcher.run(controller, trainable)


def _guard(folder: StudyFolder, settings: Settings, search: Search) -> DiskGuard:
    disks = disks_of(folder.root, settings)
    return DiskGuard(disks=disks, min_free_gb=search.resources.min_free_gb)


def _check_digest(ledger: Ledger, prepared: Prepared) -> None:
    known = ledger.study().data_digest
    # A study that an earlier version began does not know what of its data is not used.
    is_new = known == prepared.digest and not read_left_out(ledger.engine, ledger.name)
    if not known or (is_new and prepared.left_out):
        ledger.set_data(prepared.digest, prepared.left_out)
    elif known != prepared.digest:
        msg = f"the data changed since this study began (digest {known}, now {prepared.digest})"
        raise AutomtlError(
            msg,
            fix="Restore the data, or start a new study with --folder",
        )


def _keep_floors(folder: StudyFolder, prepared: Prepared) -> None:
    if not folder.floors.exists():
        write_text(folder.floors, json.dumps(prepared.floors(), indent=2) + "\n")


def ledger_url(folder: StudyFolder, settings: Settings) -> str:
    """Return where a study's ledger is."""
    return settings.ledger or f"sqlite:///{folder.ledger.resolve()}"
