"""The short version of `python -m benchmarks.chaos`: one study, a kill of every kind."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.chaos import RECIPE, survive, undisturbed
from benchmarks.chaos_plan import Kill, Plan, Target

pytestmark = [
    pytest.mark.slow,
    pytest.mark.ray,
    # MLflow's own database code: not ours to mend.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

KILLS: tuple[Target, ...] = ("worker", "mlflow", "database", "raylet", "controller", "gcs")


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not below pytest's own folder: PostgreSQL is another user, and each start of pytest closes
    # that folder to others for a moment.
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def test_a_study_survives_the_kill_of_each_of_its_processes(folder: Path) -> None:
    recipe = folder / "chaos.yaml"
    recipe.write_text(RECIPE)
    expected = undisturbed(recipe, folder / "calm")
    kills = tuple(Kill(target=target, delay_s=1.0, outage_s=0.5) for target in KILLS)
    plan = Plan(study=0, has_server=True, kills=kills)
    found = survive(recipe, folder / "study-0", plan, expected, most=len(kills), seed=0)
    assert found.notes == ()
    assert (found.lost, found.doubled, found.stuck, found.unequal) == (0, 0, 0, 0)
    assert found.kills == dict.fromkeys(KILLS, 1)
    assert found.lost_workers >= 1
