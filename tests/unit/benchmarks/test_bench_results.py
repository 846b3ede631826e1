"""The answer's machinery: fair arms, paired intervals, a file that gives everything back."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from automtl.config import BackboneConfig, TrialConfig, single_task
from automtl.config.network import HeadsConfig
from automtl.data.table import DataInfo
from automtl.errors import AutomtlError
from automtl.model.cost import parameters_of_tree
from automtl.results import TrialRecord, TrialStatus
from automtl.space.recipe import load_recipe
from benchmarks.results.__main__ import RECIPE, main
from benchmarks.results.comparing import compare, interval
from benchmarks.results.front_answer import tables
from benchmarks.results.front_arms import METRICS as METRICS_OF_TASKS
from benchmarks.results.front_arms import arms
from benchmarks.results.keeping import keep, kept, unpack
from benchmarks.results.schedule_answer import METRICS, difference, figure, table
from benchmarks.results.schedule_arms import clips, schedule_trainings, ways
from benchmarks.results.trainings import Outcome, read_outcomes

TASKS = ("detection", "segmentation", "tracking")
values = st.floats(0, 1)


def outcome(arm: str = "joint", seed: int = 0, value: float = 0.5, steps: float = 600) -> Outcome:
    return Outcome(
        key=f"{arm}-{seed}",
        arm=arm,
        seed=seed,
        validation={"cost/trunk_forward_passes": steps, "cost/optimizer_steps": steps},
        test=dict.fromkeys(METRICS, value),
        epochs=({"detection/mAP": value},),
        seconds=1.0,
    )


def all_outcomes() -> list[Outcome]:
    trainings = list(schedule_trainings(TrialConfig(), seeds=(0, 1, 2)))
    return [outcome(t.arm, t.seed, 0.5 + 0.01 * t.seed) for t in trainings]


def test_every_way_has_the_same_data_and_seeds() -> None:
    trainings = list(schedule_trainings(TrialConfig()))
    assert len(trainings) == len({training.key for training in trainings}) == 90
    cells = Counter(
        (training.arm.partition(":")[0], training.data.model_dump_json(), training.seed)
        for training in trainings
    )
    assert set(cells.values()) == {len(ways(3))}


def test_ways_differ_in_the_schedule_and_in_nothing_else() -> None:
    base = TrialConfig()
    joint, same_steps, same_updates = (
        next(t.config for t in schedule_trainings(base) if t.arm.endswith(way.name))
        for way in ways(3)
    )
    assert joint.optimizer == same_steps.optimizer
    n_steps = joint.optimizer.steps_per_epoch
    assert same_updates.optimizer.steps_per_epoch == 3 * n_steps
    as_joint = {"schedule": joint.schedule, "optimizer": joint.optimizer}
    assert same_steps.model_copy(update=as_joint) == joint
    assert same_updates.model_copy(update=as_joint) == joint


@given(n_clips=st.integers(1, 200))
def test_apart_and_together_have_as_many_labels_of_each_task(n_clips: int) -> None:
    (together,) = clips(TASKS, "together", n_clips).train
    apart = clips(TASKS, "apart", n_clips).train
    assert together.clips == n_clips
    assert not together.label_dropout
    for task, source in zip(TASKS, apart, strict=True):
        assert source.clips == n_clips
        assert source.label_dropout == {other: 1.0 for other in TASKS if other != task}
    assert len({source.seed for source in apart}) == 3


def test_no_split_shares_clips_with_another() -> None:
    for layout in ("together", "apart"):
        data = clips(TASKS, layout, 10)
        seeds = [source.seed for source in (*data.train, *data.validation, *data.test)]
        assert len(set(seeds)) == len(seeds)


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


def test_the_table_marks_only_what_an_interval_shows() -> None:
    outcomes = [
        replace(one, test=dict.fromkeys(METRICS, 0.9 + 0.001 * one.seed))
        if one.arm == "labels apart, 10 %: alternating, as many steps"
        else one
        for one in all_outcomes()
    ]
    rows = table(outcomes).splitlines()[2:]
    assert len(rows) == 18
    assert sum("**" in row for row in rows) == 1
    (marked,) = (row for row in rows if "**" in row)
    assert "alternating, as many steps" in marked


def test_a_difference_without_a_sign_is_not_bold() -> None:
    assert difference(interval([-0.1, 0.1, 0.02])).startswith("+.007 [-")


def test_the_kept_file_gives_the_same_bytes_and_the_same_answer(tmp_path: Path) -> None:
    outcomes = all_outcomes()
    first, second = tmp_path / "a.json.gz", tmp_path / "b.json.gz"
    assert keep(outcomes, first) == len(outcomes)
    keep(outcomes[40:], second)
    keep(outcomes[:50], second)
    assert first.read_bytes() == second.read_bytes()
    again = kept(first).trainings
    assert table([again[one.key] for one in outcomes]) == table(outcomes)


def test_what_is_kept_is_not_trained_again(tmp_path: Path) -> None:
    trainings = list(schedule_trainings(TrialConfig(), seeds=(0,)))[:3]
    file, work = tmp_path / "kept.json.gz", tmp_path / "work"
    keep([replace(outcome(t.arm, t.seed), key=t.key) for t in trainings], file)
    assert unpack(work, file) == 3
    assert unpack(work, file) == 0
    assert [one.arm for one in read_outcomes(trainings, work)] == [t.arm for t in trainings]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    (training,) = list(schedule_trainings(TrialConfig(), seeds=(4,)))[:1]
    with pytest.raises(AutomtlError, match=r"labels together, 10 %: joint, seed 4 is not trained"):
        read_outcomes([training], tmp_path)


def record(number: int, values: dict[str, float], **more: object) -> TrialRecord:
    backbone = BackboneConfig(width=0.5 + number / 10)
    config = TrialConfig(backbone=backbone, heads=HeadsConfig(channels=32))
    return TrialRecord(
        number=number,
        point={},
        config=config.to_plain(),
        config_digest=config.digest,
        status=TrialStatus.COMPLETED,
        values=values,
        **more,
    )


def single(number: int, task: str, value: float) -> TrialRecord:
    config = single_task(TrialConfig(heads=HeadsConfig(channels=32)), task)
    primary = METRICS_OF_TASKS[task].metrics[0]
    found = record(number, {primary: value}, origin=f"baseline:{task}")
    return found.model_copy(update={"config": config.to_plain()})


HISTORY = (
    record(0, {"detection/mAP": 0.5, "segmentation/mIoU": 0.4, "cost/parameters": 1.6e5}),
    record(1, {"detection/mAP": 0.4, "segmentation/mIoU": 0.5, "cost/parameters": 1.6e5}),
    record(2, {"detection/mAP": 0.3, "segmentation/mIoU": 0.3, "cost/parameters": 1.6e5}),
    single(3, "detection", 0.3),
    single(4, "detection", 0.6),
    single(5, "segmentation", 0.5),
    single(6, "tracking", 0.5),
    record(7, {"detection/mAP": 0.9, "segmentation/mIoU": 0.9}, origin="baseline:equal_weights"),
)
RECIPE_OF_FRONT = load_recipe(RECIPE).model_copy(
    update={"objectives": load_recipe(RECIPE).objectives[:2]}
)
INFO = DataInfo(
    detection_classes=("a", "b", "c"),
    segmentation_classes=("x", "a", "b", "c"),
    image_size=(96, 128),
    segmentation_frequency=(0.25,) * 4,
    digest="",
)


def test_the_arms_are_the_front_the_best_singles_and_the_defaults() -> None:
    found = arms(RECIPE_OF_FRONT, HISTORY, INFO)
    assert [name for name in found if name.startswith("front")] == [
        "front, trial 0",
        "front, trial 1",
    ]
    assert "equal weights, joint, all shared" in found
    assert "hand-set stages" not in found
    base = found["detection alone"].optimizer
    shorter = found["detection alone, a share of the passes"].optimizer
    assert shorter.steps_per_epoch == round(base.steps_per_epoch / 3)


def test_narrow_networks_together_are_as_large_as_the_pick() -> None:
    found = arms(RECIPE_OF_FRONT, HISTORY, INFO)
    narrow = [found[f"{task} alone, narrow"] for task in TASKS]
    sizes = [parameters_of_tree(config, INFO) for config in narrow]
    assert 0.9 * 1.6e5 <= sum(sizes) <= 1.6e5


def answer_outcomes() -> list[Outcome]:
    names = arms(RECIPE_OF_FRONT, HISTORY, INFO)
    values = {"front, trial 0": 0.5, "front, trial 1": 0.6}
    return [
        Outcome(
            key=f"{arm}-{seed}",
            arm=arm,
            seed=seed,
            validation=dict.fromkeys(METRICS, values.get(arm, 0.4) + 0.001 * seed),
            test=dict.fromkeys(
                ("detection/mAP_50", *METRICS), values.get(arm, 0.4) + 0.001 * seed
            ),
            epochs=(),
            seconds=1.0,
        )
        for arm in names
        for seed in (0, 1, 2)
    ]


def test_the_pick_is_made_on_validation_means_and_scored_on_the_test_split() -> None:
    said = tables(HISTORY, RECIPE_OF_FRONT.objectives, answer_outcomes())
    assert "| pick (trial 1) | at their own width and length | **+49." in said
    assert "| pick (trial 1) | as many parameters together |" in said
    assert "| beyond equal weights, joint, all shared | **+.200 [.200, .200]** |" in said
    assert "1 of 2 members stay on the front with new seeds (trial 0 0%, trial 1 100%)" in said


def test_a_study_is_kept_with_its_trainings(tmp_path: Path) -> None:
    file = tmp_path / "kept.json.gz"
    keep(answer_outcomes(), file, studies={"clips": HISTORY})
    keep([], file)
    assert kept(file).studies == {"clips": HISTORY}


def test_a_network_that_reached_nothing_is_no_base_of_a_percentage() -> None:
    outcomes = [
        replace(one, test=dict.fromkeys(one.test, 0.0)) if one.arm == "tracking alone" else one
        for one in answer_outcomes()
    ]
    said = tables(HISTORY, RECIPE_OF_FRONT.objectives, outcomes)
    assert said.count("| at their own width and length | undefined | undefined |") == 2


def test_the_figure_has_each_way_in_each_panel() -> None:
    drawn = figure(all_outcomes())
    assert len(drawn.data) == 3 * len(ways(3)) * 2
    assert sum(trace.showlegend for trace in drawn.data) == 6
    assert all(len(trace.y) == 3 and min(trace.y) > 0.5 for trace in drawn.data)


@pytest.mark.slow
def test_the_quick_variant_runs_through_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--quick", "--only", "front", "--work", str(tmp_path / "work")]
    main([*asked, "--share", "1/2"])
    assert "trainings of another process are missing" in capsys.readouterr().out
    main(asked)
    assert "members stay on the front with new seeds" in capsys.readouterr().out
    main([*asked, "--draw"])
    assert "members stay on the front with new seeds" in capsys.readouterr().out
