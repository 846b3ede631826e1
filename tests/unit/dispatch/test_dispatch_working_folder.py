"""Where an attempt keeps its files, with a store and without."""

import errno
import os
import tempfile
from pathlib import Path

import pytest

from automtl.dispatch.attempt import run_attempt
from automtl.dispatch.base import failure_of, is_disk_full
from automtl.dispatch.working_folder import working_folder
from automtl.errors import StorageError
from automtl.results import Decision, FailureKind, TrialOrder
from automtl.storage import base


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch) -> Path:
    """A machine's own folder for temporary files."""
    monkeypatch.setattr(base, "PAUSES_S", ())
    place = tmp_path / "machine"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def order(tmp_path: Path, **changes) -> TrialOrder:
    plain = {
        "number": 3,
        "attempt": 1,
        "point": {},
        "config": {},
        "seed": 1,
        "folder": str(tmp_path / "study" / "trial-0003"),
        "artifacts": str(tmp_path / "store" / "checkpoints" / "trial-0003"),
    }
    return TrialOrder(**{**plain, **changes})


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_without_a_store_it_is_the_trials_folder(tmp_path, machine):
    with working_folder(order(tmp_path, artifacts="")) as working:
        assert working.path == tmp_path / "study" / "trial-0003"
        working.keep()
    assert files(machine) == []


def test_an_attempt_elsewhere_finds_what_the_one_before_kept(tmp_path, machine, monkeypatch):
    with working_folder(order(tmp_path)) as working:
        (working.path / "first").write_text("1")
        working.keep()
        assert files(tmp_path / "store") == ["checkpoints/trial-0003/first"]
        (working.path / "last").write_text("2")
    assert files(machine) == [], "nothing stays on the machine"
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with working_folder(order(tmp_path, attempt=2, resume=True)) as working:
        assert files(working.path) == ["first", "last"]
        (working.path / "first").unlink()
    assert files(tmp_path / "store") == ["checkpoints/trial-0003/last"]
    assert not (tmp_path / "study").exists(), "the folder of the study is of another machine"


def test_what_a_killed_attempt_left_here_is_gone_and_others_stay(tmp_path, machine):
    with working_folder(order(tmp_path)) as working:
        root = working.path.parent
        for name in ("trial-0003.0", "trial-0004.1", "views"):
            (root / name).mkdir()
            (root / name / "file").write_text("x")
    with working_folder(order(tmp_path, attempt=2, resume=True)) as working:
        assert files(root) == ["trial-0004.1/file", "views/file"]


def test_a_first_attempt_does_not_go_on_from_what_lies_there(tmp_path):
    with working_folder(order(tmp_path)) as working:
        (working.path / "of_before").write_text("1")
    with working_folder(order(tmp_path)) as working:
        assert files(working.path) == []
    assert files(tmp_path / "store") == []


def test_a_failed_attempt_keeps_its_files_and_its_traceback(tmp_path):
    def train(order, report):
        with working_folder(order) as working:
            (working.path / "notes.txt").write_text("said")
            raise ZeroDivisionError

    failure = run_attempt(train, order(tmp_path), lambda epoch, values: Decision.CONTINUE)
    assert failure is not None
    assert (failure.kind, failure.message) == (FailureKind.ERROR, "ZeroDivisionError")
    place = tmp_path / "store" / "checkpoints" / "trial-0003"
    assert files(place) == ["notes.txt", "traceback.txt"]
    assert "in train" in (place / "traceback.txt").read_text()


def test_a_store_that_goes_away_has_a_name_and_does_not_hide_another_reason(tmp_path):
    place = tmp_path / "store" / "checkpoints" / "trial-0003"

    def train(order, report):
        with working_folder(order) as working:
            (working.path / "file").write_text("x")
            place.parent.mkdir(parents=True)
            place.write_text("no folder can be made here")
            if order.point:
                raise ZeroDivisionError

    failure = run_attempt(train, order(tmp_path), lambda epoch, values: Decision.CONTINUE)
    assert failure is not None
    assert failure.kind is FailureKind.STORAGE
    assert "storing file failed (" in failure.message
    place.unlink()
    place.parent.rmdir()
    broken = order(tmp_path, point={"x": 1})
    failure = run_attempt(train, broken, lambda epoch, values: Decision.CONTINUE)
    assert failure is not None
    assert failure.kind is FailureKind.ERROR
    assert failure.message == ("ZeroDivisionError (its traceback could not be kept: StorageError)")


def test_a_full_disk_has_a_name_however_deep_it_lies():
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert failure_of(full).kind is FailureKind.DISK_FULL
    assert failure_of(full).message == "OSError: [Errno 28] No space left on device"
    outer = RuntimeError("unexpected pos 64 vs 0")
    outer.__context__ = full
    assert failure_of(outer).kind is FailureKind.DISK_FULL
    wrapped = StorageError("storing a failed")
    wrapped.__cause__ = OSError(errno.EDQUOT, "over quota")
    assert failure_of(wrapped).kind is FailureKind.DISK_FULL
    assert not is_disk_full(OSError(errno.EIO, "broken"))
    assert failure_of(StorageError("away")).kind is FailureKind.STORAGE
