"""The contract of a schedule: inherit, give the fixture ``schedule``, and run pytest.

Tasks are called ``a``, ``b`` and ``c``; the suite draws lengths, seeds and the metrics that a
schedule may look at.
"""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automtl.config import ScheduleConfig
from automtl.training.schedule import Course, Phase, optimizer_groups, phase_of_epoch

TASKS = ("a", "b", "c")
N_EPOCHS = 12

_values = st.floats(0, 1, allow_nan=False)
_epochs = st.lists(
    st.fixed_dictionaries(dict.fromkeys(TASKS, _values)), min_size=N_EPOCHS, max_size=N_EPOCHS
)
# The fixture is a frozen configuration: the same for every example.
_drawn = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class ScheduleContract:
    """What every schedule must satisfy."""

    @pytest.fixture
    def schedule(self) -> ScheduleConfig:
        """Return the schedule, which must be possible for :data:`TASKS`."""
        raise NotImplementedError

    @_drawn
    @given(history=_epochs, n_steps=st.integers(1, 9), seed=st.integers(0, 2**64))
    def test_every_step_trains_some_of_the_tasks_in_their_order(
        self,
        schedule: ScheduleConfig,
        history: list[dict[str, float]],
        n_steps: int,
        seed: int,
    ) -> None:
        """A step trains at least one task, each once, and none that the epoch does not have."""
        course = _course(schedule, n_steps, seed)
        for epoch, phase in enumerate(_phases(course, history)):
            assert set(phase.tasks) <= set(TASKS)
            for step in range(epoch * n_steps, (epoch + 1) * n_steps):
                chosen = phase.tasks_of_step(step)
                assert chosen
                assert list(chosen) == [task for task in phase.tasks if task in chosen]

    @_drawn
    @given(history=_epochs, n_steps=st.integers(1, 9), seed=st.integers(0, 2**64))
    def test_an_epoch_follows_from_what_is_stated_and_the_epochs_before_it(
        self,
        schedule: ScheduleConfig,
        history: list[dict[str, float]],
        n_steps: int,
        seed: int,
    ) -> None:
        """A resumed training goes on as the undisturbed one, and one that is over stays over."""
        course = _course(schedule, n_steps, seed)
        phases = _phases(course, history)
        for epoch, phase in enumerate(phases):
            again = phase_of_epoch(_course(schedule, n_steps, seed), epoch, history[:epoch])
            assert again == phase
            steps = range(epoch * n_steps, (epoch + 1) * n_steps)
            assert [again.tasks_of_step(s) for s in steps] == [
                phase.tasks_of_step(s) for s in steps
            ]
        for epoch in range(len(phases), N_EPOCHS):
            assert phase_of_epoch(course, epoch, history[:epoch]) is None

    @_drawn
    @given(history=_epochs, n_steps=st.integers(1, 9))
    def test_every_task_has_its_turn(
        self, schedule: ScheduleConfig, history: list[dict[str, float]], n_steps: int
    ) -> None:
        """Where no task gets better any more, each has trained by the end."""
        still = [history[0]] * N_EPOCHS
        phases = _phases(_course(schedule, n_steps, 0), still)
        assert {task for phase in phases for task in phase.tasks} == set(TASKS)

    @_drawn
    @given(history=_epochs, n_steps=st.integers(1, 9))
    def test_each_step_belongs_to_one_optimizer(
        self, schedule: ScheduleConfig, history: list[dict[str, float]], n_steps: int
    ) -> None:
        """The groups hold every task once, and a step's tasks lie in one of them."""
        groups = optimizer_groups(schedule, TASKS)
        assert sorted(task for group in groups for task in group) == sorted(TASKS)
        for epoch, phase in enumerate(_phases(_course(schedule, n_steps, 0), history)):
            chosen = set(phase.tasks_of_step(epoch * n_steps))
            assert sum(chosen <= set(group) for group in groups) == 1

    @_drawn
    @given(history=_epochs, n_steps=st.integers(1, 9))
    def test_rates_and_chances_are_numbers(
        self, schedule: ScheduleConfig, history: list[dict[str, float]], n_steps: int
    ) -> None:
        """The factor of the learning rate is positive, and chances of drawn tasks sum to 1."""
        for phase in _phases(_course(schedule, n_steps, 0), history):
            assert math.isfinite(phase.lr_factor)
            assert phase.lr_factor > 0
            assert not phase.shares or math.isclose(sum(phase.shares), 1.0)
            assert len(phase.shares) in (0, len(phase.tasks))


def _course(schedule: ScheduleConfig, n_steps: int, seed: int) -> Course:
    return Course(
        schedule=schedule,
        tasks=TASKS,
        steps_per_epoch=n_steps,
        seed=seed,
        n_labelled={"a": 9, "b": 4, "c": 1},
    )


def _phases(course: Course, history: list[dict[str, float]]) -> list[Phase]:
    """Return what the epochs do until the schedule ends the training."""
    found: list[Phase] = []
    for epoch in range(N_EPOCHS):
        phase = phase_of_epoch(course, epoch, history[:epoch])
        if phase is None:
            break
        found.append(phase)
    return found
