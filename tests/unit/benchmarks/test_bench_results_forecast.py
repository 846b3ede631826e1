"""What all the work takes is said before any of it is done, and shrinks as trainings are kept."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.results import datasets
from benchmarks.results.asking import FULL, QUESTIONS, Work
from benchmarks.results.datasets import DATA_SETS, usable
from benchmarks.results.forecast import WANTED, forecast
from benchmarks.results.further_arms import further_trainings
from benchmarks.results.keeping import keep
from benchmarks.results.running import Share
from benchmarks.results.trainings import Outcome, Training
from benchmarks.results.versions import code_version

ALL = tuple(DATA_SETS)


def work(file: Path, names: tuple[str, ...] = ALL) -> Work:
    return Work(plan=FULL, file=file, folder=file.parent, datasets=names, share=Share())


def trained(one: Training, seconds: float) -> Outcome:
    return Outcome(
        key=one.key,
        code=code_version(),
        question=one.question,
        dataset=one.dataset,
        arm=one.arm,
        seed=one.seed,
        validation={},
        test={},
        seconds=seconds,
    )


def test_every_question_is_told_for_every_kind_of_data_and_then_the_sum(tmp_path: Path) -> None:
    first, *lines, last = forecast(work(tmp_path / "none.json.gz"), QUESTIONS)
    assert first == "stopping: searches in virtual time, some minutes"
    places = [line.partition(": ")[0] for line in lines]
    assert places == [f"{q}, {name}" for q in QUESTIONS if q in WANTED for name in ALL]
    assert any(line.startswith("front, paste: a search, then its front, about ") for line in lines)
    assert last.startswith("in all about ")
    assert last.endswith("hours of one core; end it when you like, it goes on")


def test_what_is_kept_is_not_counted_and_tells_the_pace(tmp_path: Path) -> None:
    file = tmp_path / "kept.json.gz"
    wanted = list(further_trainings("shapes", None, FULL.further))
    n_arms = len({one.arm for one in wanted})
    first = [one for one in wanted if one.seed == wanted[0].seed]
    keep(file, [trained(one, 60.0) for one in first])
    line, last = forecast(work(file, ("shapes",)), ["further"])
    n_left = len(wanted) - n_arms
    assert line.startswith(f"further, shapes: {n_left} of {len(wanted)} to train, about ")
    assert f"about {n_left} minutes" in line
    assert f"about {n_left} minutes of one core" in last
    keep(file, [trained(one, 60.0) for one in wanted])
    line, last = forecast(work(file, ("shapes",)), ["further"])
    assert line.endswith(f"0 of {len(wanted)} to train, about 0 minutes")


def test_only_generated_clips_are_asked_where_there_are_no_real_frames(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(datasets, "real_frames", lambda: None)
    assert usable() == ("shapes",)
    monkeypatch.setattr(datasets, "real_frames", lambda: Path("frames"))
    assert usable() == ALL


def test_of_several_processes_one_searches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = replace(work(tmp_path / "none.json.gz", ("shapes",)), share=Share(part=1, n_parts=2))
    QUESTIONS["front"](second)
    assert capsys.readouterr().out == (
        "front, shapes: the first part searches; then run the same command again\n"
    )
    assert not list(tmp_path.iterdir())
