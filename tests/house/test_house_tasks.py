"""The page on tasks is true: its example is a test, its table names every task and metric."""

import re
from pathlib import Path

import yaml

from automtl.config import BUILT_IN_TASKS, TrialConfig
from automtl.data.targets import SUFFIXES
from automtl.sources import DataConfig
from automtl.tasks.choose import task_named

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "tasks.md").read_text()
ROWS = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| `")]


def test_the_example_is_the_tested_file() -> None:
    quoted = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert quoted == [(ROOT / "tests" / "contracts" / "test_own_task.py").read_text()]


def test_the_recipes_of_the_page_are_well_formed() -> None:
    sources, base = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL))
    train = sources["data"]["train"]
    config = DataConfig.model_validate({"train": train, "validation": train})
    assert set(config.train[0].targets) == {"depth", "classification", "brightness"}
    trial = TrialConfig.from_plain(base["base"])
    module, name = trial.imports["brightness"].split(":")
    assert f"class {name}:" in (ROOT / "tests" / "contracts" / f"{module}.py").read_text()


def test_the_table_names_every_task_and_metric() -> None:
    named = {row[0].strip("` "): re.findall(r"`(.+?)`", row[3] + row[4]) for row in ROWS[:5]}
    assert named == {name: list(task_named(name).metrics) for name in BUILT_IN_TASKS}


def test_the_table_names_every_kind_of_file() -> None:
    assert {re.findall(r"`(.+?)`", row[0])[0] for row in ROWS[5:]} == set(SUFFIXES)
