"""What a trial gave: objective values by epoch, cost, status and reason.

A *history* is a sequence of :class:`TrialRecord`, by number, as the ledger holds it. Everything
that decides (controller, picks, report) is a function of the space and a history.
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Literal

from pydantic import Field

from automtl.config import Frozen
from automtl.config.trial import NAMED_BASELINES

Point = Mapping[str, float | int | str | bool]
"""Active parameters of a trial by name: what a sampler proposed."""

OVER = "over"
"""Reported as 1 with the last epoch of a training that its schedule ends early."""

REPLICATE = "replicate:"
"""What stands before the source's number in the origin of a replicate."""


class Objective(Frozen):
    """A number to optimise.

    Attributes:
        metric: Key in the values that a trial reports.
        goal: Direction.
        unit: Unit for people, empty for a share in [0, 1].
        reference: Worst value that still counts for the hypervolume.
    """

    metric: str = Field(min_length=1, max_length=100)
    goal: Literal["maximize", "minimize"]
    unit: str = ""
    reference: float | None = None

    @property
    def maximize(self) -> bool:
        """Whether larger is better."""
        return self.goal == "maximize"

    def as_loss(self, value: float) -> float:
        """Turn a value so that smaller is better."""
        return -value if self.maximize else value


class TrialStatus(StrEnum):
    """Where a trial stands. The last four are final."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"
    INFEASIBLE = "infeasible"

    @property
    def is_final(self) -> bool:
        """Whether nothing more can happen to the trial."""
        return self not in (TrialStatus.QUEUED, TrialStatus.RUNNING, TrialStatus.PAUSED)


class FailureKind(StrEnum):
    """Why a trial failed."""

    NON_FINITE = "non_finite"
    OUT_OF_MEMORY = "out_of_memory"
    MISSING_METRIC = "missing_metric"
    LOST_WORKER = "lost_worker"
    HUNG = "hung"
    DISK_FULL = "disk_full"
    STORAGE = "storage"
    BAD_CONFIG = "bad_config"
    BAD_DATA = "bad_data"
    ERROR = "error"


class Failure(Frozen):
    """Why a trial failed: a kind for programs, the first line of the real error for people."""

    kind: FailureKind
    message: str


class Setback(Frozen):
    """An attempt that failed and after which the trial was tried again.

    Attributes:
        attempt: The execution, from 1.
        failure: Why it failed.
    """

    attempt: int
    failure: Failure


class Note(Frozen):
    """What an attempt had to say besides its numbers.

    Attributes:
        number: The trial.
        attempt: The execution, from 1.
        text: One line for people.
    """

    number: int
    attempt: int
    text: str


class EpochReport(Frozen):
    """What a trial reported after one epoch.

    Attributes:
        attempt: The execution that reported, from 1.
        epoch: From 1.
        values: Metrics by key (``detection/mAP``, ``loss/tracking``, ``parameters`` ...).
        time_s: Unix time.
    """

    attempt: int
    epoch: int
    values: Mapping[str, float]
    time_s: float


class TrialRecord(Frozen):
    """A trial as the ledger holds it.

    Attributes:
        number: Dense from 0.
        point: Active parameters.
        config: The whole configuration as a plain dict.
        config_digest: Digest of ``config``.
        origin: Who proposed it: ``default``, ``enqueued``, ``sampler``, ``baseline:TASK``,
            ``baseline:NAME`` with a name of `NAMED_BASELINES`, ``replicate:NUMBER``.
        seed: Seed of the training.
        status: Where it stands.
        reports: All reports of the newest attempt and what it resumed from, by epoch.
        best_epoch: The epoch whose values count, for a trial that has any.
        values: The values that count; empty unless completed or stopped.
        failure: Why it failed.
        attempts: Executions so far.
        setbacks: Those of them that failed and were followed by another try, oldest first.
        created_s: Unix time of the proposal.
        started_s: Unix time of the first execution.
        ended_s: Unix time of the end.
        worker: Where it ran, for people.
    """

    number: int
    point: Point
    config: Mapping[str, object]
    config_digest: str
    origin: str = "sampler"
    seed: int = 0
    status: TrialStatus = TrialStatus.QUEUED
    reports: tuple[EpochReport, ...] = ()
    best_epoch: int | None = None
    values: Mapping[str, float] = {}
    failure: Failure | None = None
    attempts: int = 0
    setbacks: tuple[Setback, ...] = ()
    created_s: float = 0.0
    started_s: float | None = None
    ended_s: float | None = None
    worker: str = ""

    def vector(self, objectives: Sequence[Objective]) -> tuple[float, ...] | None:
        """Return the objective values in order, or None if one is missing or not finite."""
        found = tuple(self.values.get(o.metric, math.nan) for o in objectives)
        return found if all(map(math.isfinite, found)) else None

    def n_setbacks(self, kind: FailureKind) -> int:
        """Count the attempts that failed in one way and were followed by another try."""
        return sum(setback.failure.kind is kind for setback in self.setbacks)

    def waiting_again(self, failure: Failure | None) -> "TrialRecord":
        """Return the trial as it waits for its next attempt, the last one having failed or not."""
        new = () if failure is None else (Setback(attempt=self.attempts, failure=failure),)
        queued = {"status": TrialStatus.QUEUED, "setbacks": self.setbacks + new}
        return self.model_copy(update=queued)

    @property
    def micro_batches(self) -> int:
        """In how many parts the next attempt takes each batch: two after memory ran out once."""
        return 2 if self.n_setbacks(FailureKind.OUT_OF_MEMORY) else 1

    @property
    def baseline(self) -> str | None:
        """The name of the baseline of all tasks that the trial is, if it is one."""
        name = self.origin.removeprefix("baseline:")
        return name if name != self.origin and name in NAMED_BASELINES else None

    @property
    def is_candidate(self) -> bool:
        """Whether the trial competes for the front and was trained to its end."""
        return self.competes and self.status is TrialStatus.COMPLETED

    @property
    def competes(self) -> bool:
        """Whether the trial is one of the search: no baseline, no replicate."""
        return not self.origin.startswith(("baseline", REPLICATE))

    @property
    def replicate_of(self) -> int | None:
        """The trial whose configuration this one trains again with a new seed, if it does."""
        source = self.origin.removeprefix(REPLICATE)
        return int(source) if source != self.origin else None


class TrialOrder(Frozen):
    """What a worker needs to run one attempt of a trial.

    Attributes:
        number: The trial.
        attempt: The execution, from 1.
        point: Active parameters.
        config: The whole configuration as a plain dict.
        seed: Seed of the training.
        folder: Folder of the trial for checkpoints and weights, as this machine sees it.
        artifacts: Address of what is kept of the trial, if that is not ``folder`` itself.
        resume: Whether a checkpoint is to be continued.
        resources: ``cpu`` and ``gpu`` shares for the dispatcher.
        epochs_done: Epochs that earlier attempts reported.
        micro_batches: In how many parts, one after the other, a step takes its batch; more than 1
            after an attempt ran out of memory.
    """

    number: int = Field(ge=0)
    attempt: int = Field(ge=1)
    point: Point
    config: Mapping[str, object]
    seed: int
    folder: str
    artifacts: str = ""
    resume: bool = False
    resources: Mapping[str, float] = {"cpu": 1.0, "gpu": 0.0}
    epochs_done: int = 0
    micro_batches: int = Field(default=1, ge=1)


class Decision(StrEnum):
    """What a trial does after a report."""

    CONTINUE = "continue"
    PAUSE = "pause"
    STOP = "stop"


class StudyInfo(Frozen):
    """A study as the ledger holds it.

    Attributes:
        name: The study's name.
        objectives: In order.
        recipe: The resolved recipe as a plain dict.
        recipe_digest: Digest of the parts of the recipe that decide trials.
        seed: Study seed.
        created_s: Unix time.
        data_digest: Digest of the frames and labels, once they have been read.
        mlflow_run: Id of the parent run, once it exists.
        mlflow_experiment: Id of the experiment that it is in.
    """

    name: str
    objectives: tuple[Objective, ...]
    recipe: Mapping[str, object]
    recipe_digest: str
    seed: int
    created_s: float
    data_digest: str = ""
    mlflow_run: str = ""
    mlflow_experiment: str = ""


class Pick(Frozen):
    """A model chosen from the front, with the rule that chose it.

    Attributes:
        number: The trial.
        rule: One of ``automtl.picks.RULES``; the limits are in ``inputs``.
        inputs: What the rule was given.
        reason: One sentence for people: why this one, what it gives up.
        alternatives: Other members of the front, best first.
        created_s: Unix time.
    """

    number: int
    rule: str
    inputs: Mapping[str, object] = {}
    reason: str
    alternatives: tuple[int, ...] = ()
    created_s: float = 0.0
