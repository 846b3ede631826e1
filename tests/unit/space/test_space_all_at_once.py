"""One broken recipe with a mistake of each kind: all of them are named, each on its line."""

import pytest

from automtl.errors import RecipeError
from automtl.space.recipe import load_recipe

# The comment on a line is what must be said of it, `|` between two things.
BROKEN = """\
name: my study  # may not be 'my study'
seed: -1  # greater than or equal to 0
data:
  train:
    - {kind: shapes, clip: 2, seed: 1}  # unknown key `clip`. Did you mean `clips`?
    - {kind: yollo, images: a, labels: b}  # kind 'yollo' is unknown. Did you mean `yolo`?
  validation:
    - {kind: shapes, clips: 2, seed: 2, rate: 3}  # `rate: 3` is for sources that train
  label_fraction: {segmentatoin: 0.5}  # names `segmentatoin`
objectives:
  - {metric: detection/mPA, goal: maximize}  # no trial will report `detection/mPA`
  - {metric: depth/rmse, goal: minimize}  # it takes depth
  - {metric: cost/latency, goal: minimise}  # 'maximize' or 'minimize'
base:
  backbone: {name: resnet81}  # no backbone is called 'resnet81'; did you mean 'resnet18'?
  optimizer: {epochs: 0, steps: 4}  # unknown key `steps`|greater than or equal to 1
  sharing: {order: [detection, segmentation, tracking]}
parameters:
  optimizer.lr: {type: float, min: 1e-3, max: 100, log: true}  # less than or equal to 10
  optimizer.weight_decay: {type: float, min: 0, max: 2}  # less than or equal to 1
  optimizer.epoch: {type: int, min: 1, max: 2}  # Did you mean `optimizer.epochs`?
  optimizer.warmup: {type: float, min: 0.5, max: 0.1}  # must not be above `max`
  weighting.kind: {type: categorical, values: [fixed, uncertanty]}  # Did you mean `uncertainty`?
  schedule.block: {type: int, min: 1, max: 4, when: {schedule.knd: alternating}}  # `schedule.knd`
enqueue:
  - {heads.channel: 12}  # `heads.channel` is no parameter
constraints:
  - {metric: cost/paramters, max: 10}  # Did you mean `cost/parameters`?
  - {metric: cost/flops, min: 5, max: 1}  # at least 5 and at most 1
budget: {trials: 0}  # greater than or equal to 1
resources: {gpus: 1}  # unknown key `gpus`. Did you mean `gpu`?
baselines: {single_task: [detection, depht]}  # `depht` is no task of this search
sampler: {kind: tpee}  # kind 'tpee' is unknown. Did you mean `tpe`?
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, str]]:
    path = tmp_path_factory.mktemp("broken") / "broken.yaml"
    path.write_text(BROKEN)
    with pytest.raises(RecipeError) as refused:
        load_recipe(path)
    prefix = f"{path}:"
    found = []
    for text in str(refused.value).splitlines():
        assert text.startswith(prefix), text
        line, _, what = text.removeprefix(prefix).partition(": ")
        found.append((int(line), what))
    return found


PLANTED = [
    (number, what)
    for number, line in enumerate(BROKEN.splitlines(), start=1)
    if "  # " in line
    for what in line.partition("  # ")[2].split("|")
]


def test_many_kinds_are_planted() -> None:
    assert len(PLANTED) >= 20


@pytest.mark.parametrize(("line", "what"), PLANTED)
def test_each_is_named_on_its_line(said, line: int, what: str) -> None:
    assert any(number == line and what in text for number, text in said), [
        text for number, text in said if number == line
    ]


def test_nothing_is_named_that_was_not_planted(said) -> None:
    assert {number for number, _ in said} <= {number for number, _ in PLANTED}
    assert len(said) <= len(PLANTED)
