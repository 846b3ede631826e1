"""A folder and its mirror: whatever happens here is there after the next push."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from automtl.errors import StorageError
from automtl.storage.local import FolderStore
from automtl.storage.mirror import Mirror

NAMES = st.sampled_from(["a", "b", "own/a", "own/deep/c", ".hidden", "own/.hidden"])


class Mirrored(RuleBasedStateMachine):
    """Files written, removed, pushed, and the machine replaced by another one."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.store = FolderStore(self.root / "store")
        self.n_machines = 0
        self.pushed: dict[str, bytes] = {}
        self.begin()

    def begin(self) -> None:
        self.folder = self.root / f"machine-{self.n_machines}"
        self.folder.mkdir()
        self.mirror = Mirror(folder=self.folder, store=self.store)

    @rule(name=NAMES, content=st.binary(max_size=3))
    def write(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    @rule()
    def push(self) -> None:
        self.mirror.push()
        self.pushed = visible(self.folder)

    @rule()
    def another_machine_goes_on(self) -> None:
        self.n_machines += 1
        self.begin()
        self.mirror.fetch()
        assert visible(self.folder) == self.pushed

    @rule()
    def another_machine_starts_over(self) -> None:
        self.n_machines += 1
        self.begin()
        self.mirror.forget()

    @invariant()
    def the_store_has_what_was_pushed(self) -> None:
        assert visible(self.root / "store") == self.pushed

    def teardown(self) -> None:
        shutil.rmtree(self.root)


def visible(folder: Path) -> dict[str, bytes]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {
        str(name): (folder / name).read_bytes()
        for name in found
        if not any(part.startswith(".") for part in name.parts)
    }


TestMirrored = Mirrored.TestCase
TestMirrored.settings = settings(
    max_examples=25,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


class Counting(FolderStore):
    """A store that counts what it is sent, and that can be away."""

    is_away = False
    sent: list[str]

    def put(self, source: Path, name: str) -> None:
        if type(self).is_away:
            msg = "away"
            raise StorageError(msg)
        type(self).sent.append(name)
        super().put(source, name)


@pytest.fixture
def counting(tmp_path: Path) -> Counting:
    Counting.is_away, Counting.sent = False, []
    return Counting(tmp_path / "store")


def test_only_what_changed_is_sent(counting, tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    mirror = Mirror(folder=folder, store=counting)
    (folder / "a").write_bytes(b"1")
    mirror.push()
    mirror.push()
    (folder / "b").write_bytes(b"2")
    mirror.push()
    assert Counting.sent == ["a", "b"]
    other = Mirror(folder=tmp_path / "there", store=counting)
    other.fetch()
    other.push()
    assert Counting.sent == ["a", "b"]


def test_a_push_makes_up_for_one_that_failed_and_nothing_goes_before_the_new_is_there(
    counting, tmp_path
):
    folder = tmp_path / "here"
    folder.mkdir()
    mirror = Mirror(folder=folder, store=counting)
    (folder / "old").write_bytes(b"1")
    mirror.push()
    (folder / "old").unlink()
    (folder / "new").write_bytes(b"2")
    Counting.is_away = True
    with pytest.raises(StorageError):
        mirror.push()
    assert list(counting.sizes()) == ["old"]
    Counting.is_away = False
    mirror.push()
    assert list(counting.sizes()) == ["new"]
