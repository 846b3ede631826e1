"""Which tasks step when."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from automtl.config import AlternatingSchedule, JointSchedule
from automtl.training.schedule import optimizer_groups, tasks_of_step

TASKS = ("detection", "tracking", "segmentation")


@given(step=st.integers(0, 10_000))
def test_joint_trains_all_tasks_at_every_step(step):
    assert tasks_of_step(JointSchedule(), TASKS, step) == TASKS


@given(
    block=st.integers(1, 50), rounds=st.integers(1, 5), tasks=st.sampled_from([TASKS, TASKS[:1]])
)
def test_alternating_trains_one_task_in_equal_blocks(block, rounds, tasks):
    schedule = AlternatingSchedule(block=block)
    chosen = [tasks_of_step(schedule, tasks, s) for s in range(rounds * block * len(tasks))]
    assert all(len(one) == 1 for one in chosen)
    assert set(Counter(chosen).values()) == {rounds * block}
    for start in range(0, len(chosen), block):
        assert len(set(chosen[start : start + block])) == 1


def test_one_optimizer_or_one_for_each_task():
    assert optimizer_groups(JointSchedule(), TASKS) == (TASKS,)
    assert optimizer_groups(AlternatingSchedule(), TASKS) == (TASKS,)
    per_task = AlternatingSchedule(optimizer_state="per_task")
    assert optimizer_groups(per_task, TASKS) == tuple((task,) for task in TASKS)
