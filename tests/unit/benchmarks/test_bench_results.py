"""Question 3: fair arms, paired intervals, and words that say no more than they show."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from automtl.sources import MotSource, ShapesSource
from benchmarks.results.comparing import MEAN, compare, difference, interval, with_mean
from benchmarks.results.datasets import DATA_SETS, default_of, recipe_of
from benchmarks.results.metrics import PRIMARIES
from benchmarks.results.schedule_answer import (
    METRICS,
    answer,
    cells_of,
    figure,
    labels_words,
    seconds_words,
    summary,
    table,
)
from benchmarks.results.schedule_arms import (
    RATE_SEED,
    RATES,
    SEEDS,
    Size,
    chosen_rates,
    rate_trainings,
    schedule_trainings,
    ways,
)
from benchmarks.results.schedule_data import FRACTIONS, clips, data_of, layouts_of
from benchmarks.results.trainings import Outcome, Training

TASKS = ("detection", "segmentation", "tracking")
EQUAL = dict.fromkeys((way.name for way in ways()), 1.0)
values = st.floats(0, 1)


def outcome(arm: str = "joint", seed: int = 0, value: float = 0.5) -> Outcome:
    return Outcome(
        key=f"{arm}-{seed}",
        code="now",
        question="schedule",
        dataset="shapes",
        arm=arm,
        seed=seed,
        validation=dict.fromkeys(METRICS, value),
        test=dict.fromkeys(METRICS, value),
        epochs=({"detection/mAP": value},),
        seconds=1.0,
    )


def trainings(dataset: str = "shapes", seeds: tuple[int, ...] = SEEDS) -> list[Training]:
    return list(schedule_trainings(dataset, None, EQUAL, Size(seeds=seeds)))


def all_outcomes(seeds: tuple[int, ...] = (0, 1, 2)) -> list[Outcome]:
    return [outcome(t.arm, t.seed, 0.5 + 0.01 * t.seed) for t in trainings(seeds=seeds)]


@pytest.mark.parametrize("dataset", DATA_SETS)
def test_every_way_has_the_same_data_and_seeds(dataset: str) -> None:
    found = trainings(dataset)
    n_cells = len(layouts_of(dataset)) * len(FRACTIONS)
    assert len(found) == len({training.key for training in found}) == n_cells * 3 * len(SEEDS)
    cells = Counter((one.cell, one.data.model_dump_json(), one.seed) for one in found)
    assert set(cells.values()) == {len(ways())}


def test_ways_differ_in_the_schedule_and_in_nothing_else() -> None:
    size = Size()
    joint, same_steps, same_updates = (
        next(t.config for t in trainings() if t.arm.endswith(way.name)) for way in ways()
    )
    assert joint.optimizer == same_steps.optimizer
    n_steps = joint.optimizer.steps_per_epoch
    assert same_updates.optimizer.steps_per_epoch == 3 * n_steps
    n_all, n_turns = size.n_steps(ways()[0]), [size.n_updates(way) for way in ways()]
    assert n_all == joint.optimizer.epochs * n_steps
    assert n_turns == [n_all, n_all // 3, n_all]
    as_joint = {"schedule": joint.schedule, "optimizer": joint.optimizer}
    assert same_steps.model_copy(update=as_joint) == joint
    assert same_updates.model_copy(update=as_joint) == joint


def test_whole_seeds_of_the_main_comparison_come_first() -> None:
    found = trainings()
    n_ways = len(ways())
    first = found[: n_ways * len(SEEDS)]
    assert {one.cell for one in first} == {"labels together, 100 %"}
    assert [one.seed for one in first] == [seed for seed in SEEDS for _ in ways()]
    rest = found[len(first) :]
    assert all(
        len({(one.cell, one.seed) for one in rest[place : place + n_ways]}) == 1
        for place in range(0, len(rest), n_ways)
    )


def test_each_way_has_the_rate_that_validation_prefers() -> None:
    tried = list(rate_trainings("shapes", None))
    assert {one.seed for one in tried} == {RATE_SEED}
    assert RATE_SEED not in SEEDS
    assert all(not one.data.test for one in tried)
    best = {way.name: RATES[place] for place, way in enumerate(ways())}
    outcomes = [
        outcome(t.arm, t.seed, 0.9 if t.arm == f"rate x {best[way]:g}: {way}" else 0.1)
        for t in tried
        for way in [t.arm.partition(": ")[2]]
    ]
    assert chosen_rates("shapes", outcomes) == best
    assert chosen_rates("shapes", outcomes[1:]) is None
    assert chosen_rates("street", outcomes) is None
    base = default_of("shapes").optimizer.lr
    for one in schedule_trainings("shapes", None, best):
        way = one.arm.partition(": ")[2]
        assert one.config.optimizer.lr == best[way] * base


@given(n_clips=st.integers(1, 200))
def test_apart_and_together_have_as_many_labels_of_each_task(n_clips: int) -> None:
    (together,) = clips(TASKS, "together", n_clips).train
    apart = clips(TASKS, "apart", n_clips).train
    assert isinstance(together, ShapesSource)
    assert together.clips == n_clips
    assert not together.label_dropout
    for task, source in zip(TASKS, apart, strict=True):
        assert isinstance(source, ShapesSource)
        assert source.clips == n_clips
        assert source.label_dropout == {other: 1.0 for other in TASKS if other != task}
    assert len({source.seed for source in apart if isinstance(source, ShapesSource)}) == 3


def test_no_split_shares_clips_with_another() -> None:
    for layout in ("together", "apart"):
        data = clips(TASKS, layout, 10)
        seeds = [source.seed for source in (*data.train, *data.validation, *data.test)]  # type: ignore[union-attr]
        assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize("dataset", ["paste", "street"])
def test_fewer_labels_are_among_the_many_and_never_among_those_that_judge(dataset: str) -> None:
    def frames(sources: object) -> set[tuple[str, int]]:
        found = set()
        for source in sources:  # type: ignore[attr-defined]
            assert isinstance(source, MotSource)
            first, last = source.frame_range or (1, 1)
            found |= {(source.clips or source.frames, n) for n in range(first, last + 1)}
        return found

    whole = recipe_of(dataset).data
    trained = [frames(data_of(dataset, "together", fraction).train) for fraction in FRACTIONS]
    assert trained[0] < trained[1] < trained[2] == frames(whole.train)
    splits = [trained[2], frames(whole.validation), frames(whole.test)]
    assert sum(map(len, splits)) == len(set().union(*splits))


@settings(deadline=None)
@given(st.lists(values, min_size=2, max_size=8))
def test_an_interval_is_students(found: list[float]) -> None:
    one = interval(found)
    low, high = stats.t.interval(
        0.95, len(found) - 1, loc=one.mean, scale=max(stats.sem(found), 1e-300)
    )
    assert one.low == pytest.approx(low, abs=1e-12)
    assert one.high == pytest.approx(high, abs=1e-12)


@settings(deadline=None)  # the first call imports SciPy
@given(st.lists(st.tuples(values, values), min_size=2, max_size=6))
def test_differences_are_paired_by_seed(pairs: list[tuple[float, float]]) -> None:
    ours = [outcome("ours", seed, a) for seed, (a, _) in enumerate(pairs)]
    theirs = [outcome("theirs", seed, b) for seed, (_, b) in enumerate(pairs)]
    found = compare([*reversed(ours), *theirs], reference="theirs", metrics=tuple(METRICS))
    by_arm = {one.arm: one for one in found}
    assert not by_arm["theirs"].differences
    expected = interval([a - b for a, b in pairs])
    got = by_arm["ours"].differences["detection/mAP"]
    assert (got.mean, got.low, got.high) == pytest.approx(
        (expected.mean, expected.low, expected.high)
    )


def test_arms_of_other_seeds_are_not_compared() -> None:
    with pytest.raises(ValueError, match=r"'ours' has the seeds \[1\], 'theirs' \[0\]"):
        compare(
            [outcome("ours", 1), outcome("theirs", 0)],
            reference="theirs",
            metrics=("detection/mAP",),
        )


@given(st.tuples(values, values, values))
def test_the_mean_stands_beside_what_it_is_the_mean_of(three: tuple[float, float, float]) -> None:
    test = dict(zip(PRIMARIES, three, strict=True))
    (found,) = with_mean([replace(outcome(), test=test)], PRIMARIES)
    assert found.test == {**test, MEAN: pytest.approx(sum(three) / 3)}


def test_the_table_marks_only_what_an_interval_shows() -> None:
    outcomes = [
        replace(one, test=dict.fromkeys(METRICS, 0.9 + 0.001 * one.seed))
        if one.arm == "labels together, 10 %: alternating, as many steps"
        else one
        for one in all_outcomes()
    ]
    rows = table(cells_of("shapes", outcomes), Size(seeds=(0, 1, 2))).splitlines()[2:]
    assert len(rows) == 18
    (marked,) = (row for row in rows if "**" in row)
    assert "alternating, as many steps" in marked


def test_nothing_is_answered_before_all_seeds_are_there() -> None:
    cells = cells_of("shapes", all_outcomes())
    assert answer(cells, 5).count("not answered yet (3 of 5 seeds)") == len(cells) == 6
    assert "not answered yet" not in answer(cells, 3)
    assert "3 of 5" in table(cells, Size())


def test_a_cell_without_a_seed_is_said_to_have_none() -> None:
    some = [one for one in all_outcomes() if "100 %" in one.arm]
    cells = cells_of("shapes", some)
    assert table(cells, Size()).count("not answered yet (0 of 5 seeds)") == 4
    assert len(figure(cells).data) == 3 * len(ways()) * 2
    assert cells_of("street", some).keys() == {("together", f) for f in FRACTIONS}
    assert not any(cells_of("street", some).values())


def test_one_seed_has_neither_intervals_nor_bold_figures() -> None:
    said = table(cells_of("shapes", all_outcomes((0,))), Size())
    assert "nan" not in said
    assert "**" not in said
    assert "1 of 5" in said


def test_what_more_labels_give_is_said_once_both_ends_are_there() -> None:
    said = labels_words(cells_of("shapes", all_outcomes()), "Clips")
    assert said.startswith(
        "Clips: with 10 % and with all labels joint training reaches detection, mAP "
    )
    assert said.count("0.510 and 0.510") == len(METRICS)
    some = [one for one in all_outcomes() if "100 %" in one.arm]
    assert not labels_words(cells_of("shapes", some), "Clips")


def test_the_answer_counts_what_came_out_clearly() -> None:
    def worse(one: Outcome) -> Outcome:
        return replace(one, test=dict.fromkeys(METRICS, 0.1 + 0.001 * one.seed))

    outcomes = [
        worse(one)
        if one.arm.endswith("as many steps") and "together, 10 %" in one.arm
        else replace(one, test=dict.fromkeys(METRICS, 0.5 + 0.1 * one.seed))
        if one.arm == "labels apart, 30 %: joint"
        else one
        for one in all_outcomes()
    ]
    said = summary([cells_of("shapes", outcomes)], 3)
    assert said == (
        "in the mean of the three metrics, alternating with as many steps beats joint in 0 of 1 "
        "cells with all labels, 0 of 2 cells with few labels and 0 of 3 cells with labels on "
        "clips of each task's own, and is beaten by it in 0, 1 and 0; alternating with as many "
        "updates beats joint in 0 of 1 cells with all labels, 0 of 2 cells with few labels and 0 "
        "of 3 cells with labels on clips of each task's own, and is beaten by it in 0, 0 and 0"
    )
    assert summary([cells_of("shapes", outcomes)], 5) == "not answered yet"


def test_seconds_are_compared_in_pairs() -> None:
    outcomes = [
        replace(one, seconds=(1.0 + one.seed) * (2.5 if one.arm.endswith("updates") else 1.0))
        for one in all_outcomes()
    ]
    assert seconds_words("shapes", outcomes) == (
        "alternating with as many steps takes 1.0 times and alternating with as many updates "
        "takes 2.5 times joint's seconds"
    )
    assert not seconds_words("street", outcomes)


def test_a_difference_without_a_sign_is_not_bold() -> None:
    assert difference(interval([-0.1, 0.1, 0.02])).startswith("+.007 [-")


def test_the_figure_has_each_way_in_each_panel() -> None:
    drawn = figure(cells_of("shapes", all_outcomes()))
    assert len(drawn.data) == 3 * len(ways()) * 2
    assert sum(trace.showlegend for trace in drawn.data) == 6
    assert all(len(trace.y) == 3 and min(trace.y) > 0.5 for trace in drawn.data)
