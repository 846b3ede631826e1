import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from automtl.errors import AutomtlError
from automtl.pareto import front, hypervolume, knee, non_dominated, pick, ranks, weighted
from automtl.results import Objective, TrialRecord, TrialStatus

Losses = NDArray[np.float64]

OBJECTIVES = (
    Objective(metric="quality", goal="maximize"),
    Objective(metric="latency", goal="minimize", unit="ms"),
)

tied = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6),
    elements=st.sampled_from([-1.0, 0.0, 1.0, math.nan]),
)


def dominates(a: Losses, b: Losses) -> bool:
    return bool((a <= b).all() and (a < b).any())


@given(tied)
def test_kept_exactly_when_complete_and_undominated(losses: Losses) -> None:
    expected = [
        not np.isnan(row).any() and not any(dominates(other, row) for other in losses)
        for row in losses
    ]
    assert non_dominated(losses).tolist() == expected


@given(tied)
def test_ranks_are_fronts_peeled_off_one_by_one(losses: Losses) -> None:
    expected = np.full(len(losses), len(losses))
    left = ~np.isnan(losses).any(axis=1)
    for rank in itertools.count():
        if not left.any():
            break
        indices = np.flatnonzero(left)[non_dominated(losses[left])]
        expected[indices] = rank
        left[indices] = False
    assert ranks(losses).tolist() == expected.tolist()


def test_hypervolume_by_hand() -> None:
    assert hypervolume([[1, 2], [2, 1]], [3, 3]) == 3.0
    # Boxes 2x1x1 and 1x2x1 and 1x1x2, which all share the unit cube: 3 * 2 - 2.
    assert hypervolume([[1, 2, 2], [2, 1, 2], [2, 2, 1]], [3, 3, 3]) == pytest.approx(4.0)
    # Quality is turned: 0.6 and 0.4 against a reference of 0.
    assert hypervolume([[-0.6, -0.4]], [0, 0]) == pytest.approx(0.24)


@pytest.mark.parametrize(
    "extra", [[3.0, 0.0], [4.0, 4.0], [math.nan, 0.0], [2.0, 2.0], [math.inf, 1.0]]
)
def test_rows_without_own_volume_add_none(extra: list[float]) -> None:
    assert hypervolume([[1, 2], [2, 1], extra], [3, 3]) == 3.0


@given(
    arrays(np.float64, (5, 3), elements=st.integers(0, 4).map(float)), st.permutations(range(5))
)
def test_hypervolume_counts_cells_in_any_order(losses: Losses, order: list[int]) -> None:
    cells = itertools.product(range(4), repeat=3)
    expected = sum(any((row <= cell).all() for row in losses) for cell in cells)
    assert hypervolume(losses[order], [4, 4, 4]) == pytest.approx(expected)


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="one finite number per objective"):
        hypervolume([[1, 2]], [3, 3, 3])
    with pytest.raises(ValueError, match="one finite number"):
        hypervolume([[1, 2]], [3, math.nan])
    with pytest.raises(ValueError, match="shape"):
        non_dominated([1, 2])


@given(
    arrays(np.float64, (4, 2), elements=st.floats(-5, 5)),
    st.sampled_from([0.5, 2.0, 64.0]),
)
def test_scores_do_not_depend_on_units(losses: Losses, factor: float) -> None:
    scaled = losses * np.array([factor, 1.0])
    assert np.allclose(knee(losses), knee(scaled))
    assert np.allclose(weighted(losses, [1, 3]), weighted(scaled, [1, 3]))


def trial(
    number: int,
    quality: float | None,
    latency: float,
    status: TrialStatus = TrialStatus.COMPLETED,
    origin: str = "sampler",
    parameters: float | None = None,
) -> TrialRecord:
    values = {"latency": latency} if quality is None else {"quality": quality, "latency": latency}
    return TrialRecord(
        number=number,
        point={},
        config={},
        config_digest=str(number),
        origin=origin,
        status=status,
        values=values if parameters is None else {**values, "cost/parameters": parameters},
    )


HISTORY = (
    trial(0, 0.5, 10.0),
    trial(1, 0.8, 12.0),
    trial(2, 0.9, 40.0),
    trial(3, 0.4, 11.0),
    trial(4, 0.99, 1.0, status=TrialStatus.STOPPED),
    trial(5, 0.99, 1.0, origin="baseline:detection"),
    trial(6, None, 1.0),
    trial(7, 0.99, 1.0, status=TrialStatus.INFEASIBLE),
)


def numbers(records: Sequence[TrialRecord]) -> list[int]:
    return [record.number for record in records]


def test_only_finished_candidates_with_a_full_vector_are_on_the_front() -> None:
    assert numbers(front(HISTORY, OBJECTIVES)) == [0, 1, 2]
    assert numbers(front(HISTORY[::-1], OBJECTIVES)) == [0, 1, 2]
    assert front(HISTORY[4:], OBJECTIVES) == ()


@pytest.mark.parametrize(
    ("rule", "weights", "limits", "expected"),
    [
        ("knee", {}, {}, [1, 0, 2]),
        ("weighted", {"quality": 100.0}, {}, [2, 1, 0]),
        ("weighted", {"latency": 100.0}, {}, [0, 1, 2]),
        ("weighted", {"quality": 0.0}, {}, [0, 1, 2]),
        ("lexicographic", {}, {}, [2, 1, 0]),
        ("lexicographic", {}, {"at_most": {"latency": 12.0}}, [1, 0]),
        ("knee", {}, {"at_most": {"latency": 11.0}}, [0]),
        ("knee", {}, {"at_least": {"quality": 0.85}}, [2]),
    ],
)
def test_rules_and_limits(
    rule: str, weights: dict[str, float], limits: dict[str, dict[str, float]], expected: list[int]
) -> None:
    chosen = pick(HISTORY, OBJECTIVES, rule=rule, weights=weights, **limits, created_s=5.0)
    assert [chosen.number, *chosen.alternatives] == expected
    assert (chosen.rule, chosen.created_s) == (rule, 5.0)
    assert chosen.inputs["weights"] == weights


def test_the_reason_names_what_is_given_up() -> None:
    reason = pick(HISTORY, OBJECTIVES, at_most={"latency": 50}).reason
    assert "Trial 1" in reason
    assert "front of 3 with latency <= 50" in reason
    assert "0.1 of quality (trial 2: 0.9)" in reason
    assert "2 ms of latency (trial 0: 10)" in reason
    assert pick(HISTORY[:1], OBJECTIVES).reason.endswith("it gives up nothing.")


def test_the_front_is_that_of_the_trials_inside_the_limits() -> None:
    # Trial 9 is dominated by trial 8, which is outside the limit.
    big, small = trial(8, 0.9, 5.0, parameters=9e6), trial(9, 0.8, 6.0, parameters=1e6)
    assert pick([big, small], OBJECTIVES, at_most={"cost/parameters": 2e6}).number == 9


def test_equal_trials_go_to_the_cheaper_then_to_the_earlier() -> None:
    same = [trial(n, 0.5, 1.0, parameters=p) for n, p in ((0, 3e6), (1, 2e6), (2, 2e6))]
    same.append(trial(3, 0.5, 1.0))
    for rule in ("knee", "weighted", "lexicographic"):
        for order in itertools.permutations(same):
            chosen = pick(order, OBJECTIVES, rule=rule)
            assert [chosen.number, *chosen.alternatives] == [1, 2, 0, 3]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"at_most": {"latency": 5.0}}, "latency <= 5; the nearest has 10"),
        ({"at_least": {"quality": 0.95}}, "quality >= 0.95; the nearest has 0.9"),
        (
            {"at_most": {"latency": 11.0}, "at_least": {"quality": 0.85}},
            "quality >= 0.85, which 1 meet",
        ),
        ({"at_most": {"cost/flops": 1.0}}, "none has a value of cost/flops"),
    ],
)
def test_nothing_left_names_the_tightest_limit(
    limits: dict[str, dict[str, float]], words: str
) -> None:
    with pytest.raises(AutomtlError) as caught:
        pick(HISTORY, OBJECTIVES, **limits)  # type: ignore[arg-type]
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rule": "kne"}, "Did you mean knee?"),
        ({"rule": "weighted", "weights": {"qualty": 1.0}}, "for no objective"),
        ({"rule": "weighted", "weights": {"quality": -1.0}}, "0 or more"),
        ({"rule": "weighted", "weights": {"quality": math.nan}}, "0 or more"),
        ({"rule": "weighted", "weights": {"quality": 0.0, "latency": 0.0}}, "above 0"),
    ],
)
def test_wrong_rules_are_named(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(AutomtlError) as caught:
        pick(HISTORY, OBJECTIVES, **arguments)  # type: ignore[arg-type]
    assert words in str(caught.value)


def test_no_finished_trial_says_so() -> None:
    with pytest.raises(AutomtlError, match="no trial is finished"):
        pick(HISTORY[4:], OBJECTIVES)


vectors = st.lists(
    st.tuples(st.sampled_from([0.1, 0.2, 0.3]), st.sampled_from([1.0, 2.0, 3.0])),
    min_size=1,
    max_size=8,
)


@given(vectors, st.sampled_from(["knee", "weighted", "lexicographic"]), st.randoms())
def test_a_pick_is_on_the_front_and_does_not_depend_on_order(
    values: list[tuple[float, float]], rule: str, random: object
) -> None:
    history = [trial(i, q, lat) for i, (q, lat) in enumerate(values)]
    chosen = pick(history, OBJECTIVES, rule=rule)
    members = numbers(front(history, OBJECTIVES))
    assert sorted([chosen.number, *chosen.alternatives]) == members
    random.shuffle(history)  # type: ignore[attr-defined]
    assert pick(history, OBJECTIVES, rule=rule) == chosen
