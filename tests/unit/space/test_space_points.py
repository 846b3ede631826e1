import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.config import JointSchedule, StagedSchedule, TrialConfig, UPGradWeighting
from automtl.errors import RecipeError
from automtl.results import Objective
from automtl.space.parameter import (
    FloatParameter,
    IntParameter,
    allows,
    corners_of,
    default_of,
    grid_of,
    matches,
)
from automtl.space.paths import known_paths, nested, set_all
from automtl.space.search_space import SearchSpace

GOAL = Objective(metric="loss", goal="minimize")


def space(parameters: Mapping[str, Any], base: TrialConfig | None = None) -> SearchSpace:
    found = SearchSpace.from_plain(parameters=parameters, objectives=[GOAL])
    return SearchSpace(parameters=found.parameters, objectives=found.objectives, base=base)


CHAIN: dict[str, Any] = {
    "leaf": {"type": "int", "min": 1, "max": 3, "when": {"middle": True}},
    "middle": {"type": "bool", "when": {"root": ["b", "c"]}},
    "root": {"type": "categorical", "values": ["a", "b", "c"]},
    "other": {"type": "float", "min": 0, "max": 1, "step": 0.25, "default": 0.5},
}


def test_parents_come_first_whatever_the_order_of_keys() -> None:
    orders = [
        list(space({name: CHAIN[name] for name in names}).parameters)
        for names in itertools.permutations(CHAIN)
    ]
    assert all(order == orders[0] for order in orders)
    assert orders[0].index("root") < orders[0].index("middle") < orders[0].index("leaf")


@pytest.mark.parametrize(
    ("partial", "expected"),
    [
        ({}, {"root": "a", "other": 0.5}),
        ({"root": "b"}, {"root": "b", "middle": False, "other": 0.5}),
        ({"root": "c", "middle": True}, {"root": "c", "middle": True, "leaf": 2, "other": 0.5}),
        ({"other": 1}, {"root": "a", "other": 1.0}),
    ],
)
def test_points_are_completed_by_the_defaults_of_what_exists(
    partial: dict[str, Any], expected: dict[str, Any]
) -> None:
    point = space(CHAIN).complete(partial)
    assert point == expected
    assert type(point["other"]) is float
    assert set(space(CHAIN).active(point)) == set(point)


@pytest.mark.parametrize(
    ("partial", "words"),
    [
        ({"rot": "a"}, "`rot` is no parameter. Did you mean `root`?"),
        ({"middle": True}, "`middle` does not exist at this point"),
        ({"root": "d"}, "`root` must be one of a, b, c, found 'd'"),
        ({"other": 0.3}, "`other` must be 0 to 1 in steps of 0.25, found 0.3"),
        ({"other": True}, "`other` must be"),
    ],
)
def test_impossible_points_are_refused(partial: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        space(CHAIN).complete(partial)
    assert words in str(caught.value)


def test_an_inactive_parent_hides_its_grandchildren() -> None:
    # `middle` is left over from another branch: it does not exist, so neither does `leaf`.
    stale = {"root": "a", "middle": True, "leaf": 1, "other": 0.0}
    assert set(space(CHAIN).active(stale)) == {"root", "other"}


def test_the_grid_holds_every_point_once() -> None:
    grid = space(CHAIN).grid(1000)
    assert grid is not None
    # root a: 1 branch; b and c: middle false 1, middle true 3 leaves; times 5 values of `other`.
    assert len(grid) == (1 + 2 * (1 + 3)) * 5
    assert len({tuple(sorted(p.items())) for p in grid}) == len(grid)
    assert all(set(space(CHAIN).active(p)) == set(p) for p in grid)
    assert space(CHAIN).grid(10) is None
    assert space({"x": {"type": "float", "min": 0, "max": 1}}).grid(10) is None
    assert space({}).grid(10) == ({},)


@pytest.mark.parametrize("name", list(CHAIN))
def test_every_parameter_can_be_reached(name: str) -> None:
    found = space(CHAIN)
    for value in corners_of(found.parameters[name]):
        point = found.reaching(name, value)
        assert point[name] == value
        assert name in found.active(point)


def test_circles_and_unknown_parents_are_refused() -> None:
    one = {"type": "bool", "when": {"b": True}}
    two = {"type": "bool", "when": {"a": True}}
    with pytest.raises(RecipeError, match="circle: a, b"):
        space({"a": one, "b": two})
    with pytest.raises(RecipeError, match="depends on `b`"):
        space({"a": one})
    with pytest.raises(RecipeError, match="min"):
        space({"a": {"type": "int", "min": 3, "max": 1}})


numbers = st.one_of(
    st.builds(
        lambda low, span, log: FloatParameter(type="float", min=low, max=low + span, log=log),
        st.floats(1e-6, 1e3),
        st.floats(0, 1e3),
        st.booleans(),
    ),
    st.builds(
        lambda low, span, n: IntParameter(
            type="int", min=low, max=low + span, step=max(1, span // n) if span else None
        ),
        st.integers(-50, 50),
        st.integers(0, 100),
        st.integers(1, 9),
    ),
    st.builds(
        lambda low, step, n: FloatParameter(
            type="float", min=low, max=low + step * n + step / 3, step=step
        ),
        st.sampled_from([0.0, -1.0, 0.3]),
        st.sampled_from([0.1, 0.25, 3.0]),
        st.integers(1, 12),
    ),
)


@given(numbers)
def test_defaults_corners_and_grid_are_allowed_values(
    parameter: FloatParameter | IntParameter,
) -> None:
    assert allows(parameter, default_of(parameter))
    assert all(allows(parameter, value) for value in corners_of(parameter))
    grid = grid_of(parameter, 200)
    if grid is not None:
        assert all(allows(parameter, value) for value in grid)
        assert grid[0] == parameter.min
        assert grid[-1] == pytest.approx(corners_of(parameter)[-1])
        assert len(set(grid)) == len(grid)


@given(value=st.sampled_from([1, 2, "a", True]), given_=st.sampled_from([1, 2, "a", False, None]))
def test_a_condition_on_a_missing_name_never_holds(value: Any, given_: Any) -> None:
    point = {} if given_ is None else {"x": given_}
    assert matches({"x": value}, point) == (given_ is not None and value == given_)
    assert matches({"x": (value, "z")}, point) == (given_ is not None and given_ in (value, "z"))


BASE = TrialConfig.from_plain(
    {
        "weighting": {"kind": "fixed", "weights": {"detection": 2.0}},
        "schedule": {"kind": "alternating", "block": 5},
    }
)


def test_a_config_is_the_base_with_the_active_values() -> None:
    found = space(
        {
            "optimizer.lr": {"type": "float", "min": 1e-3, "max": 1e-2},
            "sharing.split_after.1": {"type": "int", "min": 0, "max": 4},
            "weighting.kind": {"type": "categorical", "values": ["fixed", "upgrad"]},
            "weighting.weights.tracking": {
                "type": "float",
                "min": 1,
                "max": 9,
                "when": {"weighting.kind": "fixed"},
            },
        },
        BASE,
    )
    point = {"optimizer.lr": 5e-3, "sharing.split_after.1": 3, "weighting.weights.tracking": 4.0}
    fixed = found.config_of({**point, "weighting.kind": "fixed"})
    assert fixed.optimizer.lr == 5e-3
    assert fixed.sharing.split_after == (99, 3)
    assert fixed.to_plain()["weighting"] == {
        "kind": "fixed",
        "weights": {"detection": 2.0, "tracking": 4.0},
    }
    assert fixed.schedule == BASE.schedule
    other = found.config_of({**point, "weighting.kind": "upgrad"})
    # Nothing of the other kind is left; what the new kind has is by default.
    assert other.to_plain()["weighting"] == UPGradWeighting().model_dump(mode="json")
    assert BASE.to_plain()["weighting"] == {"kind": "fixed", "weights": {"detection": 2.0}}


def test_a_text_with_commas_stands_for_a_list() -> None:
    chains = ["detection, tracking, segmentation", "segmentation,detection,tracking"]
    found = space({"sharing.order": {"type": "categorical", "values": chains}}, BASE)
    orders = [found.config_of({"sharing.order": chain}).sharing.order for chain in chains]
    assert orders == [
        ("detection", "tracking", "segmentation"),
        ("segmentation", "detection", "tracking"),
    ]


def test_a_key_of_another_kind_names_the_parameter() -> None:
    found = space(
        {
            "schedule.kind": {"type": "categorical", "values": ["joint", "alternating"]},
            "schedule.block": {"type": "int", "min": 1, "max": 4},
        },
        BASE,
    )
    with pytest.raises(RecipeError) as caught:
        found.config_of({"schedule.kind": "joint", "schedule.block": 2})
    assert "`schedule.block` = 2" in str(caught.value)
    assert "when: {schedule.kind" in str(caught.value)


def test_a_space_of_free_names_has_no_configuration() -> None:
    with pytest.raises(RecipeError, match="free names"):
        space(CHAIN).config_of({})


@pytest.mark.parametrize("text", ["rgb+hog", "rgb, hog"])
def test_views_are_chosen_by_one_text(text: str) -> None:
    plain = set_all(TrialConfig().to_plain(), {"backbone.views": text})
    assert TrialConfig.from_plain(plain).backbone.views == ("rgb", "hog")


def test_lists_of_any_length_have_no_paths_to_entries() -> None:
    known = known_paths()
    assert {"backbone.views", "schedule.stages"} < set(known)
    assert not [p for p in known if p.startswith(("backbone.views.", "schedule.stages."))]


@pytest.mark.parametrize("path", known_paths(TrialConfig().tasks))
def test_every_known_path_can_be_set(path: str) -> None:
    if path in ("backbone.image_size", "sharing.split_after", "sharing.order"):
        return  # lists; their entries are paths of their own
    wanted: Any = ["marker"] if path == "backbone.views" else "marker"
    kinds = {"schedule.block": "alternating", "schedule.optimizer_state": "alternating"}
    plain = set_all(TrialConfig().to_plain(), {"schedule.kind": kinds.get(path, "joint")})
    changed = set_all(plain, {path: "marker"})
    node: Any = changed
    for part in path.split("."):
        node = node[int(part)] if isinstance(node, list) else node[part]
    assert node == wanted
    assert path.split(".", maxsplit=1)[0] in TrialConfig.model_fields


def test_dotted_and_nested_keys_may_be_mixed() -> None:
    flat = {"a.b": 1, "a": {"c": {"d.e": 2}}, "a.c.f": 3}
    assert nested(flat) == {"a": {"b": 1, "c": {"d": {"e": 2}, "f": 3}}}


@pytest.mark.parametrize("schedule", [JointSchedule(), StagedSchedule(stages="all")])
def test_stages_are_chosen_by_one_text_whatever_the_base_has(
    schedule: JointSchedule | StagedSchedule,
) -> None:
    text = "detection+segmentation for 1; tracking freeze trunk+head:detection"
    parameters = {
        "schedule.kind": {"type": "categorical", "values": ["staged"]},
        "schedule.stages": {"type": "categorical", "values": [text]},
    }
    made = space(parameters, TrialConfig(schedule=schedule))
    assert made.config_of(made.default_point()).schedule == StagedSchedule(stages=text)
