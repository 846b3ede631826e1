"""The short form of `python -m benchmarks.fuzz`: hostile inputs are read or end as one line."""

import random
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz_mutations import mutated_bytes, mutated_text, mutated_tree
from benchmarks.fuzz_run import run_one
from benchmarks.fuzz_targets import Annotations, Bundles, Recipes, plain_frame
from benchmarks.fuzz_watch import watched

FEW = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    return Bundles.small(tmp_path_factory.mktemp("bundle"), plain_frame())


@FEW
@given(seed=st.integers(0, 2**32))
def test_a_hostile_recipe_is_read_or_refused(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outcome = run_one(Recipes.shipped(), tmp_path_factory.mktemp("s"), random.Random(seed))
    assert outcome.crash == ""


@FEW
@given(seed=st.integers(0, 2**32))
def test_hostile_labels_are_read_or_refused(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    target = Annotations.around(plain_frame())
    assert run_one(target, tmp_path_factory.mktemp("s"), random.Random(seed)).crash == ""


@FEW
@given(seed=st.integers(0, 2**32))
def test_a_hostile_bundle_is_read_or_refused(
    seed: int, bundles: Bundles, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert run_one(bundles, tmp_path_factory.mktemp("s"), random.Random(seed)).crash == ""


class Raising:
    """A target whose reader is not as it should be."""

    def __init__(self, call) -> None:
        self.call = call

    def prepare(self, folder: Path, rng: random.Random):
        return lambda: self.call(folder)


def stray(folder: Path) -> None:
    (folder.parent / "x").write_text("something else")


def far_away(folder: Path) -> None:
    (folder.parent.parent / "elsewhere").write_text("anything")


def program(_: Path) -> None:
    subprocess.run(["true"], check=True)


def host(_: Path) -> None:
    socket.create_connection(("127.0.0.1", 9), timeout=1)


def inside(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "x").write_text("what a reader may write")
    (folder / "out" / "x").rename(folder / "out" / "y")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda folder: {}["key"], "KeyError at test_fuzz_short.py"),
        (lambda folder: (_ for _ in ()).throw(MemoryError()), "MemoryError"),
        (stray, "wrote"),
        (far_away, "elsewhere"),
        (program, "subprocess.Popen"),
    ],
)
def test_a_defect_is_seen(tmp_path: Path, call, told: str) -> None:
    assert told in run_one(Raising(call), tmp_path, random.Random(0)).crash


def test_a_host_that_is_asked_is_seen(tmp_path: Path) -> None:
    with watched(tmp_path) as outside, pytest.raises(OSError, match="refused"):
        host(tmp_path)
    assert set(outside) == {"socket.getaddrinfo", "socket.connect"}


def test_what_is_written_in_its_own_folder_is_fine(tmp_path: Path) -> None:
    assert run_one(Raising(inside), tmp_path, random.Random(0)).crash == ""


def test_a_hang_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.fuzz_run.LIMIT_S", 1)

    def forever(folder: Path) -> None:
        while True:
            pass

    assert "_HungError" in run_one(Raising(forever), tmp_path, random.Random(0)).crash


@given(st.randoms(use_true_random=False), st.binary(max_size=40), st.text("ab,\n ", max_size=20))
def test_mutations_never_fail(rng: random.Random, content: bytes, text: str) -> None:
    assert isinstance(mutated_bytes(content, rng), bytes)
    assert isinstance(mutated_text(text, rng), str)
    tree = {"a": [1, {"b": None}], "c": {}}
    for _ in range(5):
        tree = mutated_tree(tree, rng)
    assert tree is not None
