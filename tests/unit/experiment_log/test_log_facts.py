"""The parameters of a study's run say how it was searched, as its recipe does."""

from automtl.experiment_log.facts import study_params
from automtl.experiment_log.updates import VALUE_LIMIT
from automtl.results import Objective, StudyInfo


def study(**recipe: object) -> StudyInfo:
    objectives = (
        Objective(metric="mAP@[0.5]", goal="maximize", reference=0.25),
        Objective(metric="cost/latency_ms", goal="minimize", unit="ms"),
    )
    return StudyInfo(
        name="s",
        objectives=objectives,
        recipe=recipe,
        recipe_digest="x",
        seed=3,
        created_s=0.0,
    )


def test_what_is_stated_is_told_and_nothing_else():
    recipe = {
        "parameters": {"lr": {}, "block": {}},
        "budget": {"trials": 8, "minutes": None, "stall": {"trials": 4, "gain": 0.01}},
        "sampler": {"kind": "tpe"},
        "early_stopping": {"kind": "promotion", "eta": 3},
        "replicates": 2,
        "base": {"optimizer": {"lr": 0.1}},
    }
    assert study_params(study(**recipe)) == {
        "objective.mAP__0.5_": "maximize, reference 0.25",
        "objective.cost/latency_ms": "minimize [ms]",
        "budget.trials": "8",
        "budget.stall.trials": "4",
        "budget.stall.gain": "0.01",
        "sampler.kind": "tpe",
        "early_stopping.kind": "promotion",
        "early_stopping.eta": "3",
        "n_parameters": "2",
        "replicates": "2",
        "seed": "3",
    }


def test_values_are_such_as_mlflow_takes():
    told = study_params(study(sampler={"kind": "x" * 10_000}))
    assert len(told["sampler.kind"]) == VALUE_LIMIT
