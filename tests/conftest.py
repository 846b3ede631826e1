"""Shared fixtures: the real frames, where they exist."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# On a shared machine the same examples each time: a red run is about the change, not about luck.
# At home examples stay random, which is how new ones are found.
settings.register_profile(
    "ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
if os.environ.get("CI"):
    settings.load_profile("ci")


def real_data_root() -> Path | None:
    named = os.environ.get("AUTOMTL_DATA")
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    root = Path(named) if named else beside
    return root if root.is_dir() else None


@pytest.fixture(scope="session")
def real_data() -> Path:
    root = real_data_root()
    if root is None:
        pytest.skip("no real frames: set AUTOMTL_DATA or put them at ../shared/data")
    return root


@pytest.fixture(scope="session")
def torch_home(real_data: Path) -> Path:
    home = real_data.parent / "torch_home"
    if not home.is_dir():
        pytest.skip("no ImageNet weights at ../shared/torch_home")
    return home
