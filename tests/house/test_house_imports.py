"""What a fresh interpreter loads: the command line starts without the heavy libraries."""

import subprocess
import sys

import pytest

HEAVY = frozenset(
    {"torch", "torchvision", "ray", "mlflow", "optuna", "sqlalchemy", "plotly", "pandas"}
)


@pytest.mark.parametrize(
    "code",
    [
        "import automtl",
        "import automtl.cli.app",
        "import automtl.results, automtl.config, automtl.sources",
        "import automtl.space.recipe",
    ],
)
def test_light_modules_load_nothing_heavy(code: str) -> None:
    assert loaded_by(code) & HEAVY == set()


def test_a_study_of_own_code_needs_no_torch() -> None:
    # Whoever searches for days holds what is imported here all that time.
    assert loaded_by("import automtl.study.api") & HEAVY == {"sqlalchemy"}


def test_figures_load_no_torch() -> None:
    found = loaded_by("import automtl_dashboards.report")
    assert found & {"torch", "ray", "sqlalchemy"} == set()


def loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has after some code."""
    script = f"{code}; import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())
