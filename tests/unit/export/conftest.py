"""A model that sees objects on any picture, and frames for it."""

from pathlib import Path

import pytest

from automtl.export.bundle import Bundle
from automtl.testing.seeing_bundle import seeing_bundle, write_frames


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return seeing_bundle(tmp_path_factory.mktemp("bundles") / "b")


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    return write_frames(tmp_path / "frames", 3)
