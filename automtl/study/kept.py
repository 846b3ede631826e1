"""Baselines that earlier searches trained, kept beside the studies for later ones.

A file holds what one training reported, under a name made of all that decides it: configuration,
seed, data, the source of the training and the versions of its libraries. It appears whole or not
at all, so that searches may read and write at the same time.
"""

import json
import os
import platform
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from automtl.config import Frozen, TrialConfig, digest_of
from automtl.controller.baselines import BASELINE, alone
from automtl.dispatch.base import Controller
from automtl.results import Decision, EpochReport, TrialRecord, TrialStatus
from automtl.reuse import REUSED, reused_from
from automtl.space.parameter_base import Scalar
from automtl.space.search import Search
from automtl.study.folder import Settings, StudyFolder
from automtl.study.prepared import Prepared

FORMAT = 1
T = TypeVar("T", bound=Frozen)

NAMED_WEIGHTS = ("none", "imagenet")
"""Starting weights that the versions of the libraries name; others are files that may change."""


class KeptReport(Frozen):
    """What a training said after an epoch."""

    epoch: int
    values: Mapping[str, float]


class Kept(Frozen):
    """What a training of a baseline reported, and where it comes from.

    Attributes:
        format: Version of this layout.
        reports: By epoch.
        study: Name of the study that trained it.
        trial: Its number there.
        ended_s: Unix time of its end.
        host: The machine; what was measured in seconds is of it.
    """

    format: int = FORMAT
    reports: tuple[KeptReport, ...]
    study: str
    trial: int
    ended_s: float
    host: str

    @property
    def origin(self) -> str:
        """Where it was trained, for people."""
        day = time.strftime("%Y-%m-%d", time.gmtime(self.ended_s))
        return f"{REUSED}trial {self.trial} of the study {self.study!r}, {day}, on {self.host}"

    @property
    def note(self) -> str:
        """One line on what is shown for the trial that reuses it."""
        return f"{self.origin}; seconds, memory and latency are what that machine measured"


class KeptPoint(Frozen):
    """The point of one turn in a task's own search.

    Attributes:
        format: Version of this layout.
        point: As the sampler proposed it.
    """

    format: int = FORMAT
    point: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBaselines:
    """The folder of them.

    Attributes:
        folder: It is made when the first one is kept.
        identity: Of the trainings (``automtl.study.identity``).
        search: The search that reads and writes.
        say: Told, once, of each file that cannot be used and of what cannot be kept.
    """

    folder: Path
    identity: str
    search: Search
    say: Callable[[str], None]
    _said: set[Path] = field(default_factory=set)

    def of(self, config: TrialConfig, seed: int) -> Kept | None:
        """Return what the same training gave, if it is kept and whole."""
        if not _may_be_kept(config):
            return None
        return self._read(self._training(config, seed), Kept)

    def of_trial(self, record: TrialRecord) -> Kept | None:
        """Return what the training of a trial of this study would give, if that is known."""
        if not record.origin.startswith(BASELINE):
            return None
        return self.of(TrialConfig.from_plain(record.config), record.seed)

    def point_of(self, task: str, turn: int) -> Mapping[str, Scalar] | None:
        """Return the point that the task's own search had at a turn, from 0, if it is known.

        Which point a sampler proposes depends on which trials had ended by then. With the point
        of the same turn of the same search a repetition does not depend on that.
        """
        found = self._read(self._turn(task, turn), KeptPoint)
        return None if found is None else found.point

    def keep(self, record: TrialRecord, *, turn: int) -> None:
        """Keep a baseline that was trained to its end.

        Args:
            record: Its trial.
            turn: Its place among the trials of its baseline, from 0.
        """
        is_baseline = record.origin.startswith(BASELINE)
        if record.status is not TrialStatus.COMPLETED or reused_from(record) or not is_baseline:
            return
        config = TrialConfig.from_plain(record.config)
        # In halves batch norms see other batches: that is not what the next search would train.
        if record.micro_batches > 1 or not _may_be_kept(config):
            return
        kept = Kept(
            reports=tuple(KeptReport(epoch=r.epoch, values=r.values) for r in record.reports),
            study=self.search.name,
            trial=record.number,
            ended_s=record.ended_s or 0.0,
            host=platform.node(),
        )
        task = record.origin.removeprefix(BASELINE)
        try:
            if task in self.search.tuned_alone:
                _write(self._turn(task, turn), KeptPoint(point=record.point))
            _write(self._training(config, record.seed), kept)
        except OSError as error:
            self.say(
                f"Trial {record.number} is not kept for other searches: {self.folder} cannot be "
                f"written ({error.strerror})"
            )

    def _training(self, config: TrialConfig, seed: int) -> Path:
        return self.folder / f"{digest_of([self.identity, config.to_plain(), seed])}.json"

    def _turn(self, task: str, turn: int) -> Path:
        space = alone(self.search.space, task)
        assert space.base is not None, "a search that tunes tasks alone has configurations"
        asked = {
            "identity": self.identity,
            "parameters": {n: p.model_dump(mode="json") for n, p in space.parameters.items()},
            "objectives": [o.model_dump(mode="json") for o in space.objectives],
            "base": space.base.to_plain(),
            "sampler": self.search.sampler.model_dump(mode="json"),
            "constraints": [limit.model_dump(mode="json") for limit in self.search.constraints],
            "seed": self.search.seed,
            "turn": turn,
        }
        return self.folder / f"turn-{digest_of(asked)}.json"

    def _read(self, path: Path, kind: type[T]) -> T | None:
        try:
            whole = json.loads(path.read_text(encoding="utf-8"))
            if digest_of(whole["body"]) == whole["digest"]:
                return kind.model_validate(whole["body"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            why = type(error).__name__
        else:
            why = "its digest is another one"
        if path not in self._said:
            self._said.add(path)
            self.say(f"{path} cannot be used ({why}): what it holds is trained again")
        return None


def kept_for(
    search: Search,
    folder: StudyFolder,
    settings: Settings,
    prepared: Prepared,
    say: Callable[[str], None],
) -> KeptBaselines | None:
    """Return the baselines of earlier searches; None where there is no use for them."""
    if not (settings.cache and prepared.identity and search.baseline_names):
        return None
    return KeptBaselines(
        folder=folder.kept_baselines, identity=prepared.identity, search=search, say=say
    )


def replay(kept: Kept, record: TrialRecord, desk: Controller, clock: Callable[[], float]) -> None:
    """Report an earlier training as a trial's own, as a dispatcher would.

    A controller that is killed in between leaves a trial that runs; its successor begins another
    attempt, which repeats all of it.
    """
    for report in kept.reports:
        told = EpochReport(
            attempt=record.attempts, epoch=report.epoch, values=report.values, time_s=clock()
        )
        if desk.on_report(record.number, told) is not Decision.CONTINUE:
            break
    desk.on_end(record.number, record.attempts, None)


def _may_be_kept(config: TrialConfig) -> bool:
    """Whether all that decides the training is known: no code and no file of the user's own."""
    return not config.own_code and config.backbone.weights in NAMED_WEIGHTS


def _write(path: Path, body: Frozen) -> None:
    """Write a file that a reader finds whole or not at all; of two writers the last one stays."""
    plain: dict[str, Any] = body.model_dump(mode="json")
    text = json.dumps({"digest": digest_of(plain), "body": plain}, indent=1) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with part.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
