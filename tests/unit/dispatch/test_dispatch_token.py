"""Who has not the secret of a Ray that was started is refused by it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from automtl.testing.local_ray import local_ray

__all__ = ["local_ray"]
pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.usefixtures("local_ray")]

ASK = """\
import sys
from ray._raylet import GcsClient
print(GcsClient(address=sys.argv[1]).internal_kv_get(b"session_name", b"session", timeout=10))
"""
"""A question to Ray's state, from a process that is no part of it."""


def ask(**environment: str) -> subprocess.CompletedProcess[str]:
    import ray

    address = ray.get_runtime_context().gcs_address
    return subprocess.run(
        [sys.executable, "-c", ASK, address],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_ray_answers_those_who_have_its_token_alone() -> None:
    known = ask()
    assert (known.returncode, "session_" in known.stdout) == (0, True), known.stderr
    for stranger in ({"RAY_AUTH_TOKEN": "0" * 64}, {"RAY_AUTH_MODE": "disabled"}):
        refused = ask(**stranger)
        assert refused.returncode == 1
        assert "Unauthenticated" in refused.stderr


def test_the_token_is_for_its_owner_alone() -> None:
    assert (Path.home() / ".ray" / "auth_token").stat().st_mode & 0o777 == 0o600
