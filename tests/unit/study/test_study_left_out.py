"""What is said of data that were left out, and of metrics that nobody reports."""

import pytest

from automtl.errors import RecipeError
from automtl.left_out import SHOWN, LeftOut, lines_of
from automtl.space.recipe import Recipe, find_recipe, load_recipe
from automtl.study.vision import check_metrics


def test_long_lists_are_cut_for_each_split_and_kind() -> None:
    frames = [LeftOut(name=f"{i}.png", split="train", reason="bad") for i in range(SHOWN + 7)]
    boxes = [LeftOut(name="gt.txt:3", split="train", reason="outside", kind="box")]
    lines = lines_of((*frames, *boxes))
    assert len(lines) == SHOWN + 2
    assert lines[0] == "left out of train: 0.png: bad"
    assert "7 more" in lines[SHOWN]
    assert lines[-1].endswith("outside")
    assert lines_of(()) == []


def test_a_metric_that_nobody_reports_is_refused_with_the_nearest() -> None:
    recipe = load_recipe(find_recipe("quickstart"))
    whole = {m.metric: 0.0 for m in recipe.objectives}
    check_metrics(recipe, {"untrained network": whole})
    del whole["detection/mAP"]
    whole["detection/mAP_50"] = 0.0
    with pytest.raises(RecipeError, match=r"detection/mAP`\. Did you mean `detection/mAP_50`"):
        check_metrics(recipe, {"untrained network": whole})


@pytest.mark.parametrize(
    "metric", ["cost/peak_memory_mb", "cost/train_s/detection", "loss/detection", "score"]
)
def test_what_needs_no_labels_is_always_reported(metric: str) -> None:
    shipped = load_recipe(find_recipe("quickstart"))
    whole = {objective.metric: 0.0 for objective in shipped.objectives}
    recipe = Recipe.model_validate(
        {**shipped.to_plain(), "constraints": [{"metric": metric, "max": 1.0}]}
    )
    check_metrics(recipe, {"untrained network": whole})
