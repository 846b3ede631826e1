"""The table in docs/reliability.md names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs/reliability.md").read_text())


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda part: part.rsplit("/", 1)[-1])
def test_the_named_test_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_case_has_its_own_test() -> None:
    text = (ROOT / "docs/reliability.md").read_text().split("## Case, behaviour, test")[1]
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(NAMED) == len(set(NAMED)) > 30
