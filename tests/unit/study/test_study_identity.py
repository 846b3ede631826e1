"""What two trainings must have in common to be the same."""

from dataclasses import replace
from pathlib import Path

import pytest

from automtl.study import identity
from automtl.study.identity import SOURCES, source_digest, training_identity
from automtl.testing.small_training import small_splits


def test_data_classes_device_and_libraries_count(monkeypatch: pytest.MonkeyPatch) -> None:
    info = small_splits().info
    plain = training_identity(info, gpu=0.0)
    assert training_identity(info, gpu=0.0) == plain
    assert training_identity(info, gpu=0.5) == training_identity(info, gpu=1.0)
    others = [
        training_identity(info, gpu=1.0),
        training_identity(replace(info, digest="0" * 16), gpu=0.0),
        training_identity(replace(info, segmentation_classes=("other",)), gpu=0.0),
    ]
    monkeypatch.setattr(identity, "_version", lambda name: "0")
    others.append(training_identity(info, gpu=0.0))
    assert len({plain, *others}) == 5


def test_each_file_that_trains_counts_and_no_other(tmp_path: Path) -> None:
    """On a copy: a comment in any of these files makes another training of it."""
    package = tmp_path / "package"
    for part in SOURCES:
        file = package / part if part.endswith(".py") else package / part / "deep" / "file.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x = 1\n")
    (package / "cli").mkdir()
    (package / "cli" / "app.py").write_text("")
    before = source_digest.__wrapped__(package)
    (package / "cli" / "app.py").write_text("# changed")
    (package / "model" / "notes.txt").write_text("no source")
    assert source_digest.__wrapped__(package) == before
    seen = {before}
    for part in SOURCES:
        file = package / part if part.endswith(".py") else package / part / "deep" / "file.py"
        file.write_text("x = 2\n")
        seen.add(source_digest.__wrapped__(package))
    assert len(seen) == len(SOURCES) + 1


def test_the_parts_are_there() -> None:
    package = Path(identity.__file__).parents[1]
    assert all((package / part).exists() for part in SOURCES)
