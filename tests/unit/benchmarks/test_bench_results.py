"""The answer's machinery: fair arms, paired intervals, a file that gives everything back."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from automtl.config import TrialConfig
from automtl.errors import AutomtlError
from benchmarks.results.__main__ import main
from benchmarks.results.comparing import compare, interval
from benchmarks.results.keeping import keep, kept, unpack
from benchmarks.results.schedule_answer import METRICS, difference, table
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


@given(st.lists(values, min_size=2, max_size=8))
def test_an_interval_is_students(found: list[float]) -> None:
    one = interval(found)
    low, high = stats.t.interval(
        0.95, len(found) - 1, loc=one.mean, scale=max(stats.sem(found), 1e-300)
    )
    assert one.low == pytest.approx(low, abs=1e-12)
    assert one.high == pytest.approx(high, abs=1e-12)


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
    assert table(sorted(kept(first), key=outcomes.index)) == table(outcomes)


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


@pytest.mark.slow
def test_the_quick_variant_runs_through_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--quick", "--work", str(tmp_path / "work")]
    main([*asked, "--share", "1/2"])
    assert "18 trainings of another process are missing" in capsys.readouterr().out
    main(asked)
    said = capsys.readouterr().out
    assert "36 trainings, 18 to train" in said
    assert said.count("| joint | 3 |") == 6
    assert (tmp_path / "work" / "results-schedule.png").stat().st_size > 10_000
