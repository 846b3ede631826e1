"""How much room a search needs, on which disk, and what an estimate says of it."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from automtl.data.load import load_data
from automtl.errors import AutomtlError
from automtl.results import Decision
from automtl.sources import DataConfig, ShapesSource
from automtl.space.parts import Resources
from automtl.space.recipe import Recipe, find_recipe, load_recipe
from automtl.storage.names import WEIGHTS
from automtl.study.disk import (
    GB,
    DiskEstimate,
    DiskGuard,
    Disks,
    check_room,
    disks_of,
    free_bytes,
    size,
)
from automtl.study.folder import Settings
from automtl.study.sizes import estimate
from automtl.training.checkpoint_files import kept_checkpoints
from automtl.training.loop import train


def test_an_estimate_is_refused_warned_of_or_told(tmp_path) -> None:
    def told(needs: DiskEstimate, n_free: float, *, disks: Disks | None = None) -> str:
        room = n_free if callable(n_free) else lambda _: int(n_free)
        return check_room(needs, disks or disks_of(tmp_path, Settings()), 1.0, room)

    needs = DiskEstimate(running=GB, ended=GB // 10, views=0, n_slots=2, n_trials=40)
    assert (needs.at_once, needs.in_all) == (2 * GB, 6 * GB + GB // 10)
    assert told(needs, 61 * GB) == (
        "Disk: 2.0 GB while 2 run at a time, 4.0 GB of models for 40 trials; 61 GB are free"
    )
    assert "Not all of it will fit" in told(needs, 7 * GB)
    with pytest.raises(
        AutomtlError, match=r"2\.9 GB free; trials that run at a time take 2\.0 GB"
    ):
        told(needs, 2.9 * GB)
    unlimited = DiskEstimate(running=GB, ended=GB, views=GB, n_slots=1, n_trials=None)
    assert "1.0 GB of models each, 1.0 GB of views" in unlimited.line(9 * GB)
    # Models go elsewhere: the study's own disk takes none, that of working trials no ended ones.
    root, working = tmp_path / "study", tmp_path / "work"
    away = Disks(root=root, models=None, working=working)
    room = {root: GB, working: 4 * GB}
    assert "4.0 GB are free" in told(needs, room.__getitem__, disks=away)
    assert "Not all" not in told(needs, room.__getitem__, disks=away)
    room[working] = 2 * GB
    with pytest.raises(AutomtlError, match=r"work: the disk has 2\.0 GB free"):
        told(needs, room.__getitem__, disks=away)


def test_an_estimate_is_what_the_files_take(tmp_path) -> None:
    """Against the files of a training of the largest network that the space has."""
    plain = load_recipe(find_recipe("quickstart")).to_plain()
    base = {
        "backbone": {"name": "tiny", "image_size": [32, 48]},
        "optimizer": {"epochs": 1, "steps_per_epoch": 1, "batch_size": 4},
    }
    depth = {"type": "int", "min": 0, "max": 4, "default": 4}
    changes = {"base": base, "parameters": {"sharing.split_after.0": depth}, "enqueue": []}
    recipe = Recipe.model_validate({**plain, **changes, "baselines": {}})
    sources = [ShapesSource(clips=2, frames=3, seed=seed, n_objects=(2, 3)) for seed in (0, 1)]
    data = DataConfig(train=(sources[0],), validation=(sources[1],))
    splits = load_data(data, image_size=(32, 48), root=None).splits
    found = estimate(recipe, splits, Settings(slots=2))
    config = recipe.space.config_of(recipe.space.reaching("sharing.split_after.0", 0))
    train(
        config,
        splits,
        lambda *_: Decision.CONTINUE,
        seed=0,
        folder=tmp_path,
        device=torch.device("cpu"),
    )
    weights = (tmp_path / WEIGHTS).stat().st_size
    checkpoint = kept_checkpoints(tmp_path)[0].stat().st_size
    assert found.ended == pytest.approx(weights, rel=0.1)
    assert found.running == pytest.approx(3 * checkpoint + 2 * weights, rel=0.15)
    assert (found.n_slots, found.n_trials, found.views) == (2, recipe.budget.trials, 0)
    assert estimate(recipe, splits, Settings(dispatcher="local")).n_slots == 1
    cores = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(cores)})
        assert estimate(recipe, splits, Settings()).n_slots == 1
    finally:
        os.sched_setaffinity(0, cores)


def test_free_space_is_that_of_a_folder_that_is_still_to_be_made(tmp_path) -> None:
    assert abs(free_bytes(tmp_path / "a" / "b") - free_bytes(tmp_path)) < GB
    assert size(0) == "0.0 MB"


@pytest.mark.parametrize("address", ["{}/kept", "file://{}/kept"])
def test_the_disk_of_the_artifacts_counts_and_that_where_trials_work(tmp_path, address) -> None:
    root, kept, working = tmp_path / "study", tmp_path / "kept", Path(tempfile.gettempdir())
    settings = Settings(artifacts=address.format(tmp_path))
    assert disks_of(root, settings) == Disks(root=root, models=kept, working=working)
    assert disks_of(root, replace(settings, ray_address="10.0.0.1:6379")).working is None
    # No library for an address is needed to know that it is not here.
    away = disks_of(root, Settings(artifacts="nosuch://host/kept"))
    assert away == Disks(root=root, models=None, working=working)
    assert disks_of(root, Settings()).places == (root,)


def asked(guard: DiskGuard, *, said: list[str] | None = None) -> tuple[bool, int]:
    """Ask for a new trial; return the answer, and how often room was made."""
    made: list[int] = []

    def make_room() -> int:
        made.append(1)
        return 0

    answer = guard.admits(
        is_idle=False,
        make_room=make_room,
        is_stopped=lambda: False,
        say=(said if said is not None else []).append,
    )
    return answer, len(made)


def test_models_are_removed_only_from_a_disk_that_is_short() -> None:
    disks = Disks(root=Path("study"), models=Path("kept"), working=Path("work"))
    room = {Path("study"): 9 * GB, Path("kept"): 900 * GB, Path("work"): GB // 2}
    guard = DiskGuard(disks=disks, min_free_gb=1.0, free=room.__getitem__)
    said: list[str] = []
    assert asked(guard, said=said) == (False, 0)
    assert "500 MB are free on the disk of work" in said[0]
    room[Path("work")] = 2 * GB
    assert asked(guard) == (True, 0)
    room[Path("kept")] = GB // 2
    assert asked(guard) == (False, 1)


def test_a_negative_threshold_is_refused() -> None:
    with pytest.raises(ValueError, match="min_free_gb"):
        Resources(min_free_gb=-1)
    assert not DiskGuard(
        disks=disks_of(Path(), Settings()), min_free_gb=0, free=lambda _: 0
    ).is_short
