"""The kept file adds up; pairs are of one version of the program; the page agrees with it."""

import gzip
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.config import AlternatingSchedule, JointSchedule, OptimizerConfig, TrialConfig
from automtl.data.table import DataInfo
from automtl.results import TrialRecord, TrialStatus
from automtl.sources import DataConfig, ShapesSource
from benchmarks.results.asking import FULL
from benchmarks.results.further_arms import further_trainings
from benchmarks.results.keeping import Kept, Searched, keep, kept
from benchmarks.results.metrics import PRIMARIES
from benchmarks.results.page import page
from benchmarks.results.running import Share, announced, lacking, run_missing, whole
from benchmarks.results.schedule_arms import (
    RATES,
    Size,
    rate_trainings,
    schedule_trainings,
    ways,
)
from benchmarks.results.schedule_section import section
from benchmarks.results.trainings import Outcome, Training
from benchmarks.results.versions import code_of, code_version, stated

INFO = DataInfo(detection_classes=("a",), segmentation_classes=("x", "a"), image_size=(96, 128))
ARMS = ("joint", "alternating")
SEEDS = (0, 1, 2)


def training(arm: str, seed: int, question: str = "schedule") -> Training:
    schedule = JointSchedule() if arm == "joint" else AlternatingSchedule()
    return Training(
        question=question,
        dataset="shapes",
        cell="all",
        arm=arm,
        config=TrialConfig(schedule=schedule),
        data=DataConfig(train=(ShapesSource(seed=1),), validation=(ShapesSource(seed=2),)),
        root=None,
        seed=seed,
    )


def given_by(one: Training, code: str) -> Outcome:
    return Outcome(
        key=one.key,
        code=code,
        question=one.question,
        dataset=one.dataset,
        arm=one.arm,
        seed=one.seed,
        validation={"cost/optimizer_steps": 400.0},
        test={"detection/mAP": 0.25},
        epochs=({"detection/mAP": 0.125},),
        seconds=1.0,
    )


WANTED = [training(arm, seed) for seed in SEEDS for arm in ARMS]
OUTCOMES = [given_by(one, code) for one in WANTED for code in ("old", "new")]
HISTORY = (
    TrialRecord(
        number=0,
        point={},
        config=TrialConfig().to_plain(),
        config_digest=TrialConfig().digest,
        status=TrialStatus.COMPLETED,
        values={"detection/mAP": 0.5},
    ),
)


def test_the_kept_file_gives_the_same_bytes_and_the_same_outcomes(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json.gz", tmp_path / "b.json.gz"
    assert len(keep(first, OUTCOMES).trainings) == len(OUTCOMES)
    keep(second, OUTCOMES[5:])
    keep(second, OUTCOMES[:7])
    assert first.read_bytes() == second.read_bytes()
    again = {(one.key, one.code): one for one in kept(first).trainings}
    assert again == {(one.key, one.code): one for one in OUTCOMES}


def test_a_study_is_kept_with_its_trainings(tmp_path: Path) -> None:
    file = tmp_path / "kept.json.gz"
    searched = Searched(history=HISTORY, info=INFO)
    keep(file, OUTCOMES, studies={"clips": searched}, virtual={"stopping": {"a": [1]}})
    keep(file)
    assert kept(file).studies == {"clips": searched}
    assert kept(file).virtual == {"stopping": {"a": [1]}}


def test_costs_by_task_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "kept.json.gz"
    values = {"cost/passes": 1.0, "cost/passes/detection": 1.0, "a/detection": 1.0}
    keep(file, [replace(OUTCOMES[0], validation=values)])
    rows = json.loads(gzip.decompress(file.read_bytes()))["trainings"]
    assert [set(row["validation"]) for row in rows] == [{"cost/passes", "a/detection"}]


@given(st.lists(st.sampled_from(OUTCOMES), unique_by=lambda one: (one.key, one.code)))
def test_a_seed_is_whole_when_one_version_trained_all_arms(done: list[Outcome]) -> None:
    found = whole(WANTED, done)
    by_seed = {seed: {one.arm: one.code for one in found if one.seed == seed} for seed in SEEDS}
    for seed, arms in by_seed.items():
        versions = [
            code
            for code in ("old", "new")
            if {one.arm for one in done if (one.seed, one.code) == (seed, code)} == set(ARMS)
        ]
        if not versions:
            assert not arms
        else:
            assert arms.keys() == set(ARMS)
            assert len(set(arms.values())) == 1
            assert set(arms.values()) <= set(versions)


def test_what_another_version_left_unfinished_is_trained_anew_and_nothing_else() -> None:
    code = code_version()
    done = [given_by(WANTED[0], "old"), given_by(WANTED[1], "old"), given_by(WANTED[2], "old")]
    assert lacking(WANTED, done) == WANTED[2:]
    assert lacking(WANTED, [*done, given_by(WANTED[3], code)]) == [WANTED[2], *WANTED[4:]]


def test_the_version_that_trained_most_seeds_is_taken() -> None:
    done = [given_by(one, "a") for one in WANTED[:2]] + [given_by(one, "b") for one in WANTED[:4]]
    assert {one.code for one in whole(WANTED, done)} == {"b"}


def test_what_is_announced_is_what_lacks_at_the_pace_that_was_seen() -> None:
    known = [replace(given_by(one, code_version()), seconds=90) for one in WANTED[:2]]
    assert announced(WANTED, known, 100.0) == "4 of 6 to train, about 6 minutes of one core"
    hours = 6 * 400 * 100 / 3600
    assert announced(WANTED, [], 100.0) == f"6 of 6 to train, about {hours:.1f} hours of one core"


def test_keys_change_with_what_is_stated_and_with_nothing_else() -> None:
    one = training("joint", 0)
    moved = replace(one, root=Path("elsewhere"), question="another", arm="named otherwise")
    assert moved.key == one.key
    other = replace(one, config=TrialConfig(optimizer=OptimizerConfig(lr=2e-3)))
    keys = [one.key, other.key, training("alternating", 0).key, training("joint", 1).key]
    assert len(set(keys)) == len(keys)


def test_a_key_that_is_not_stated_does_not_count_and_a_kind_always_does() -> None:
    assert stated(OptimizerConfig()) == {"name": "adamw"}
    assert stated(OptimizerConfig(lr=1e-2)) == {"name": "adamw", "lr": 1e-2}
    assert stated(AlternatingSchedule()) == {"kind": "alternating"}


def test_words_change_no_version_and_numbers_do() -> None:
    plain = "def f():\n    return 1\n"
    said = '"""Says."""\ndef f():\n    """Does."""\n    # Why.\n    return 1\n'
    assert code_of(plain) == code_of(said)
    assert code_of(plain) != code_of(plain.replace("1", "2"))


def test_trainings_of_all_questions_have_names_of_their_own() -> None:
    rates = dict.fromkeys((way.name for way in ways()), 1.0)
    for found in (
        list(schedule_trainings("shapes", None, rates)),
        list(further_trainings("shapes", None)),
    ):
        names = [(one.question, one.dataset, one.arm, one.seed) for one in found]
        assert len(set(names)) == len(names)


def test_without_results_the_page_says_so_and_claims_nothing() -> None:
    said = page(Kept(), FULL)
    assert "not answered yet" in said
    assert "**+" not in said
    assert "![" not in said


def test_a_rate_at_the_end_of_those_tried_is_said_to_be_one() -> None:
    tried = list(rate_trainings("shapes", None))
    best = {way.name: RATES[place] for place, way in enumerate(ways())}
    outcomes = [
        replace(
            given_by(one, "old"),
            validation=dict.fromkeys(PRIMARIES, float(one.arm == f"rate x {best[way]:g}: {way}")),
        )
        for one in tried
        for way in [one.arm.partition(": ")[2]]
    ]
    said = section(Kept(trainings=tuple(outcomes)), Size()).protocol
    assert (
        "0.002 for joint (at the end of those tried); 0.004 for alternating, as many steps;"
        in said
    )
    assert "0.008 for alternating, as many updates (at the end of those tried)." in said


def test_no_training_is_begun_when_the_time_is_over(tmp_path: Path) -> None:
    assert run_missing(WANTED, tmp_path / "kept.json.gz", Share(until=0.0)) == len(WANTED)


@pytest.mark.slow
def test_every_question_runs_through_and_goes_on(tmp_path: Path) -> None:
    work = tmp_path / "work"

    def asked(*more: str) -> str:
        command = [sys.executable, "-m", "benchmarks.results", "--quick", "--work", str(work)]
        run = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    file = work / "results.json.gz"
    asked("--only", "schedule", "--share", "1/2")
    half = kept(file).trainings
    assert half
    asked()
    assert {one.key for one in half} < {one.key for one in kept(file).trainings}
    said = (work / "results.md").read_text("utf-8")
    assert "2 of 2" in said
    assert "members stay on the front with new seeds" in said
    before = file.read_bytes()
    assert "0 of" in asked()
    assert file.read_bytes() == before
