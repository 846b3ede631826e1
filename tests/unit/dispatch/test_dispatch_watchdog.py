"""Silence: counted from the last sign of life, only while a process is up, and told once."""

from automtl.dispatch.watchdog import Watchdog


def watched():
    now = [0.0]
    return Watchdog(limit_s=10.0, clock=lambda: now[0]), now


def test_silence_counts_from_the_last_report():
    dog, now = watched()
    assert dog.newly_hung({"a", "b"}) == []
    now[0] = 8.0
    dog.heard("a")
    now[0] = 11.0
    assert dog.newly_hung({"a", "b"}) == ["b"]
    assert dog.was_hung("b")
    assert not dog.was_hung("a")
    now[0] = 100.0
    assert dog.newly_hung({"a", "b"}) == ["a"]
    assert dog.newly_hung({"a", "b"}) == []


def test_a_trial_that_waits_for_its_process_is_not_silent():
    dog, now = watched()
    now[0] = 1000.0
    assert dog.newly_hung({"late"}) == []
    now[0] = 1009.0
    assert dog.newly_hung({"late"}) == []
    now[0] = 1011.0
    assert dog.newly_hung({"late"}) == ["late"]


def test_an_end_in_time_ends_the_watch():
    dog, now = watched()
    dog.newly_hung({"a"})
    dog.forget("a")
    now[0] = 50.0
    assert dog.newly_hung(set()) == []
