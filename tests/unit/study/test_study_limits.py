"""A network over a limit is never trained: its size is known before."""

from pathlib import Path

import pytest

from automtl.config import BackboneConfig, SharingConfig
from automtl.controller.propose import plan, propose
from automtl.data.table import DataInfo
from automtl.model.cost import count_flops, count_parameters
from automtl.model.network import build_network
from automtl.results import TrialRecord, TrialStatus
from automtl.space.parts import Constraint
from automtl.space.recipe import Budget, Recipe, find_recipe, load_recipe
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.limits import known_costs, too_large
from automtl.study.observer import Silent
from automtl.study.search import create, held, opened

INFO = DataInfo(
    detection_classes=("a", "b"), segmentation_classes=("c", "d", "e"), image_size=(96, 128)
)


def recipe(*limits: Constraint) -> Recipe:
    shipped = load_recipe(find_recipe("quickstart"))
    return shipped.model_copy(update={"constraints": limits, "budget": Budget(trials=40)})


def proposals(found: Recipe, n: int) -> list[TrialRecord]:
    known = known_costs(found, INFO)
    history: list[TrialRecord] = []
    while len(history) < n and (proposal := propose(found, history, known)) is not None:
        history.append(
            TrialRecord(
                number=proposal.number,
                point=proposal.point,
                config=proposal.config.to_plain(),
                config_digest=proposal.config.digest,
                origin=proposal.origin,
                status=TrialStatus.RUNNING,
            )
        )
    return history


def cost_of(found: Recipe, metric: str, record: TrialRecord) -> float:
    unlimited = recipe(Constraint(metric=metric, max=1e15))
    config = found.space.config_of(record.point)
    return known_costs(unlimited, INFO)(config)[metric]


@pytest.mark.parametrize(
    "metric", ["cost/parameters", pytest.param("cost/flops", marks=pytest.mark.slow)]
)
def test_no_proposal_is_over_the_limit_of_its_network(metric: str) -> None:
    free = recipe()
    costs = sorted(cost_of(free, metric, r) for r in proposals(free, 12) if _is_whole(r))
    limit = costs[len(costs) // 2]
    assert costs[-1] > limit, "the limit has to shut something out"
    found = recipe(Constraint(metric=metric, max=limit))
    history = proposals(found, 12)
    assert len(history) == 12
    whole = [record for record in history if _is_whole(record)]
    assert len(whole) > 6
    assert all(cost_of(found, metric, record) <= limit for record in whole)


def test_what_a_recipe_states_over_a_limit_is_named_and_left_out() -> None:
    found = recipe(Constraint(metric="cost/parameters", max=10))
    known = known_costs(found, INFO)
    assert plan(found, known) == ()
    lines = too_large(found, known)
    assert len(lines) == len(plan(found)) > 0
    assert lines[0].startswith("Never trained: default, whose cost/parameters is ")


def test_a_search_in_which_nothing_fits_ends_without_a_trial(tmp_path: Path) -> None:
    found = recipe(Constraint(metric="cost/parameters", max=10))
    place = StudyFolder(tmp_path / "study")
    create(found, place, Settings())
    with opened(place) as ledger, held(ledger):
        desk = StudyController(
            recipe=found,
            ledger=ledger,
            folder=place,
            observer=Silent(),
            known=known_costs(found, INFO),
        )
        assert desk.next_order() is None
        assert ledger.history() == ()


def test_foreign_code_and_other_limits_are_left_to_the_trial() -> None:
    config = recipe().space.config_of(recipe().space.default_point())
    latency = recipe(Constraint(metric="cost/latency_ms", max=1))
    assert known_costs(latency, INFO)(config) == {}
    limited = recipe(Constraint(metric="cost/parameters", max=10))
    own = config.backbone.model_copy(update={"name": "no_such_module:backbone"})
    assert known_costs(limited, INFO)(config.model_copy(update={"backbone": own})) == {}


def test_a_backbone_of_timm_is_measured_as_any_other() -> None:
    pytest.importorskip("timm", reason="the extra `timm` is not installed")
    config = recipe().space.config_of(recipe().space.default_point())
    limits = [Constraint(metric=f"cost/{of}", max=1e15) for of in ("parameters", "flops")]
    backbone = BackboneConfig(name="timm:resnet10t", image_size=INFO.image_size)
    found = config.model_copy(update={"backbone": backbone})
    network = build_network(found, INFO, generator_seed=0)
    assert known_costs(recipe(*limits), INFO)(found) == {
        "cost/parameters": count_parameters(network),
        "cost/flops": count_flops(network, INFO.image_size),
    }


def test_own_code_that_a_trial_does_not_run_does_not_hide_its_size() -> None:
    config = recipe().space.config_of(recipe().space.default_point())
    limited = recipe(Constraint(metric="cost/parameters", max=10))
    unused = config.model_copy(update={"imports": {"bright": "no_such_module:Task"}})
    assert known_costs(limited, INFO)(unused) == known_costs(limited, INFO)(config) != {}
    order = SharingConfig(order=("detection", "bright"), split_after=(1,))
    used = unused.model_copy(update={"sharing": order})
    assert known_costs(limited, INFO)(used) == {}


def _is_whole(record: TrialRecord) -> bool:
    return not record.origin.startswith("baseline:")
