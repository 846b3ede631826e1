"""An end waits for other processes as long as they come up, however many they are."""

from hypothesis import given
from hypothesis import strategies as st

from automtl.dispatch.starts import PATIENCE_S, Starts


@given(st.lists(st.floats(0, PATIENCE_S), min_size=1, max_size=80))
def test_processes_that_come_up_one_after_another_are_all_waited_for(gaps: list[float]) -> None:
    now = [0.0]
    starts = Starts(clock=lambda: now[0])
    for n, gap in enumerate(gaps):
        now[0] += gap
        assert starts.are_hoped_for({str(i) for i in range(n + 1)})


@given(st.sets(st.text(max_size=2)), st.floats(0.1, 1e6))
def test_one_that_does_not_come_up_is_given_up(running: set[str], late_s: float) -> None:
    now = [0.0]
    starts = Starts(clock=lambda: now[0])
    assert starts.are_hoped_for(running)
    now[0] = PATIENCE_S + late_s
    assert not starts.are_hoped_for(running)
    # One that has ended since is no start; another trial in a process is one.
    assert not starts.are_hoped_for(set())
    assert starts.are_hoped_for({"another one"})
