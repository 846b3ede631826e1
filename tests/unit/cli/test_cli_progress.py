"""Progress: drawn on a terminal, quiet elsewhere, and never taken for markup."""

import io

import pytest
from rich.console import Console

from automtl.cli.progress import Progress
from automtl.cli.show import trial_table
from automtl.cli.terminal import PLAIN_WIDTH, make_console, say
from automtl.config import TrialConfig
from automtl.results import (
    EpochReport,
    Failure,
    FailureKind,
    Objective,
    TrialRecord,
    TrialStatus,
)
from automtl.space.recipe import Recipe, find_recipe, load_recipe

RECIPE = load_recipe(find_recipe("quickstart"))
VALUES = {o.metric: 0.25 for o in RECIPE.objectives}


def trial(status: TrialStatus, *epochs: int) -> TrialRecord:
    reports = tuple(EpochReport(attempt=1, epoch=e, values=VALUES, time_s=0.0) for e in epochs)
    return TrialRecord(
        number=7,
        point={},
        config=TrialConfig().to_plain(),
        config_digest="",
        status=status,
        reports=reports,
        values=VALUES if status is TrialStatus.COMPLETED else {},
    )


def drawn(*, is_terminal: bool) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=is_terminal, width=100, color_system=None)
    with Progress(RECIPE, console) as progress:
        progress.began((), 0.0)
        progress.started(trial(TrialStatus.RUNNING))
        progress.reported(trial(TrialStatus.RUNNING, 1))
        if progress._live is not None:
            progress._live.refresh()
        done = trial(TrialStatus.COMPLETED, 1, 2, 3, 4)
        progress.ended(done, [done])
    return file.getvalue()


def test_a_terminal_shows_a_line_for_each_trial_and_the_budget() -> None:
    text = drawn(is_terminal=True)
    assert "trial   7" in text
    assert "epoch 1/4" in text
    assert "mAP 0.250" in text
    assert "completed" in text
    assert "left" in text
    assert "1 trials ended" in text


def test_a_terminal_shows_the_rungs_and_where_a_trial_was_stopped() -> None:
    stopping = {"early_stopping": {"kind": "promotion", "eta": 2, "rungs": [1, 2]}}
    recipe = Recipe.model_validate({**RECIPE.to_plain(), **stopping})
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=200, color_system=None)
    stopped = trial(TrialStatus.STOPPED, 1).model_copy(update={"number": 0})
    with Progress(recipe, console) as progress:
        progress.began((), 0.0)
        progress.ended(stopped, [stopped])
    text = file.getvalue()
    assert "stopped    after epoch 1" in text
    assert "rung at epoch 1: 1 came, 0 went on, 0 wait, 1 stopped; one in 2.0 goes on" in text
    assert "rung at epoch 2: 0 came" in text


def test_elsewhere_it_is_quiet() -> None:
    assert drawn(is_terminal=False) == ""


def test_text_is_no_markup_and_lines_stay_whole(capsys) -> None:
    path = "runs/[bold]/:smile:/" + "x" * 300
    say(make_console(), path)
    assert capsys.readouterr().out == path + "\n"


def test_a_table_of_the_front_fits_a_hundred_columns(capsys) -> None:
    table = trial_table(
        "Front",
        [trial(TrialStatus.COMPLETED, 1)],
        RECIPE.objectives,
        extra=("cost/parameters", "cost/latency_ms"),
    )
    make_console().print(table)
    lines = capsys.readouterr().out.splitlines()
    assert PLAIN_WIDTH > 100
    assert max(map(len, lines)) <= 100
    assert any("all 4" in line for line in lines)


def test_trials_of_own_code_are_told_by_their_parameters(capsys) -> None:
    records = [
        TrialRecord(
            number=number,
            point=point,
            config=point,
            config_digest=str(number),
            status=TrialStatus.COMPLETED,
            values={"error": 0.25},
        )
        for number, point in enumerate([{"lr": 0.125, "kind": "sgd"}, {"lr": 0.5}])
    ]
    objectives = [Objective(metric="error", goal="minimize")]
    table = trial_table("Front", records, objectives, extra=("cost/parameters",))
    make_console().print(table)
    words = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert words[1] == ["trial", "error", "↓", "lr", "kind"]
    assert words[-2:] == [["0", "0.250", "0.125", "sgd"], ["1", "0.250", "0.500", "-"]]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 60), (40, 10)])
def test_sixty_four_running_trials_stay_on_one_screen(width: int, height: int) -> None:
    file = io.StringIO()
    console = Console(
        file=file, force_terminal=True, width=width, height=height, color_system=None
    )
    done = trial(TrialStatus.COMPLETED, 4)
    failure = Failure(kind=FailureKind.OUT_OF_MEMORY, message="full")
    failed = trial(TrialStatus.FAILED).model_copy(update={"number": 1, "failure": failure})
    with Progress(RECIPE, console) as progress:
        progress.began((), 0.0)
        for number in range(8, 72):
            running = trial(TrialStatus.RUNNING, 1).model_copy(update={"number": number})
            progress.started(running)
        everything = [failed, done, *progress._records.values()]
        progress.ended(done, everything)
        lines = console.render_lines(progress._render())
    texts = ["".join(segment.text for segment in line).rstrip() for line in lines]
    assert len(texts) < height
    assert max(map(len, texts)) <= width
    shown = sum(text.startswith("trial ") for text in texts)
    hidden = 64 - shown
    assert any(text.startswith(f"... and {hidden} more") for text in texts) == (hidden > 0)
    assert any(text.startswith("front     hypervolume 0.016: trials 7") for text in texts)
    assert any(text.startswith("left      1 out_of_memory") for text in texts)
    assert texts[-1].startswith("budget")


def test_no_color_and_a_dumb_terminal_get_no_codes(monkeypatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100)
    with Progress(RECIPE, console) as progress:
        progress.began((), 0.0)
        done = trial(TrialStatus.COMPLETED, 4)
        progress.ended(done, [done])
    assert "\x1b[3" not in file.getvalue().replace("\x1b[3J", "")
