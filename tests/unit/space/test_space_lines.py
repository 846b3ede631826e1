"""A mistake in `base` is named with the innermost line that there is."""

from pathlib import Path

import pytest

from automtl.errors import RecipeError
from automtl.space.recipe import load_recipe

RECIPE = """\
name: small
data:
  train: [{kind: shapes, clips: 2, seed: 1}]
  validation: [{kind: shapes, clips: 2, seed: 2}]
objectives: [{metric: detection/mAP, goal: maximize}]
parameters:
  optimizer.lr: {type: float, min: 1e-3, max: 1e-2, log: true}
budget: {trials: 4}
base:
"""

# Each has one mistake, on the line that ends in `# here`.
WRONG = {
    "a name that is no identifier": """
  sharing:
    order:
      - detection
      - my.module:Task  # here
  imports:
    bright: my.module:Task
""",
    "an unknown task": """
  sharing:
    order:
      - detection
      - detektion  # here
""",
    "an unknown task under a dotted key": """
  optimizer.epochs: 2
  sharing.order:
    - detection
    - detektion  # here
""",
    "a task twice": """
  sharing:
    split_after: [1]
    order:
      - tracking
      - tracking  # here
""",
    "too few splits": """
  sharing:
    order: [detection, tracking]
    split_after: [1, 2]  # here
""",
    "an import of no class": """
  backbone: {name: tiny}
  imports:
    fine: package.module:Task
    bright: package.module  # here
""",
    "an import of a built-in name": """
  imports:
    depth: package.module:Task  # here
""",
    "a weight of no task": """
  weighting:
    kind: fixed
    weights:
      detection: 2
      spam: 1  # here
""",
    "a weight of no task under a dotted key": """
  weighting:
    kind: fixed
  weighting.weights.detection: 2
  weighting.weights.spam: 1  # here
""",
    "an order of no task": """
  schedule:
    kind: until_plateau
    order:
      - detection
      - spam  # here
""",
    "a stage of no task": """
  schedule:
    kind: staged
    stages:
      - {tasks: [detection], epochs: 2}
      - frozen: [trunk]
        tasks: [spam]  # here
""",
    "a stage of no task as a text": """
  schedule:
    kind: staged
    stages: detection for 2; spam  # here
""",
    "too many epochs of stages": """
  schedule:
    kind: staged
    stages: detection for 200; all  # here
""",
    "an unknown kind": """
  schedule:
    block: 3
    kind: altrnating  # here
""",
    "views twice": """
  backbone:
    name: tiny
    views: [rgb, rgb]  # here
""",
    "a width that has no whole cells": """
  backbone:
    name: tiny
    views: [rgb, hog]
    image_size: [96, 130]  # here
""",
    "rates and temperature": """
  schedule:
    kind: proportional
    rates: {tracking: 2}
    temperature: 3  # here
""",
    "a wrong value under a dotted key": """
  backbone: {name: tiny}
  optimizer.lr: -1  # here
""",
}


@pytest.mark.parametrize("name", WRONG)
def test_the_line_is_the_innermost(tmp_path: Path, name: str) -> None:
    text = RECIPE + WRONG[name].lstrip("\n")
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    (line,) = [i for i, t in enumerate(text.splitlines(), start=1) if t.endswith("# here")]
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    (found,) = str(caught.value).splitlines()
    assert found.startswith(f"{path}:{line}: "), found
