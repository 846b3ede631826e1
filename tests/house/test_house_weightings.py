"""The page on weightings is true: its example is a test, its tables name every kind."""

import re
from pathlib import Path

import yaml

from automtl.config import TrialConfig

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "weightings.md").read_text()


def test_the_example_is_the_tested_file() -> None:
    quoted = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert quoted == [(ROOT / "tests" / "contracts" / "test_own_weighting.py").read_text()]


def test_the_recipe_of_the_example_names_its_factory() -> None:
    (quoted,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    weighting = yaml.safe_load(quoted)["base"]["weighting"]
    config = TrialConfig.from_plain({"weighting": weighting}).weighting
    module, name = config.path.split(":")
    assert f"def {name}(" in (ROOT / "tests" / "contracts" / f"{module}.py").read_text()


def test_the_tables_name_every_kind_and_its_options() -> None:
    rows = {
        cells[0].strip("` "): set(re.findall(r"`(\w+)`", cells[-1]))
        for line in PAGE.splitlines()
        if line.startswith("| `") and (cells := line.strip("|").split("|"))
    }
    schema = TrialConfig.model_json_schema()
    kinds = schema["properties"]["weighting"]["discriminator"]["mapping"]
    expected = {
        kind: set(schema["$defs"][ref.rsplit("/", 1)[-1]]["properties"]) - {"kind"}
        for kind, ref in kinds.items()
    }
    assert rows == expected
