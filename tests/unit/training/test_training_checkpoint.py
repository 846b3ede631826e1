"""The checkpoint comes back as it was; a damaged one is seen, and the one before is taken."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from automtl.dispatch.base import failure_of
from automtl.errors import AutomtlError
from automtl.results import FailureKind
from automtl.training.checkpoint import (
    Best,
    Checkpoint,
    Identity,
    Progress,
    _fill,
    load_checkpoint,
    save_checkpoint,
)
from automtl.training.checkpoint_files import (
    epoch_of,
    kept_checkpoints,
    remove_leftovers,
    write_checkpoint,
)

IDENTITY = Identity(config="config", data="abc", seed=3)


def checkpoint(**changes):
    best = Best(epoch=1, score=0.5, values={"score": 0.5}, state={"w": torch.ones(2)})
    layer = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    base = Checkpoint(
        progress=Progress(
            epoch=2,
            spent={"cost/train_s": 1.5},
            history=({"a": 0.5}, {"a": 0.75}),
            strikes=1,
            costs={"cost/flops": 7.0},
            best=best,
        ),
        network=layer.state_dict(),
        optimizers=(optimizer.state_dict(),),
        weighting={"rng": torch.get_rng_state()},
    )
    return replace(base, **changes)


def at(epoch):
    saved = checkpoint()
    return replace(saved, progress=replace(saved.progress, epoch=epoch))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A folder with the checkpoints of epochs 4 and 5."""
    folder = tmp_path_factory.mktemp("trial")
    for epoch in (4, 5):
        save_checkpoint(folder, at(epoch), IDENTITY)
    return folder


def test_checkpoint_comes_back_as_it_was(tmp_path):
    saved = checkpoint()
    save_checkpoint(tmp_path, saved, IDENTITY)
    loaded = load_checkpoint(tmp_path, IDENTITY)
    found = loaded.checkpoint
    assert found is not None
    assert loaded.note == ""
    plain = replace(saved.progress, best=None)
    assert replace(found.progress, best=None) == plain
    assert found.progress.best is not None
    assert torch.equal(found.progress.best.state["w"], torch.ones(2))
    assert torch.equal(found.weighting["rng"], saved.weighting["rng"])
    moments = found.optimizers[0]["state"][0]["exp_avg"]
    assert torch.equal(moments, saved.optimizers[0]["state"][0]["exp_avg"])


def test_no_checkpoint_is_none(tmp_path):
    loaded = load_checkpoint(tmp_path, IDENTITY)
    assert (loaded.checkpoint, loaded.note) == (None, "")


@pytest.mark.parametrize("changes", [{"config": "x"}, {"data": "x"}, {"seed": 4}])
def test_a_foreign_checkpoint_is_refused(tmp_path, changes):
    save_checkpoint(tmp_path, checkpoint(), IDENTITY)
    with pytest.raises(AutomtlError, match="belongs to another training"):
        load_checkpoint(tmp_path, replace(IDENTITY, **changes))
    assert kept_checkpoints(tmp_path), "it is not ours to remove"


def test_the_newest_and_the_one_before_are_kept(tmp_path):
    for epoch in range(1, 6):
        save_checkpoint(tmp_path, at(epoch), IDENTITY)
        assert [epoch_of(p) for p in kept_checkpoints(tmp_path)] == [epoch, epoch - 1][:epoch]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_checkpoint_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    synced = []
    real = os.fsync

    def fsync(handle):
        synced.append((os.fstat(handle).st_ino, len(kept_checkpoints(tmp_path))))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    save_checkpoint(tmp_path, at(1), IDENTITY)
    (path,) = kept_checkpoints(tmp_path)
    assert synced == [(path.stat().st_ino, 0), (tmp_path.stat().st_ino, 1)]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_torn_checkpoint_falls_back_to_the_one_before(two, tmp_path_factory, data):
    """Cut at any place, one bit turned anywhere, zeros from anywhere on, or made longer."""
    folder = tmp_path_factory.mktemp("torn")
    shutil.copytree(two, folder, dirs_exist_ok=True)
    newest, before = kept_checkpoints(folder)
    content = bytearray(newest.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    kind = data.draw(st.sampled_from(["cut", "bit", "zeros", "longer"]))
    if kind == "cut":
        content = content[:place]
    elif kind == "bit":
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == "zeros":
        content[place:] = bytes(len(content) - place)
    else:
        content += b"\0"
    if bytes(content) == newest.read_bytes():
        return
    newest.write_bytes(content)
    loaded = load_checkpoint(folder, IDENTITY)
    assert loaded.checkpoint is not None
    assert loaded.checkpoint.progress.epoch == 4
    assert loaded.note == (
        "the checkpoint of epoch 5 is damaged (its content has another checksum than its name); "
        "the trial goes on from that of epoch 4"
    )
    assert kept_checkpoints(folder) == [before]


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {},
        {"identity": ["config"]},
        {"identity": ["config", "abc", 3], "best": None, "progress": 3},
        {"identity": ["config", "abc", 3], "best": [1], "progress": {}},
    ],
)
def test_a_whole_file_that_is_no_checkpoint_is_passed_over(two, tmp_path, content):
    shutil.copytree(two, tmp_path, dirs_exist_ok=True)
    write_checkpoint(tmp_path, 6, lambda path: _fill(path, content))
    loaded = load_checkpoint(tmp_path, IDENTITY)
    assert loaded.checkpoint is not None
    assert loaded.checkpoint.progress.epoch == 5
    assert "epoch 6 is no checkpoint of this version" in loaded.note
    assert [epoch_of(path) for path in kept_checkpoints(tmp_path)] == [5]


def test_with_both_torn_the_trial_starts_over(two, tmp_path):
    shutil.copytree(two, tmp_path, dirs_exist_ok=True)
    for path in kept_checkpoints(tmp_path):
        os.truncate(path, 100)
    loaded = load_checkpoint(tmp_path, IDENTITY)
    assert loaded.checkpoint is None
    assert "epoch 5 is damaged" in loaded.note
    assert "epoch 4 is damaged" in loaded.note
    assert loaded.note.endswith("; the trial starts over")
    save_checkpoint(tmp_path, at(1), IDENTITY)
    assert [epoch_of(path) for path in kept_checkpoints(tmp_path)] == [1]


def test_a_disk_that_is_away_for_a_moment_costs_no_checkpoint(two, tmp_path):
    shutil.copytree(two, tmp_path, dirs_exist_ok=True)
    newest = kept_checkpoints(tmp_path)[0]
    newest.unlink()
    newest.mkdir()  # opening it is an OSError, for root too
    loaded = load_checkpoint(tmp_path, IDENTITY)
    assert loaded.checkpoint is not None
    assert "epoch 5 cannot be read (IsADirectoryError" in loaded.note
    assert newest.exists()


def test_a_disk_that_is_full_leaves_what_was_there(two, tmp_path):
    shutil.copytree(two, tmp_path, dirs_exist_ok=True)
    before = sorted(tmp_path.iterdir())

    def half(path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_checkpoint(tmp_path, 6, half)
    assert sorted(tmp_path.iterdir()) == before


def test_a_full_disk_is_told_as_such_by_torch():
    with pytest.raises(OSError, match="No space left") as caught:
        _fill(Path("/dev/full"), {"w": torch.zeros(100_000)})
    assert failure_of(caught.value).kind is FailureKind.DISK_FULL


def test_what_a_killed_process_left_half_written_is_removed(two, tmp_path):
    shutil.copytree(two, tmp_path, dirs_exist_ok=True)
    whole = sorted(tmp_path.iterdir())
    for name in (".checkpoint.123", ".best.safetensors.9", ".model.json.77"):
        (tmp_path / name).write_text("half")
    (tmp_path / ".of_the_user.123").write_text("kept")
    remove_leftovers(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([*whole, tmp_path / ".of_the_user.123"])


def test_a_checkpoint_runs_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "owned"),)

    write_checkpoint(tmp_path, 3, lambda path: torch.save({"identity": Evil()}, path))
    loaded = load_checkpoint(tmp_path, IDENTITY)
    assert loaded.checkpoint is None
    assert "epoch 3 is no checkpoint (UnpicklingError)" in loaded.note
    assert not (tmp_path / "owned").exists()
