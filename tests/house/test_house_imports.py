"""What a fresh interpreter loads: the command line starts without the heavy libraries."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "ray", "mlflow", "optuna", "sqlalchemy", "plotly", "pandas")


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
    script = f"{code}; import sys; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_figures_load_no_torch() -> None:
    script = (
        "import automtl_dashboards.report, sys;"
        "print(sorted({'torch', 'ray', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
