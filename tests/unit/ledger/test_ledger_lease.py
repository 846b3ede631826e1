"""One controller at a time, and a late one cannot write."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from automtl.errors import LedgerError
from automtl.ledger.database import LedgerUnreachableError
from automtl.ledger.holder import Holder, is_gone, this_process

SECOND = Holder(user="the second", host="elsewhere", process=2)
THIRD = Holder(user="the third", host="elsewhere", process=3)


def test_a_second_controller_is_told_who_holds_the_study_and_for_how_long(held, opened, clock):
    clock.now_s += 42
    with pytest.raises(LedgerError) as refused:
        opened().acquire_lease(SECOND, ttl_s=60)
    assert "held by the writer on elsewhere, process 1, for 42 s now" in str(refused.value)
    assert "18 s" in str(refused.value)


def test_a_living_lease_is_not_taken_over_even_when_asked_for(held, opened, propose):
    with pytest.raises(LedgerError, match="held by the writer on elsewhere, process 1"):
        opened().acquire_lease(SECOND, ttl_s=60, takeover=True)
    propose(held, 0)


def test_an_expired_lease_is_taken_over_only_when_asked_for(held, opened, clock):
    clock.now_s += 61
    with pytest.raises(LedgerError, match="has not renewed its lease for 1 s") as refused:
        opened().acquire_lease(SECOND, ttl_s=60)
    assert "--takeover" in str(refused.value)
    assert opened().acquire_lease(SECOND, ttl_s=60, takeover=True).token == 2


def test_renewal_keeps_the_lease(held, opened, clock):
    clock.now_s += 59
    held._lease.renew()
    clock.now_s += 59
    with pytest.raises(LedgerError, match="held by the writer on elsewhere, process 1"):
        opened().acquire_lease(SECOND, ttl_s=60, takeover=True)


def test_a_lease_given_back_is_free_at_once(held, opened):
    held._lease.release()
    assert opened().acquire_lease(SECOND, ttl_s=60).token == 2


def test_who_could_not_give_a_lease_back_may_take_it_again_at_once(opened, monkeypatch):
    """The database died under a search; the notebook that ran it lives and runs it again."""
    first = opened().acquire_lease(this_process(), ttl_s=60)
    with pytest.raises(LedgerError, match="held by"):
        opened().acquire_lease(this_process(), ttl_s=60)
    with monkeypatch.context() as away:
        away.setattr("automtl.ledger.lease.writing", _refuse)
        with pytest.raises(LedgerUnreachableError):
            first.release()
    with pytest.raises(LedgerError, match="held by"):
        opened().acquire_lease(SECOND, ttl_s=60, takeover=True)
    second = opened().acquire_lease(this_process(), ttl_s=60)
    assert second.token == 2
    assert str(second.taken_from).endswith("which is this one and could not give it back")
    with pytest.raises(LedgerError, match="held by"):
        opened().acquire_lease(this_process(), ttl_s=60)
    with pytest.raises(LedgerError, match="lost its lease"):
        first.renew()


def _refuse(_engine):
    msg = "the database is away"
    raise LedgerUnreachableError(msg)


@pytest.fixture
def taken_over(held, opened, propose, clock):
    """The first controller slept through its lease; the second has added a trial."""
    propose(held, 0)
    clock.now_s += 61
    second = opened()
    second.acquire_lease(SECOND, ttl_s=60, takeover=True)
    propose(second, 1)
    return second


@pytest.mark.parametrize(
    "write",
    [
        lambda ledger, propose: propose(ledger, 1),
        lambda ledger, propose: ledger.start_attempt(0, worker=""),
        lambda ledger, propose: ledger.set_data("x"),
        lambda ledger, propose: ledger.add_artifact(kind="report", path="report.html"),
        lambda ledger, propose: ledger.add_ranks({0: 0}, note=""),
        lambda ledger, propose: ledger._lease.renew(),
    ],
)
def test_a_controller_that_lost_its_lease_changes_nothing(
    held, taken_over, opened, propose, write
):
    reader = opened()
    before = (reader.history(), reader.study(), reader.outbox.count_pending())
    with pytest.raises(
        LedgerError, match="lost its lease; the second on elsewhere, process 2 has it"
    ):
        write(held, propose)
    assert (reader.history(), reader.study(), reader.outbox.count_pending()) == before


def test_giving_back_a_lost_lease_leaves_it_with_the_new_holder(held, taken_over, opened, propose):
    held._lease.release()
    propose(taken_over, 2)
    with pytest.raises(LedgerError, match="held by the second"):
        opened().acquire_lease(THIRD, ttl_s=60, takeover=True)


def test_the_new_holder_knows_what_the_old_one_wrote(taken_over):
    assert [record.number for record in taken_over.history()] == [0, 1]


def test_nothing_is_written_under_a_lease_that_was_given_back(held, opened, propose):
    held._lease.release()
    with pytest.raises(LedgerError, match="nobody has it now"):
        propose(held, 0)
    with pytest.raises(LedgerError, match="nobody has it now"):
        held._lease.renew()
    assert opened().history() == ()


ENDED = """
from automtl.ledger.holder import this_process
holder = this_process()
print(holder.user, holder.host, holder.process, sep="\\n")
"""


@pytest.fixture(scope="module")
def ended():
    """A holder on this machine whose process is no more."""
    text = subprocess.run(
        [sys.executable, "-c", ENDED], capture_output=True, text=True, check=True
    ).stdout
    user, host, process = text.split("\n")[:3]
    return replace(this_process(), user=user, host=host, process=int(process))


def test_the_lease_of_a_process_that_ended_here_is_free_at_once(opened, ended):
    opened().acquire_lease(ended, ttl_s=60)
    lease = opened().acquire_lease(SECOND, ttl_s=60)
    assert lease.token == 2
    assert f"process {ended.process}, which has ended" in (lease.taken_from or "")


def test_only_a_process_of_this_machine_that_ended_is_gone(ended):
    living = this_process()
    assert is_gone(ended)
    assert not is_gone(living)
    # The number is in use again, by a process that started at another time.
    assert is_gone(replace(living, started="1"))
    assert not is_gone(replace(ended, host="elsewhere"))
    assert not is_gone(replace(ended, kernel="another container"))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_killed_process_that_nobody_waited_for_is_gone():
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    stat = Path(f"/proc/{sleeper.pid}/stat")
    started = stat.read_text().rpartition(")")[2].split()[19]
    holder = replace(this_process(), process=sleeper.pid, started=started)
    assert not is_gone(holder)
    sleeper.kill()
    deadline_s = time.monotonic() + 10
    while not is_gone(holder) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert stat.exists(), "the process is still in the table"
    assert is_gone(holder)
    sleeper.communicate()
    assert is_gone(holder)


def test_without_the_systems_word_a_living_number_is_not_gone(monkeypatch, tmp_path, ended):
    monkeypatch.setattr("automtl.ledger.holder._PROC", tmp_path)
    living = this_process()
    assert (living.kernel, living.started) == ("", "")
    assert not is_gone(living)
    assert is_gone(replace(ended, kernel="", started=""))


def test_the_lease_tells_from_whom_it_was_taken(held, opened, clock):
    assert held._lease.taken_from is None
    clock.now_s += 75
    lease = opened().acquire_lease(SECOND, ttl_s=60, takeover=True)
    assert "which has not renewed its lease for 15 s" in (lease.taken_from or "")
    lease.release()
    assert opened().acquire_lease(THIRD, ttl_s=60).taken_from is None
