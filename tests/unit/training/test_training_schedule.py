"""Which tasks step when: pure functions of step, epoch and past metrics."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from automtl.config import (
    AlternatingSchedule,
    JointSchedule,
    ProportionalSchedule,
    StagedSchedule,
    UntilPlateauSchedule,
)
from automtl.training.schedule import Course, optimizer_groups, phase_of_epoch

TASKS = ("detection", "tracking", "segmentation")
LABELLED = {"detection": 90, "tracking": 40, "segmentation": 10}


def course(schedule, tasks=TASKS, *, steps=10, seed=0):
    return Course(
        schedule=schedule, tasks=tasks, steps_per_epoch=steps, seed=seed, n_labelled=LABELLED
    )


def steps_of(schedule, n_epochs, tasks=TASKS, *, steps=10, seed=0, history=()):
    """Return the tasks of each step of the first epochs."""
    made = course(schedule, tasks, steps=steps, seed=seed)
    phases = [phase_of_epoch(made, epoch, history) for epoch in range(n_epochs)]
    return [
        phase.tasks_of_step(epoch * steps + step)
        for epoch, phase in enumerate(phases)
        for step in range(steps)
    ]


@given(epoch=st.integers(0, 1000), step=st.integers(0, 10_000))
def test_joint_trains_all_tasks_at_every_step(epoch, step):
    assert phase_of_epoch(course(JointSchedule()), epoch, ()).tasks_of_step(step) == TASKS


@given(
    block=st.integers(1, 50), rounds=st.integers(1, 5), tasks=st.sampled_from([TASKS, TASKS[:1]])
)
def test_alternating_trains_one_task_in_equal_blocks(block, rounds, tasks):
    n_steps = rounds * block * len(tasks)
    chosen = steps_of(AlternatingSchedule(block=block), 1, tasks, steps=n_steps)
    assert all(len(one) == 1 for one in chosen)
    assert set(Counter(chosen).values()) == {rounds * block}
    for start in range(0, len(chosen), block):
        assert len(set(chosen[start : start + block])) == 1


@given(block=st.integers(1, 4), steps=st.integers(1, 7))
def test_blocks_of_epochs_are_blocks_of_all_their_steps(block, steps):
    by_epoch = AlternatingSchedule(block=block, unit="epochs")
    by_step = AlternatingSchedule(block=block * steps)
    assert steps_of(by_epoch, 12, steps=steps) == steps_of(by_step, 12, steps=steps)


def test_proportional_draws_by_rates():
    rates = {"detection": 6.0, "tracking": 3.0}
    chosen = Counter(steps_of(ProportionalSchedule(rates=rates), 400))
    expected = {("detection",): 2400, ("tracking",): 1200, ("segmentation",): 400}
    assert set(chosen) == set(expected)
    assert chisquare([chosen[t] for t in expected], list(expected.values())).pvalue > 0.001


@pytest.mark.parametrize("temperature", [None, 1.0, 2.0, 1e6])
def test_proportional_draws_by_labels_to_the_power_of_the_inverse_temperature(temperature):
    phase = phase_of_epoch(course(ProportionalSchedule(temperature=temperature)), 0, ())
    raised = np.array([LABELLED[task] for task in TASKS]) ** (1 / (temperature or 1.0))
    assert phase.shares == pytest.approx(tuple(raised / raised.sum()))


@given(seed=st.integers(0, 2**63), step=st.integers(0, 10**6))
def test_a_draw_depends_on_seed_and_step_alone(seed, step):
    made = course(ProportionalSchedule(), seed=seed)
    one, other = phase_of_epoch(made, 0, ()), phase_of_epoch(made, 7, ({"detection": 1.0},))
    assert one.tasks_of_step(step) == other.tasks_of_step(step)


def test_other_seeds_draw_other_tasks():
    drawn = {tuple(steps_of(ProportionalSchedule(), 4, seed=seed)) for seed in range(5)}
    assert len(drawn) == 5


def metrics(**values):
    return {"detection": 0.0, "tracking": 0.0, "segmentation": 0.0, **values}


def turns(schedule, curves, tasks=TASKS):
    """Train until the end: the metric of a task goes on along its curve while it trains."""
    history, found = [], []
    done = Counter()
    for epoch in range(40):
        phase = phase_of_epoch(course(schedule, tasks), epoch, history)
        if phase is None:
            break
        (task,) = phase.tasks
        found.append(task[0])
        done[task] += 1
        now = {t: curves[t][min(done[t], len(curves[t]) - 1)] for t in tasks}
        history.append(now)
    return "".join(found)


CURVES = {
    "detection": [0.0, 0.1, 0.2, 0.2, 0.2, 0.3, 0.3, 0.3],
    "tracking": [0.5, 0.5, 0.4, 0.4],
    "segmentation": [0.0, 0.1, 0.1, 0.3, 0.1, 0.1],
}


def test_until_plateau_by_hand():
    # detection: .1 .2 better, .2 .2 not; tracking: .5 .4 are not better than .5 before its turn;
    # segmentation: .1 better, .1 not, .3 better, .1 .1 not.
    schedule = UntilPlateauSchedule(patience=2, rounds=1)
    assert turns(schedule, CURVES) == "dddd" + "tt" + "sssss"


def test_until_plateau_goes_round_in_its_own_order():
    schedule = UntilPlateauSchedule(patience=1, rounds=2, order=("segmentation", "detection"))
    # Second round: segmentation .3 is better than .1, then .1 is not; detection .2 is not.
    assert turns(schedule, CURVES) == "ss" + "ddd" + "ss" + "d"


def test_without_rounds_it_goes_on_to_the_last_epoch():
    assert len(turns(UntilPlateauSchedule(patience=1), CURVES)) == 40


@given(
    patience=st.integers(1, 4),
    values=st.lists(
        st.fixed_dictionaries({t: st.sampled_from([0.0, 0.5, 1.0]) for t in TASKS}),
        max_size=25,
    ),
)
def test_a_turn_ends_exactly_when_patience_is_spent(patience, values):
    made = course(UntilPlateauSchedule(patience=patience))
    trained = [phase_of_epoch(made, e, values[:e]).tasks[0] for e in range(len(values) + 1)]
    begin = 0
    for epoch in range(1, len(trained)):
        task = trained[epoch - 1]
        seen = [values[begin - 1][task]] if begin else [-np.inf]
        seen += [values[e][task] for e in range(begin, epoch)]
        last = max(i for i in range(len(seen)) if i == 0 or seen[i] > max(seen[:i]))
        is_spent = len(seen) - 1 - last >= patience
        assert (trained[epoch] != task) == is_spent
        if is_spent:
            assert trained[epoch] == TASKS[(TASKS.index(task) + 1) % 3]
            begin = epoch


def test_a_metric_that_was_no_number_is_improved_by_any_number():
    nan = float("nan")
    values = [{"detection": 0.0, "tracking": nan}] * 2
    values += [{"detection": 0.0, "tracking": 0.1 * n} for n in range(1, 5)]
    made = course(UntilPlateauSchedule(patience=1), ("detection", "tracking"))
    trained = [phase_of_epoch(made, e, values[:e]).tasks[0] for e in range(len(values) + 1)]
    assert trained == ["detection"] * 2 + ["tracking"] * 5


def test_stages_follow_one_another_and_the_last_goes_on():
    stages = "detection for 2; segmentation freeze trunk lr 0.5 for 1; all"
    made = course(StagedSchedule(stages=stages))
    phases = [phase_of_epoch(made, epoch, ()) for epoch in range(6)]
    assert [p.tasks for p in phases] == [
        *[("detection",)] * 2,
        ("segmentation",),
        *[TASKS] * 3,
    ]
    assert [p.frozen for p in phases] == [(), (), ("trunk",), (), (), ()]
    assert [p.lr_factor for p in phases] == [1.0, 1.0, 0.5, 1.0, 1.0, 1.0]


def test_joint_after_alternating_whose_blocks_count_from_the_stage():
    stages = "tracking for 1; detection+segmentation alternating 2 for 2; all"
    chosen = steps_of(StagedSchedule(stages=stages), 4, steps=3)
    d, s = ("detection",), ("segmentation",)
    assert chosen == [*[("tracking",)] * 3, d, d, s, s, d, d, TASKS, TASKS, TASKS]


def test_one_optimizer_or_one_for_each_task():
    apart = tuple((task,) for task in TASKS)
    assert optimizer_groups(JointSchedule(), TASKS) == (TASKS,)
    for made in (
        AlternatingSchedule(),
        ProportionalSchedule(),
        UntilPlateauSchedule(),
        StagedSchedule(stages="detection for 1; all alternating 1"),
    ):
        assert optimizer_groups(made, TASKS) == (TASKS,)
        per_task = made.model_copy(update={"optimizer_state": "per_task"})
        assert optimizer_groups(per_task, TASKS) == apart


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (AlternatingSchedule(), [("detection",), ("tracking",)]),
        (
            UntilPlateauSchedule(order=("segmentation", "tracking", "detection")),
            [("tracking",)] * 2,
        ),
        (StagedSchedule(stages="segmentation+tracking for 1; all"), [("tracking",)] * 2),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_task_that_does_not_learn_has_no_turn(schedule, expected):
    assert steps_of(schedule, 1, TASKS[:2], steps=2) == expected
