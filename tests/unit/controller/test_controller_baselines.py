"""Baselines: searches for the best network of one task, and named ways to train all tasks."""

import pytest
import yaml

from automtl.controller.baselines import alone, baseline_of
from automtl.controller.propose import Proposal, propose
from automtl.errors import RecipeError
from automtl.results import TrialRecord, TrialStatus
from automtl.space.recipe import Recipe, load_recipe
from automtl.space.search import search_digest
from automtl.study.baselines import cost_lines

PLAIN = {
    "name": "compared",
    "data": {
        "train": [{"kind": "shapes", "clips": 2, "seed": 1}],
        "validation": [{"kind": "shapes", "clips": 2, "seed": 2}],
    },
    "objectives": [
        {"metric": "cost/latency_ms", "goal": "minimize"},
        {"metric": "detection/mAP", "goal": "maximize"},
        {"metric": "tracking/IDF1", "goal": "maximize"},
    ],
    "base": {
        "backbone": {"name": "tiny", "image_size": [64, 96]},
        "sharing": {"order": ["tracking", "detection", "segmentation"]},
        "optimizer": {"epochs": 7},
    },
    "parameters": {
        "optimizer.lr": {"type": "float", "min": 1e-3, "max": 1e-2, "log": True},
        "optimizer.name": {"type": "categorical", "values": ["adamw", "sgd"]},
        "optimizer.weight_decay": {
            "type": "float",
            "min": 0,
            "max": 0.1,
            "when": {"optimizer.name": "adamw"},
        },
        "sharing.split_after.0": {"type": "int", "min": 0, "max": 4, "default": 1},
        "schedule.kind": {"type": "categorical", "values": ["joint", "alternating"]},
        # Exists where the schedule is the default's, and where it is not.
        "optimizer.warmup": {
            "type": "float",
            "min": 0,
            "max": 0.5,
            "when": {"schedule.kind": "joint"},
        },
        "optimizer.batch_size": {
            "type": "int",
            "min": 2,
            "max": 8,
            "step": 2,
            "when": {"schedule.kind": "alternating"},
        },
    },
    "baselines": {"single_task": {"tasks": ["detection", "tracking"], "trials": 4}},
    "budget": {"trials": 3},
}


def recipe(**changes: object) -> Recipe:
    return Recipe.model_validate({**PLAIN, **changes})


def ended(proposal: Proposal) -> TrialRecord:
    """A rate near .006 is the best for detection."""
    rate = float(proposal.point.get("optimizer.lr", 0.001))
    task = proposal.config.to_plain()["sharing"]["order"][0]  # type: ignore[index]
    metric = "detection/mAP" if task == "detection" else "tracking/IDF1"
    return TrialRecord(
        number=proposal.number,
        point=proposal.point,
        config=proposal.config.to_plain(),
        config_digest=proposal.config.digest,
        origin=proposal.origin,
        seed=proposal.seed,
        status=TrialStatus.COMPLETED,
        values={metric: 1 - 100 * abs(rate - 0.006)},
    )


def search(found: Recipe, n: int) -> list[TrialRecord]:
    history: list[TrialRecord] = []
    for _ in range(n):
        proposal = propose(found, history)
        assert proposal is not None
        history.append(ended(proposal))
    return history


def test_each_task_has_its_own_search_of_so_many_trials_and_they_take_turns() -> None:
    history = search(recipe(), 11)
    assert [r.number for r in history] == list(range(11))
    turns = ["baseline:detection", "baseline:tracking"]
    assert [r.origin for r in history] == ["default", *turns * 4, "sampler", "sampler"]
    for name in turns:
        points = [dict(r.point) for r in history if r.origin == name]
        assert points[0]["optimizer.lr"] == history[0].point["optimizer.lr"]
        assert len({repr(point) for point in points}) == 4
    again = [propose(recipe(), history[:n]) for n in range(11)]
    assert [p and (p.seed, dict(p.point)) for p in again] == [
        (r.seed, dict(r.point)) for r in history
    ]


def test_a_search_of_one_task_learns_from_its_own_trials() -> None:
    single = {"tasks": ["detection"], "trials": 40}
    history = search(recipe(baselines={"single_task": single}), 41)
    own = [r for r in history if r.origin == "baseline:detection"]
    misses = [abs(float(r.point["optimizer.lr"]) - 0.006) for r in own]
    assert sum(misses[25:]) / 15 < sum(misses[1:11]) / 10


def test_a_network_of_one_task_has_the_parameters_that_say_something_to_it() -> None:
    space = alone(recipe().space, "tracking")
    assert set(space.parameters) == {
        "optimizer.lr",
        "optimizer.name",
        "optimizer.weight_decay",
        "optimizer.warmup",
    }
    assert space.parameters["optimizer.warmup"].when == {}
    assert space.parameters["optimizer.weight_decay"].when == {"optimizer.name": "adamw"}
    assert [o.metric for o in space.objectives] == ["tracking/IDF1"]
    assert space.config_of(space.default_point()).tasks == ("tracking",)


def test_a_small_space_is_exhausted_before_its_trials_are() -> None:
    optimizers = {"type": "categorical", "values": ["adamw", "sgd"]}
    splits = {"type": "int", "min": 0, "max": 4}
    found = recipe(parameters={"optimizer.name": optimizers, "sharing.split_after.0": splits})
    origins = [r.origin for r in search(found, 6)]
    assert origins.count("baseline:detection") == origins.count("baseline:tracking") == 2
    assert origins[-1] == "sampler"


def test_named_baselines_share_everything_and_weigh_equally() -> None:
    space = recipe().space
    point, equal = baseline_of("equal_weights", space)
    plain = equal.to_plain()
    assert set(plain["weighting"]["weights"].values()) == {1.0}  # type: ignore[index]
    assert plain["schedule"] == {"kind": "joint"}
    assert min(equal.sharing.split_after) >= 4
    assert not [name for name in point if name.startswith(("sharing.", "schedule."))]
    _, staged = baseline_of("staged", space)
    assert staged.model_copy(update={"schedule": equal.schedule}) == equal
    stages = staged.to_plain()["schedule"]["stages"]  # type: ignore[index]
    assert [(s["tasks"], s["frozen"], s["epochs"]) for s in stages] == [
        (["detection"], [], 2),
        (["tracking", "segmentation"], ["trunk"], 2),
        ([], [], None),
    ]
    # What it says is what a training accepts.
    assert type(staged).from_plain(staged.to_plain()) == staged


def test_the_short_list_is_one_training_each_and_the_same_study_as_ever() -> None:
    short = recipe(baselines={"single_task": ["detection"]})
    long = recipe(baselines={"single_task": {"tasks": ["detection"]}})
    assert short == long
    assert short.to_plain()["baselines"] == {"single_task": ["detection"], "equal_weights": False}
    assert search_digest(short) == search_digest(long)
    tuned = recipe()
    assert Recipe.model_validate(tuned.to_plain()) == tuned
    assert search_digest(tuned) != search_digest(
        recipe(baselines={"single_task": ["detection", "tracking"]})
    )


@pytest.mark.parametrize(
    ("baselines", "said"),
    [
        ({"single_task": {"tasks": ["detection"], "trials": 0}}, "greater than or equal to 1"),
        ({"single_task": {"tasks": ["detction"]}}, "no task of this search"),
        (
            {"single_task": {"tasks": ["segmentation"], "trials": 2}},
            "cannot be tuned: no objective",
        ),
        ({"staged": True}, "has 3 stages and 2 epochs"),
    ],
)
def test_baselines_that_cannot_be_are_refused(baselines: object, said: str) -> None:
    base = {**PLAIN["base"], "optimizer": {"epochs": 2}}  # type: ignore[dict-item]
    with pytest.raises(ValueError, match=said):
        recipe(baselines=baselines, base=base)


def test_a_mistake_is_named_with_its_line(tmp_path) -> None:
    text = yaml.safe_dump({k: v for k, v in PLAIN.items() if k != "baselines"})
    path = tmp_path / "mine.yaml"
    path.write_text(text + "baselines:\n  single_task: {tasks: [trackng], trials: 2}\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    line = len(text.splitlines()) + 2
    assert f"mine.yaml:{line}: the baseline `trackng`" in str(caught.value)
    assert "Did you mean `tracking`?" in str(caught.value)


def test_what_they_cost_is_said_before() -> None:
    wanted = {**PLAIN["baselines"], "equal_weights": True, "staged": True}  # type: ignore[dict-item]
    (line,) = cost_lines(recipe(baselines=wanted))
    assert "10 trainings of together 70 epochs" in line
    assert "detection alone, tracking alone (4 trainings each), equal_weights, staged" in line
    assert cost_lines(recipe(baselines={})) == []
