"""The rule of early stopping on histories made by hand, and on whole searches without training."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automtl.controller.promotion import Promotion, rule_standing
from automtl.controller.stopping import Phase
from automtl.results import Decision, EpochReport, Objective, TrialRecord, TrialStatus
from automtl.testing.curves import EPOCHS, TWO, Curve, trial, values

S = TrialStatus
RUNGS = (1, 3)
ONE = TWO[:1]
TIES = st.sampled_from(["hypervolume", "spread"])


def rule(**changes: object) -> Promotion:
    plain = {"objectives": TWO, "rungs": RUNGS, "eta": 3.0}
    return Promotion(**{**plain, **changes})  # type: ignore[arg-type]


@dataclass
class Search:
    """A whole search: trials whose curves are known, as many at a time as there are workers.

    ``closes``: whether the good ones are finished when every trial has begun.
    """

    rule: Promotion
    curves: Sequence[Curve]
    rng: random.Random
    n_workers: int = 1
    closes: bool = True
    history: list[TrialRecord] = field(default_factory=list)
    resumed: list[tuple[int, int]] = field(default_factory=list)

    def run(self) -> list[TrialRecord]:
        while True:
            while len(self.running) < self.n_workers and self.begin():
                pass
            if not self.running:
                break
            self.step(self.rng.choice(self.running))
        for n, record in enumerate(self.history):
            if record.status is S.PAUSED:
                self.change(n, status=S.STOPPED)
        return self.history

    @property
    def running(self) -> list[int]:
        return [r.number for r in self.history if r.status is S.RUNNING]

    def begin(self) -> bool:
        is_open = len(self.history) < len(self.curves)
        if not (is_open or self.closes):
            return False
        chosen = self.rule.resumes(self.history, Phase.OPEN if is_open else Phase.CLOSING)
        if chosen is not None:
            record = self.history[chosen]
            self.resumed.append((chosen, len(record.reports)))
            self.change(chosen, status=S.RUNNING, attempts=record.attempts + 1)
        elif is_open:
            self.history.append(trial(len(self.history), (), S.RUNNING))
        return chosen is not None or is_open

    def step(self, n: int) -> None:
        record = self.history[n]
        epoch = len(record.reports) + 1
        report = EpochReport(
            attempt=record.attempts,
            epoch=epoch,
            values=values(*self.curves[n][epoch - 1]),
            time_s=0.0,
        )
        self.change(n, reports=(*record.reports, report))
        if epoch == EPOCHS:
            self.change(n, status=S.COMPLETED, values=report.values)
        elif self.rule.decide(self.history, n) is Decision.PAUSE:
            self.change(n, status=S.PAUSED)

    def change(self, n: int, **changes: object) -> None:
        self.history[n] = self.history[n].model_copy(update=changes)


def steady(error: float, quality: float) -> Curve:
    return [(error / (e + 1), quality * (e + 1)) for e in range(EPOCHS)]


points = st.tuples(st.integers(1, 5).map(float), st.integers(1, 5).map(float))


@settings(max_examples=40, deadline=None)
@given(st.lists(points, min_size=1, max_size=14), TIES, st.integers(1, 4), st.randoms())
def test_every_trial_ends_and_none_passes_its_waiting_dominator(
    found: list[tuple[float, float]], ties: str, n_workers: int, rng: random.Random
) -> None:
    search = Search(rule(ties=ties), [steady(*p) for p in found], rng, n_workers)
    before_begin = search.begin

    def begin() -> bool:
        waiting = {r.number: len(r.reports) for r in search.history if r.status is S.PAUSED}
        n = len(search.resumed)
        went = before_begin()
        for chosen, epoch in search.resumed[n:]:
            rivals = [k for k, at in waiting.items() if at == epoch and k != chosen]
            assert not any(dominates(found[k], found[chosen]) for k in rivals)
        return went

    search.begin = begin  # type: ignore[method-assign]
    history = search.run()
    assert len(history) == len(found)
    assert {r.status for r in history} <= {S.COMPLETED, S.STOPPED}
    assert any(r.status is S.COMPLETED for r in history)


def dominates(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return a != b and a[0] <= b[0] and a[1] >= b[1]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 99), min_size=1, max_size=16, unique=True),
    st.integers(1, 4),
    st.randoms(),
)
def test_where_rungs_do_not_lie_the_best_is_trained_to_its_end(
    errors: list[int], n_workers: int, rng: random.Random
) -> None:
    search = Search(rule(objectives=ONE), [steady(float(e), 1.0) for e in errors], rng, n_workers)
    history = search.run()
    best = errors.index(min(errors))
    assert history[best].status is S.COMPLETED
    # Fewer epochs than all trials trained to their end, as soon as there are some to compare.
    spent = sum(len(r.reports) for r in history)
    assert spent <= EPOCHS * len(errors) * (0.75 if len(errors) >= 9 else 1.0)


@settings(max_examples=40, deadline=None)
@given(st.lists(points, min_size=1, max_size=30), TIES, st.sampled_from([2.0, 3.0]), st.randoms())
def test_while_open_no_more_than_one_in_eta_has_gone_on_from_a_rung(
    found: list[tuple[float, float]], ties: str, eta: float, rng: random.Random
) -> None:
    # Without adapting, so that the share is the same all the time.
    one = rule(ties=ties, eta=eta, adapts=False)
    search = Search(one, [steady(*p) for p in found], rng, n_workers=2, closes=False)
    for standing in rule_standing(one, search.run()):
        assert standing.n_went_on <= int(standing.n_arrived / eta)


def test_one_that_went_on_when_few_had_come_is_counted_although_better_ones_came() -> None:
    first = trial(0, steady(5.0, 1.0)[:2], S.RUNNING)
    better = [trial(n, steady(5.0 - n, 1.0 + n)[:1], S.PAUSED) for n in range(1, 5)]
    assert rule().resumes([first, *better], Phase.OPEN) is None
    # Nobody comes any more: who is in the best share goes on, whoever went before.
    done = first.model_copy(update={"status": S.STOPPED})
    assert rule().resumes([done, *better], Phase.CLOSING) == 4
    sixth = trial(5, steady(9.0, 0.1)[:1], S.PAUSED)
    assert rule().resumes([first, *better, sixth], Phase.OPEN) == 4


def test_the_highest_rung_goes_first_and_one_in_eta_goes_on() -> None:
    low = [trial(n, steady(n + 1.0, 1.0)[:1], S.PAUSED) for n in range(5)]
    assert rule().resumes(low[:2], Phase.OPEN) is None
    assert rule().resumes(low[:3], Phase.OPEN) == 0
    gone = low[0].model_copy(update={"status": S.STOPPED})
    assert rule().resumes([gone, *low[1:]], Phase.OPEN) is None
    high = [trial(5 + n, steady(9.0 + n, 0.1)[:3], S.PAUSED) for n in range(3)]
    assert rule().resumes([*low, *high], Phase.OPEN) == 5


@pytest.mark.parametrize("ties", ["hypervolume", "spread"])
def test_who_broke_a_limit_takes_no_place_at_a_rung(ties: str) -> None:
    # A limit often stands where the good ones are: these beat all that are inside it.
    outside = [trial(n, steady(0.1, 9.0)[:1], S.INFEASIBLE) for n in range(6)]
    inside = [trial(6 + n, steady(n + 1.0, 1.0)[:1], S.PAUSED) for n in range(3)]
    for phase in Phase:
        assert rule(ties=ties).resumes([*outside, *inside], phase) == 6
    (low, _) = rule_standing(rule(ties=ties), [*outside, *inside])
    assert low.n_arrived == 3


def test_at_the_end_one_of_a_few_goes_on_and_over_means_over() -> None:
    low = [trial(n, steady(n + 1.0, 1.0)[:1], S.PAUSED) for n in range(2)]
    assert rule().resumes(low, Phase.CLOSING) == 0
    # Somebody may still arrive.
    busy = [*low, trial(2, (), S.RUNNING)]
    assert rule().resumes(busy, Phase.CLOSING) is None
    assert rule().resumes(low, Phase.OVER) == 0
    done = trial(2, steady(5.0, 1.0), S.COMPLETED)
    assert rule().resumes([*low, done], Phase.OVER) is None


def test_after_the_last_proposal_a_rung_is_filled_before_one_is_chosen_there() -> None:
    # Promoted alone, the first would have been the best of its rung, and so would each next one.
    search = Search(
        rule(objectives=ONE, eta=2.0, adapts=False),
        [steady(error, 1.0) for error in (1.0, 2.0, 3.0)],
        random.Random(0),
    )
    assert [len(record.reports) for record in search.run()] == [EPOCHS, 3, 1]
    assert search.resumed == [(0, 1), (1, 1), (0, 3)]


def test_at_the_end_a_slot_is_no_reason_to_go_on_before_all_have_come() -> None:
    high = [trial(n, steady(n + 1.0, 1.0)[:3], S.PAUSED) for n in range(2)]
    low = trial(2, steady(0.5, 1.0)[:1], S.RUNNING)
    assert rule().resumes([*high, low], Phase.CLOSING) is None
    # Who is past the rung does not come to it.
    past = trial(2, steady(0.5, 1.0)[:4], S.RUNNING)
    assert rule(eta=2.0).resumes([*high, past], Phase.CLOSING) == 0
    for busy in (low, past):
        assert rule().resumes([*high, busy], Phase.OVER) is None


def test_a_trial_that_would_be_resumed_at_once_goes_on() -> None:
    waiting = [trial(n, steady(n + 2.0, 1.0)[:1], S.PAUSED) for n in range(2)]
    best = trial(2, steady(1.0, 2.0)[:1], S.RUNNING)
    worst = trial(2, steady(9.0, 0.5)[:1], S.RUNNING)
    assert rule().decide([*waiting, best], 2) is Decision.CONTINUE
    assert rule().decide([*waiting, worst], 2) is Decision.PAUSE
    assert rule().decide([*waiting, trial(2, steady(9.0, 0.5)[:2], S.RUNNING)], 2) is (
        Decision.CONTINUE
    )


def test_baselines_the_last_epoch_and_missing_objectives_are_no_rungs() -> None:
    waiting = [trial(n, steady(n + 1.0, 2.0)[:1], S.PAUSED) for n in range(2)]
    last = trial(2, steady(9.0, 0.5)[:1], S.RUNNING)
    short = last.model_copy(update={"config": {"optimizer": {"epochs": 1}}})
    baseline = last.model_copy(update={"origin": "baseline:detection"})
    silent = EpochReport(attempt=1, epoch=1, values={"error": 9.0}, time_s=0.0)
    gap = last.model_copy(update={"reports": (silent,)})
    for record in (short, baseline, gap):
        assert rule().decide([*waiting, record], 2) is Decision.CONTINUE
        assert not rule().waits(record)
    assert rule().waits(last)


def test_a_resumed_trial_does_not_wait() -> None:
    paused = trial(0, steady(1.0, 1.0)[:1], S.PAUSED)
    resumed = paused.model_copy(update={"status": S.RUNNING, "attempts": 2})
    assert rule().waits(paused)
    assert not rule().waits(resumed)


@settings(max_examples=25, deadline=None)
@given(st.lists(points, min_size=1, max_size=10), st.integers(0, 9))
def test_decisions_follow_from_the_history_alone(
    found: list[tuple[float, float]], seed: int
) -> None:
    search = Search(rule(), [steady(*p) for p in found], random.Random(seed), 2)
    search.run()
    cut = [r.model_copy(update={"status": S.PAUSED}) for r in search.history]
    stored = [TrialRecord.model_validate_json(r.model_dump_json()) for r in cut]
    for phase in Phase:
        assert rule().resumes(cut, phase) == rule().resumes(stored, phase)


def test_fewer_are_left_behind_at_a_blind_rung() -> None:
    rng = random.Random(0)
    errors = [float(n) for n in range(60)]
    rng.shuffle(errors)
    # What is best at a rung is worst at the end.
    curves = [[(e, 1.0)] * 8 + [(99 - e, 1.0)] for e in errors]
    counts = {}
    for adapts in (False, True):
        one = Search(rule(objectives=ONE, adapts=adapts), curves, random.Random(1))
        counts[adapts] = sum(r.status is S.COMPLETED for r in one.run())
    assert counts[True] >= 2 * counts[False]


@pytest.mark.parametrize("cost", ["cost/parameters", "cost/flops", "cost/latency_ms"])
def test_objectives_that_do_not_change_with_epochs_take_part_at_rungs(cost: str) -> None:
    def sized(number: int, error: float, size: float, status: S) -> TrialRecord:
        record = trial(number, steady(error, 1.0)[:1], status)
        (first,) = record.reports
        told = first.model_copy(update={"values": {**first.values, cost: size}})
        return record.model_copy(update={"reports": (told,)})

    # The first one goes on; of the others the last has the worst error and is the smallest.
    errors = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    sizes = [5.0, 6.0, 7.0, 8.0, 9.0, 1.0]
    history = [
        sized(n, error, size, S.RUNNING if n == 0 else S.PAUSED)
        for n, (error, size) in enumerate(zip(errors, sizes, strict=True))
    ]
    measured = Objective(metric=cost, goal="minimize")
    assert rule().resumes(history, Phase.OPEN) == 1
    assert rule(objectives=(*TWO, measured)).resumes(history, Phase.OPEN) == 5
    # A cost alone has no order among equals, and says nothing against anybody.
    same = [
        sized(n, e, 5.0, r.status) for (n, e), r in zip(enumerate(errors), history, strict=True)
    ]
    assert rule(objectives=(*TWO, measured)).resumes(same, Phase.OPEN) == 1


def test_the_standing_counts_who_came_and_who_went_on() -> None:
    curves = [steady(float(n + 1), 1.0) for n in range(27)]
    search = Search(rule(objectives=ONE), curves, random.Random(0))
    first, second = rule_standing(search.rule, search.run())
    assert (first.epoch, first.n_arrived, first.eta) == (1, 27, 3.0)
    assert second.n_arrived == first.n_went_on < 27
    assert first.n_finished == second.n_finished >= 3
