"""Decisions are functions of the history, whoever takes them.

A controller that lived through a study remembers what it read off each trial. One that takes over
after a kill remembers nothing. Both must decide the same at every moment, to the bit.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from automtl.controller.constraints import violations
from automtl.controller.ending import ending_of
from automtl.controller.promotion import standing, stopping_rule
from automtl.controller.propose import propose
from automtl.controller.replication import missing_replicates
from automtl.controller.stopping import Phase
from automtl.results import (
    OVER,
    Decision,
    EpochReport,
    Failure,
    FailureKind,
    TrialRecord,
    TrialStatus,
)
from automtl.space.free import FreeSearch
from automtl.space.recipe import Recipe
from automtl.space.search import Search

S = TrialStatus
EPOCHS = 9
NUMBERS: dict[str, Any] = {
    "x": {"type": "float", "min": 0, "max": 1},
    "y": {"type": "float", "min": 1e-3, "max": 1, "log": True},
    "n": {"type": "int", "min": 1, "max": 12, "step": 3},
}
BRANCHES: dict[str, Any] = {
    **NUMBERS,
    "kind": {"type": "categorical", "values": ["a", "b", "c"]},
    "a.rate": {"type": "float", "min": 0, "max": 1, "when": {"kind": "a"}},
    "b.size": {"type": "int", "min": 1, "max": 64, "log": True, "when": {"kind": "b"}},
    "b.fast": {"type": "bool", "when": {"kind": "b"}},
}
PROMOTION = {"kind": "promotion", "eta": 3}
BY_DISTANCE = {"kind": "promotion", "eta": 2, "ties": "spread", "rungs": [1, 2, 5]}
LIMIT = {"metric": "third", "max": 0.9}
BELIEVED = {**NUMBERS, "x": {**NUMBERS["x"], "prior": {"at": 0.4}}}


def free(n_objectives: int, parameters: Mapping[str, Any], **parts: Any) -> FreeSearch:
    objectives = [
        {"metric": "first", "goal": "minimize"},
        {"metric": "second", "goal": "maximize"},
        {"metric": "third", "goal": "minimize"},
    ]
    plain = {
        "name": "lived",
        "seed": 5,
        "objectives": objectives[:n_objectives],
        "parameters": parameters,
        "budget": {"trials": 1_000},
        "epochs": EPOCHS,
    }
    return FreeSearch.model_validate({**plain, **parts})


def vision() -> Recipe:
    return Recipe.model_validate(
        {
            "name": "lived",
            "data": {"train": [{"kind": "shapes"}], "validation": [{"kind": "shapes", "seed": 1}]},
            "objectives": [
                {"metric": "detection/mAP", "goal": "maximize"},
                {"metric": "tracking/IDF1", "goal": "maximize"},
            ],
            "base": {"backbone": {"name": "tiny"}, "optimizer": {"epochs": EPOCHS}},
            "parameters": {
                "optimizer.lr": {"type": "float", "min": 1e-3, "max": 1e-2, "log": True},
                "sharing.split_after.0": {"type": "int", "min": 0, "max": 4},
                "schedule.kind": {"type": "categorical", "values": ["joint", "alternating"]},
                "schedule.block": {
                    "type": "int",
                    "min": 1,
                    "max": 8,
                    "when": {"schedule.kind": "alternating"},
                },
            },
            "enqueue": [{"optimizer.lr": 0.005}],
            "baselines": {
                "single_task": {"tasks": ["detection", "tracking"], "trials": 4},
                "equal_weights": True,
            },
            "early_stopping": PROMOTION,
            "budget": {"trainings": 900},
        }
    )


SEARCHES: Mapping[str, Search] = {
    "one objective": free(1, BRANCHES),
    "three objectives within a limit": free(3, BRANCHES, constraints=[LIMIT]),
    "one objective, promotion": free(1, NUMBERS, early_stopping=PROMOTION),
    "numbers, promotion": free(2, NUMBERS, early_stopping=PROMOTION, budget={"epochs": 9_000}),
    "branches, promotion": free(
        3,
        BRANCHES,
        early_stopping=BY_DISTANCE,
        constraints=[LIMIT],
        budget={"gpu_hours": 9_000, "stall": {"trials": 5, "gain": 1e-9}},
        resources={"gpu": 0.5},
    ),
    "priors": free(2, BELIEVED, early_stopping=PROMOTION, budget={"minutes": 1e6}),
    "genetic": free(
        2, BRANCHES, early_stopping=PROMOTION, sampler={"kind": "nsga2", "population": 6}
    ),
    "a vision recipe with baselines": vision(),
}


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What a controller sees when it has to decide.

    ``arriving``: who has just reported; None where a slot is free.
    """

    history: tuple[TrialRecord, ...]
    arriving: int | None = None
    elapsed_s: float = 0.0


def decided(search: Search, now: Moment) -> tuple[object, ...]:
    """Everything that a controller decides from a history, in this order."""
    rule, history = stopping_rule(search), now.history
    if now.arriving is not None:
        return (rule.decide(history, now.arriving),)
    found = propose(search, history)
    return (
        *(rule.resumes(history, phase) for phase in Phase),
        None if found is None else (found.number, found.origin, found.seed, dict(found.point)),
        ending_of(search, history, now.elapsed_s),
        standing(search, history),
    )


@dataclass
class Life:
    """A study that has no luck: trials fail, are interrupted, leave values out, end early.

    Three run at a time and end in any order. After two thirds of the trials the front is
    replicated, and the search goes on.
    """

    search: Search
    n_trials: int
    rng: random.Random
    history: list[TrialRecord] = field(default_factory=list)
    moments: list[tuple[Moment, tuple[object, ...]]] = field(default_factory=list)
    is_replicated: bool = False

    def run(self) -> None:
        while True:
            while len(self._with(S.RUNNING)) < 3 and self._begin():
                pass
            running = self._with(S.RUNNING)
            if not running:
                return
            self._step(self.rng.choice(running))

    def _with(self, status: TrialStatus) -> list[int]:
        return [record.number for record in self.history if record.status is status]

    def _decided(self, arriving: int | None = None) -> tuple[object, ...]:
        elapsed_s = 10.0 * len(self.moments)
        now = Moment(history=tuple(self.history), arriving=arriving, elapsed_s=elapsed_s)
        self.moments.append((now, decided(self.search, now)))
        return self.moments[-1][1]

    def _begin(self) -> bool:
        is_open = len(self.history) < self.n_trials
        if 3 * len(self.history) > 2 * self.n_trials and not self.is_replicated:
            self.is_replicated = True
            for one in missing_replicates(self.history, self.search.objectives, 1):
                self._add(one.source.point, one.source.config, one.origin)
        by_phase = dict(zip(Phase, self._decided(), strict=False))
        promoted: Any = by_phase[Phase.OPEN if is_open else Phase.CLOSING]
        queued = self._with(S.QUEUED)
        if not queued and promoted is None and is_open:
            found = propose(self.search, self.history)
            if found is not None:
                queued = [self._add(found.point, found.config.to_plain(), found.origin)]
        number = queued[0] if queued else promoted
        if number is None:
            return False
        record = self.history[number]
        self._change(
            number,
            status=S.RUNNING,
            attempts=record.attempts + 1,
            started_s=record.started_s or self._now,
        )
        return True

    def _step(self, number: int) -> None:
        record = self.history[number]
        chance = self.rng.random()
        if chance < 0.04:
            failure = Failure(kind=FailureKind.ERROR, message="no luck")
            if record.setbacks:
                self._change(number, status=S.FAILED, failure=failure, ended_s=self._now)
            else:
                self.history[number] = record.waiting_again(failure)
        elif chance < 0.07:
            self._change(number, status=S.QUEUED)
        else:
            self._report(record)

    def _report(self, record: TrialRecord) -> None:
        number, epoch = record.number, len(record.reports) + 1
        values = dict(self._values(record, epoch))
        if epoch == EPOCHS or self.rng.random() < 0.02:
            values[OVER] = float(epoch < EPOCHS)
        report = EpochReport(attempt=record.attempts, epoch=epoch, values=values, time_s=self._now)
        self._change(number, reports=(*record.reports, report))
        (decision,) = self._decided(number)
        if OVER in values:
            self._end(number, values)
        elif decision is Decision.PAUSE:
            self._change(number, status=S.PAUSED)

    def _end(self, number: int, values: Mapping[str, float]) -> None:
        wanted = [objective.metric for objective in self.search.objectives]
        if not values.keys() >= set(wanted):
            self._change(number, status=S.FAILED, ended_s=self._now)
            return
        status = S.INFEASIBLE if violations(self.search, values) else S.COMPLETED
        self._change(number, status=status, values=values, ended_s=self._now)

    def _values(self, record: TrialRecord, epoch: int) -> Iterator[tuple[str, float]]:
        """Coarse, so that trials tie; now and then one is missing."""
        own = random.Random(f"{self.search.seed} {sorted(record.point.items())}")
        for objective in self.search.objectives:
            end, pace = own.randint(0, 9) / 10, own.randint(1, 4)
            if self.rng.random() > 0.03:
                loss = end + pace / epoch + self.rng.randint(0, 1) / 10
                yield objective.metric, objective.as_loss(loss)

    def _add(self, point: Mapping[str, Any], config: Mapping[str, object], origin: str) -> int:
        record = TrialRecord(
            number=len(self.history),
            point=dict(point),
            config=config,
            config_digest=str(len(self.history)),
            origin=origin,
            created_s=self._now,
        )
        self.history.append(record)
        return record.number

    def _change(self, number: int, **changes: object) -> None:
        self.history[number] = self.history[number].model_copy(update=changes)

    @property
    def _now(self) -> float:
        return 7.0 * len(self.moments)


@cache
def lived(name: str, seed: int = 0, n_trials: int = 36) -> Sequence[tuple[Moment, object]]:
    life = Life(search=SEARCHES[name], n_trials=n_trials, rng=random.Random(seed))
    life.run()
    return life.moments


@pytest.mark.parametrize("name", SEARCHES)
def test_who_remembers_decides_as_who_sees_the_history_for_the_first_time(name: str) -> None:
    for moment, found in lived(name):
        # What is remembered holds for a record, not for another one that is equal.
        unknown = tuple(record.model_copy() for record in moment.history)
        again = Moment(history=unknown, arriving=moment.arriving, elapsed_s=moment.elapsed_s)
        # As text, in which NaN is NaN and every bit of a number is seen.
        assert repr(decided(SEARCHES[name], again)) == repr(found)


def test_the_lives_have_what_makes_decisions_hard() -> None:
    histories = {name: lived(name)[-1][0].history for name in SEARCHES}
    every = [record for history in histories.values() for record in history]
    assert {S.COMPLETED, S.FAILED, S.INFEASIBLE} <= {record.status for record in every}
    assert any(record.setbacks for record in every)
    stopping = [name for name, search in SEARCHES.items() if search.rungs]
    for name in stopping:
        moments = lived(name)
        assert any(found == (Decision.PAUSE,) for _, found in moments)
        assert any(record.attempts > 1 for record in histories[name])
    for name, history in histories.items():
        assert any(record.replicate_of is not None for record in history), name
        ends = [record.ended_s for record in history if record.ended_s is not None]
        assert ends != sorted(ends), name
