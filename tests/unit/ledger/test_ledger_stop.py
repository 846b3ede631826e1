"""A search is asked to end through its lease, on both databases."""

from automtl.ledger.holder import Holder
from automtl.ledger.stop import Stop, ask_stop, is_held, stop_asked

NEXT = Holder(user="the next", host="elsewhere", process=2)


def ask(ledger, stop):
    return ask_stop(ledger.engine, ledger.name, stop, clock=ledger.clock)


def asked_of(ledger):
    return stop_asked(ledger.engine, ledger.name, ledger._lease.token)


def test_who_holds_the_study_is_asked_and_may_be_hurried_but_not_slowed(held, opened) -> None:
    other = opened()
    assert asked_of(held) is None
    first = ask(other, Stop.AFTER_RUNNING)
    assert (first.holder.user, first.stop, first.is_new) == ("the writer", "after_running", True)
    assert asked_of(held) is Stop.AFTER_RUNNING
    again = ask(other, Stop.AFTER_RUNNING)
    assert (again.stop, again.is_new) == (Stop.AFTER_RUNNING, False)
    assert ask(other, Stop.NOW).is_new
    slower = ask(other, Stop.AFTER_RUNNING)
    assert (slower.stop, slower.is_new) == (Stop.NOW, False)
    assert asked_of(held) is Stop.NOW


def test_a_holder_goes_on_writing_after_it_was_asked(held, opened, propose) -> None:
    ask(opened(), Stop.NOW)
    propose(held, 0)
    held._lease.renew()
    assert asked_of(held) is Stop.NOW


def test_nobody_is_asked_where_nobody_searches(held, opened) -> None:
    held._lease.release()
    assert ask(opened(), Stop.NOW) is None


def test_what_one_search_was_asked_does_not_stop_the_next(held, opened) -> None:
    asked = ask(opened(), Stop.NOW)
    assert is_held(held.engine, held.name, asked.token)
    held._lease.release()
    assert not is_held(held.engine, held.name, asked.token)
    following = opened()
    following.acquire_lease(NEXT, ttl_s=60)
    assert asked_of(following) is None
    assert not is_held(held.engine, held.name, asked.token)


def test_a_silent_holder_is_asked_and_named_silent(held, opened, clock) -> None:
    assert ask(opened(), Stop.NOW).silent_s == -60
    clock.now_s += 100
    assert ask(opened(), Stop.NOW).silent_s == 40
