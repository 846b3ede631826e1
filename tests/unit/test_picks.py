"""One trial of a front, by a stated rule: on the front, within limits, whatever the units."""

import itertools
import math
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from automtl.errors import AutomtlError
from automtl.pareto import front
from automtl.picks import RULES, pick
from automtl.results import Objective, TrialRecord, TrialStatus

OBJECTIVES = (
    Objective(metric="quality", goal="maximize"),
    Objective(metric="latency", goal="minimize", unit="ms"),
)


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


@pytest.mark.parametrize(
    ("rule", "weights", "limits", "expected"),
    [
        ("knee", {}, {}, [1, 0, 2]),
        ("ideal", {}, {}, [1, 0, 2]),
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
    alone = "Trial 0 is the only one on the front; it gives up nothing."
    assert [pick(HISTORY[:1], OBJECTIVES, rule=rule).reason for rule in RULES] == [alone] * len(
        RULES
    )


def test_a_front_without_a_bulge_is_said_to_have_no_knee() -> None:
    ends = [trial(0, 0.5, 10.0, parameters=2e6), trial(1, 0.9, 40.0, parameters=1e6)]
    assert pick(ends, OBJECTIVES).reason == (
        "Trial 1 is the cheaper (cost/parameters) of 2 that the rule holds equal on a front of 2, "
        "which has no knee; it gives up 30 ms of latency (trial 0: 10)."
    )
    same = [trial(0, 0.5, 10.0), trial(1, 0.9, 40.0)]
    assert "Trial 0 is the earlier of 2 that" in pick(same, OBJECTIVES).reason
    # One that lies behind the line between the ends makes no knee; one before it does.
    dent, bulge = trial(2, 0.55, 25.0), trial(2, 0.85, 12.0)
    dented = pick([*ends, dent], OBJECTIVES).reason
    assert "Trial 1 is the cheaper (cost/parameters) of 2 that the rule holds equal" in dented
    assert "on a front of 3, which has no knee" in dented
    assert "Trial 2 is where the front bulges most on a front of 3;" in (
        pick([*ends, bulge], OBJECTIVES).reason
    )


def test_of_two_trials_and_three_objectives_the_smaller_sum_is_taken() -> None:
    three = (*OBJECTIVES, Objective(metric="cost/parameters", goal="minimize"))
    ends = [trial(0, 0.5, 10.0, parameters=1e6), trial(1, 0.9, 40.0, parameters=2e6)]
    reason = pick(ends, three).reason
    assert "Trial 0 has the smallest sum of scaled losses on a front of 2, which has no" in reason


def test_a_rule_that_tells_nothing_apart_is_not_said_to_have_chosen() -> None:
    ends = [trial(n, q, t) for n, q, t in ((0, 0.5, 10.0), (1, 0.9, 40.0), (2, 0.9, 40.0))]
    for rule in ("ideal", "weighted"):
        reason = pick(ends, OBJECTIVES, rule=rule).reason
        assert "Trial 0 is the earliest of 3 that the rule holds equal on a front of 3;" in reason
        assert "knee" not in reason
    first = pick(ends, OBJECTIVES, rule="lexicographic").reason
    assert "Trial 1 is the earlier of 2 that the rule holds equal" in first


def test_the_front_is_that_of_the_trials_inside_the_limits() -> None:
    # Trial 9 is dominated by trial 8, which is outside the limit.
    big, small = trial(8, 0.9, 5.0, parameters=9e6), trial(9, 0.8, 6.0, parameters=1e6)
    assert pick([big, small], OBJECTIVES, at_most={"cost/parameters": 2e6}).number == 9


def test_equal_trials_go_to_the_cheaper_then_to_the_earlier() -> None:
    same = [trial(n, 0.5, 1.0, parameters=p) for n, p in ((0, 3e6), (1, 2e6), (2, 2e6))]
    same.append(trial(3, 0.5, 1.0))
    for rule in RULES:
        for order in itertools.permutations(same):
            chosen = pick(order, OBJECTIVES, rule=rule)
            assert [chosen.number, *chosen.alternatives] == [1, 2, 0, 3]
            words = "Trial 1 is the earlier of the 2 cheapest (cost/parameters) of 4 that the rule"
            assert words in chosen.reason


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
        ({"rule": "lexicographic", "order": ["qualty"]}, "it is no objective"),
        ({"rule": "knee", "weights": {"quality": 2.0}}, "takes no weights. Use the rule 'wei"),
        ({"rule": "weighted", "order": ["quality"]}, "order of objectives. Use the rule 'lexi"),
    ],
)
def test_wrong_rules_are_named(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(AutomtlError) as caught:
        pick(HISTORY, OBJECTIVES, **arguments)  # type: ignore[arg-type]
    assert words in str(caught.value)


def test_no_finished_trial_says_so() -> None:
    with pytest.raises(AutomtlError, match="no trial is finished"):
        pick(HISTORY[4:7], OBJECTIVES)
    with pytest.raises(AutomtlError, match="inside the study's `constraints`; 1 broke them"):
        pick(HISTORY[4:], OBJECTIVES)


vectors = st.lists(
    st.tuples(st.sampled_from([0.1, 0.2, 0.3]), st.sampled_from([1.0, 2.0, 3.0])),
    min_size=1,
    max_size=8,
)


@given(vectors, st.sampled_from(RULES), st.randoms())
def test_a_pick_is_on_the_front_and_does_not_depend_on_order(
    values: list[tuple[float, float]], rule: str, random: object
) -> None:
    history = [trial(i, q, lat) for i, (q, lat) in enumerate(values)]
    chosen = pick(history, OBJECTIVES, rule=rule)
    members = numbers(front(history, OBJECTIVES))
    assert sorted([chosen.number, *chosen.alternatives]) == members
    random.shuffle(history)  # type: ignore[attr-defined]
    assert pick(history, OBJECTIVES, rule=rule) == chosen


@given(
    vectors,
    st.sampled_from(RULES),
    st.sampled_from([0.1, 0.2, 0.3]),
    st.sampled_from([1.0, 2.0, 3.0]),
)
def test_a_pick_is_within_the_limits_and_nothing_within_them_dominates_it(
    values: list[tuple[float, float]], rule: str, least: float, most: float
) -> None:
    history = [trial(i, q, lat) for i, (q, lat) in enumerate(values)]
    inside = [r for r in history if r.values["quality"] >= least and r.values["latency"] <= most]
    assume(inside)
    chosen = pick(
        history, OBJECTIVES, rule=rule, at_least={"quality": least}, at_most={"latency": most}
    )
    assert sorted([chosen.number, *chosen.alternatives]) == numbers(front(inside, OBJECTIVES))


@given(vectors, st.sampled_from(RULES), st.sampled_from([0.25, 8.0]))
def test_a_pick_does_not_depend_on_units(
    values: list[tuple[float, float]], rule: str, factor: float
) -> None:
    history = [trial(i, q, lat) for i, (q, lat) in enumerate(values)]
    other = [trial(i, q, lat * factor + 5.0) for i, (q, lat) in enumerate(values)]
    first, second = (pick(h, OBJECTIVES, rule=rule) for h in (history, other))
    assert (first.number, first.alternatives) == (second.number, second.alternatives)


def test_the_knee_is_the_bulge_and_the_ideal_the_nearest() -> None:
    # Scaled losses (1, 0), (0.1, 0.72), (0.42, 0.42), (0, 1): the sums of the middle are 0.82 and
    # 0.84, their distances 0.727 and 0.594.
    values = [(0.0, 0.0), (0.9, 72.0), (0.58, 42.0), (1.0, 100.0)]
    history = [trial(i, q, lat) for i, (q, lat) in enumerate(values)]
    assert pick(history, OBJECTIVES, rule="knee").number == 1
    assert pick(history, OBJECTIVES, rule="ideal").number == 2


def test_the_order_of_a_lexicographic_pick_is_recorded() -> None:
    chosen = pick(HISTORY, OBJECTIVES, rule="lexicographic", order=["latency"])
    assert [chosen.number, *chosen.alternatives] == [0, 1, 2]
    assert chosen.inputs["objectives"] == ["latency", "quality"]
    assert "best in latency" in chosen.reason


def replicate(number: int, source: int, quality: float, latency: float) -> TrialRecord:
    return trial(number, quality, latency, origin=f"replicate:{source}")


def test_after_a_replication_the_means_are_picked_from() -> None:
    lucky = trial(0, 0.9, 10.0)
    steady = trial(1, 0.8, 9.0)
    # Not on the search's front, so it was not trained again; it beats no mean by its own luck.
    third = trial(2, 0.79, 9.5)
    again = [
        replicate(3, 0, 0.6, 10.0),
        replicate(4, 1, 0.8, 9.0),
        replicate(5, 0, 0.7, 10.0),
        replicate(6, 1, 0.82, 9.0),
    ]
    before = pick([lucky, steady, third], OBJECTIVES, rule="lexicographic")
    assert (before.number, before.inputs["values"]) == (0, "search")
    partly = pick([lucky, steady, third, again[0]], OBJECTIVES, rule="lexicographic")
    assert (partly.number, partly.inputs["values"]) == (0, "search")
    after = pick([lucky, steady, third, *again], OBJECTIVES, rule="lexicographic")
    assert (after.number, after.alternatives) == (1, ())
    assert after.inputs["values"] == "means of new seeds"
    assert "by the means of new seeds" in after.reason


def test_limits_that_no_mean_meets_are_looked_for_among_all_trials() -> None:
    fast = trial(2, 0.3, 5.0)
    slow = trial(1, 0.8, 9.0)
    cheap = trial(3, 0.7, 9.5, parameters=1e6)
    history = [slow, fast, cheap, replicate(4, 1, 0.8, 9.0), replicate(5, 2, 0.3, 5.0)]
    chosen = pick(history, OBJECTIVES, at_most={"cost/parameters": 2e6})
    assert (chosen.number, chosen.inputs["values"]) == (3, "search")
    assert "as no mean of new seeds has cost/parameters <= 2e+06" in chosen.reason
