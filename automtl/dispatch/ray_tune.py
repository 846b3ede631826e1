"""Run trials on Ray Tune, on this machine or on a cluster."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from automtl.dispatch.base import Controller, Trainable
from automtl.dispatch.ray_cluster import LOCAL, connected, quiet
from automtl.dispatch.resources import fitting_slots
from automtl.dispatch.watchdog import Watchdog
from automtl.errors import DispatchError

__all__ = ["LOCAL", "RayTuneDispatcher"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RayTuneDispatcher:
    """Runs trials at the same time, each in a process of its own that later trials reuse.

    The trainable is put into Ray's object store once; the numpy arrays that it holds are mapped
    by every worker without a copy and are read-only there.

    Attributes:
        slots: Trials at a time, or None for as many as fit.
        address: ``local`` starts Ray here and ends it afterwards; else a running cluster.
        resources: ``cpu`` and ``gpu`` share of a trial, for counting the slots; each order
            carries its own.
        scratch: Folder for Tune's own files, which are removed at the end; None means the
            system's temporary folder.
        stop_grace_s: Seconds that running trials get to reach their next report after the
            user asked to stop; then their processes are ended.
        max_silence_s: Seconds without a report after which a running trial counts as hung and
            its process is ended.
    """

    slots: int | None = None
    address: str = LOCAL
    resources: Mapping[str, float] = field(default_factory=lambda: {"cpu": 1.0, "gpu": 0.0})
    scratch: Path | None = None
    stop_grace_s: float = 10.0
    max_silence_s: float = 3600.0

    def run(self, controller: Controller, trainable: Trainable) -> None:
        """Run to the end of the study.

        Raises:
            DispatchError: If Ray cannot be reached, or a trial asks for more than any machine has.
        """
        with quiet(), connected(self.address, n_cpus=self._asked_cpus) as nodes:
            fits = fitting_slots(nodes, self.resources)
            slots = fits if self.slots is None else min(self.slots, fits)
            with tempfile.TemporaryDirectory(dir=self.scratch, prefix="tune-") as folder:
                _tune(self, controller, trainable, nodes=nodes, slots=slots, folder=folder)

    @property
    def _asked_cpus(self) -> float:
        # Somebody who asks for more slots than cores gets them; Ray's CPUs are only numbers.
        return (self.slots or 0) * self.resources.get("cpu", 0.0)


def _tune(
    dispatcher: RayTuneDispatcher,
    controller: Controller,
    trainable: Trainable,
    *,
    nodes: Sequence[Mapping[str, float]],
    slots: int,
    folder: str,
) -> None:
    from ray import tune
    from ray.tune.error import TuneError

    from automtl.dispatch.ray_bridge import Bridge, OrderScheduler, OrderSearcher, StopAfterGrace
    from automtl.dispatch.ray_ends import known_ends

    bridge = Bridge(controller, nodes)
    watchdog = Watchdog(limit_s=dispatcher.max_silence_s, clock=time.monotonic)
    scheduler = OrderScheduler(bridge, watchdog)
    try:
        with known_ends():
            tune.run(
                _shared_with_workers(trainable),
                name="study",
                search_alg=OrderSearcher(bridge),
                scheduler=scheduler,
                stop=StopAfterGrace(bridge, scheduler, dispatcher.stop_grace_s),
                # Without a limit Tune lets a foreign searcher have one pending trial only.
                max_concurrent_trials=slots,
                num_samples=-1,
                reuse_actors=True,
                raise_on_failed_trial=False,
                storage_path=folder,
                trial_dirname_creator=lambda trial: f"trial-{trial.trial_id}",
                verbose=0,
            )
    except TuneError as error:
        raise (bridge.error or error) from None


def _shared_with_workers(trainable: Trainable) -> type[object]:
    """Put the trainable into the object store, once for all trials."""
    from ray import tune

    from automtl.dispatch.ray_worker import TrialWorker

    try:
        worker: type[object] = tune.with_parameters(TrialWorker, training=trainable)
    except TypeError as error:
        first = str(error).strip().splitlines()[0].rstrip(": ")
        what = f"the training cannot be sent to other processes ({first})"
        fix = "Open files, locks and connections inside the training, or run with one process"
        raise DispatchError(what, fix=fix) from error
    return worker
