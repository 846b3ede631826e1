"""Training code of one's own through `Study.run`: what is recorded, resumed, refused."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import automtl
from automtl.cli import run_command
from automtl.errors import AutomtlError, LedgerError, RecipeError
from automtl.results import FailureKind, TrialRecord, TrialStatus
from automtl.study.observer import Lines

EPOCHS = 4
S = TrialStatus


def study(folder: Path, **parts: Any) -> automtl.Study:
    whole: dict[str, Any] = {
        "objectives": [
            automtl.Objective(metric="error", goal="minimize", reference=2.0),
            automtl.Objective(metric="cost", goal="minimize"),
        ],
        "parameters": {"lr": automtl.Float(0.01, 1, log=True), "size": automtl.Int(1, 9)},
        "budget": automtl.Budget(trials=7),
        "epochs": EPOCHS,
        "early_stopping": automtl.Promotion(eta=2),
    }
    return automtl.Study(folder, **{**whole, **parts})


def values_at(params: dict[str, Any], epoch: int) -> dict[str, float]:
    return {"error": params["lr"] / epoch, "cost": params["size"] * epoch}


def without_state(params: dict[str, Any], report: automtl.TrialReport) -> None:
    for epoch in range(1, EPOCHS + 1):
        if not report(epoch, values_at(params, epoch)):
            return


def with_state(params: dict[str, Any], report: automtl.TrialReport) -> None:
    kept = report.folder / "epoch.txt"
    done = int(kept.read_text()) if kept.exists() else 0
    assert done == report.epochs_done
    for epoch in range(done + 1, EPOCHS + 1):
        goes_on = report(epoch, values_at(params, epoch))
        kept.write_text(str(epoch))
        if not goes_on:
            return


def killed_after(
    train: Callable[[dict[str, Any], automtl.TrialReport], None], n_reports: int
) -> Callable[[dict[str, Any], automtl.TrialReport], None]:
    """Die, as by a second Ctrl-C, in place of one report."""
    left = iter(range(n_reports))

    def wrapped(params: dict[str, Any], report: automtl.TrialReport) -> None:
        class Dying(automtl.TrialReport):
            def __call__(self, epoch: int, values: Any) -> bool:
                if next(left, None) is None:
                    raise KeyboardInterrupt
                return super().__call__(epoch, values)

        train(params, Dying(report._order, report._report))

    return wrapped


def seen(history: tuple[TrialRecord, ...]) -> list[tuple[Any, ...]]:
    return [
        (r.number, dict(r.point), r.status, dict(r.values), [p.epoch for p in r.reports])
        for r in history
    ]


class NoLog:
    """In place of MLflow's sink, which takes seconds to start; the example's test has the real."""

    last_error = ""

    def start(self) -> None:
        """Send nothing."""

    def close(
        self, *, timeout_s: float, longest_s: float | None = None, status: str = "FINISHED"
    ) -> int:
        """Leave nothing."""
        del timeout_s, longest_s, status
        return 0


@pytest.fixture(scope="module", autouse=True)
def no_mlflow() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("automtl.study.search._experiment_log", lambda *_: NoLog())
        yield


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, no_mlflow: None) -> automtl.Study:
    found = study(tmp_path_factory.mktemp("api") / "whole")
    outcome = found.run(without_state, dispatcher="local", observer=automtl.Silent())
    assert not outcome.interrupted
    return found


def test_a_study_has_a_front_a_pick_a_frame_and_a_report(undisturbed: automtl.Study) -> None:
    history = undisturbed.history()
    assert {r.status for r in history} == {S.COMPLETED, S.STOPPED}
    members = undisturbed.front()
    assert members
    assert undisturbed.best("lexicographic").values["error"] == min(
        r.values["error"] for r in history if r.status is S.COMPLETED
    )
    frame = undisturbed.frame()
    assert frame["trial"].tolist() == list(range(7))
    assert frame["lr"].tolist() == [r.point["lr"] for r in history]
    assert frame["epochs"].max() == EPOCHS
    assert frame["error"].notna().all()
    assert "lr" in undisturbed.report().read_text()


def test_the_command_line_reads_such_a_study(
    undisturbed: automtl.Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(undisturbed.folder)
    assert run_command(["status", folder, "--json", "--check"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (sum(status["trials"].values()), status["violations"]) == (7, [])
    assert [rung["epoch"] for rung in status["rungs"]] == [1, 2]
    assert run_command(["front", folder]) == 0
    assert run_command(["best", folder, "--rule", "knee"]) == 0
    assert run_command(["report", folder, "--out", str(tmp_path / "r.html")]) == 0
    capsys.readouterr()
    assert run_command(["resume", folder]) == 2
    assert "Run that script again" in capsys.readouterr().err


@pytest.mark.parametrize("train", [without_state, with_state])
@pytest.mark.parametrize("n_reports", [2, 6])
def test_what_was_killed_goes_on_as_if_it_had_not_been(
    undisturbed: automtl.Study, tmp_path: Path, train: Any, n_reports: int
) -> None:
    found = study(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        found.run(killed_after(train, n_reports), dispatcher="local", observer=automtl.Silent())
    assert not all(r.status.is_final for r in found.history())
    found.run(train, dispatcher="local", observer=automtl.Silent())
    assert seen(found.history()) == seen(undisturbed.history())


def fail() -> None:
    msg = "no such luck"
    raise RuntimeError(msg)


def misbehave(params: dict[str, Any], report: automtl.TrialReport) -> None:
    good = {"error": 0.5}
    if params["way"] == "raises":
        fail()
    reports: dict[str, list[tuple[int, Any]]] = {
        "nan": [(1, {"error": float("nan")})],
        "text": [(1, {"error": "0.5"})],
        "skips": [(1, good), (3, good)],
        "from zero": [(0, good)],
        "backwards": [(1, good), (1, good)],
        "silent": [],
        "other": [(1, {"accuracy": 0.5})],
    }
    for epoch, values in reports.get(params["way"], [(1, good)]):
        report(epoch, values)


WAYS = {
    "raises": (FailureKind.ERROR, "no such luck"),
    "nan": (FailureKind.NON_FINITE, "`error` is nan"),
    "text": (FailureKind.ERROR, "must be a number, found str"),
    "skips": (FailureKind.ERROR, "after epoch 1 comes epoch 2, found 3"),
    "from zero": (FailureKind.ERROR, "a whole number from 1, found 0"),
    "backwards": (FailureKind.ERROR, "after epoch 1 comes epoch 2, found 1"),
    "silent": (FailureKind.MISSING_METRIC, "reported nothing"),
    "other": (FailureKind.MISSING_METRIC, "accuracy"),
}


def test_each_failure_has_its_reason_and_the_others_go_on(tmp_path: Path) -> None:
    found = study(
        tmp_path / "failing",
        objectives=[{"metric": "error", "goal": "minimize"}],
        parameters={"way": automtl.Categorical([*WAYS, "good"])},
        budget={"trials": 50},
        early_stopping={"kind": "none"},
    )
    found.run(misbehave, dispatcher="local", observer=automtl.Silent())
    by_way = {r.point["way"]: r for r in found.history()}
    assert by_way.pop("good").status is S.COMPLETED
    assert by_way.keys() == WAYS.keys()
    for way, (kind, said) in WAYS.items():
        failure = by_way[way].failure
        assert failure is not None, way
        assert (failure.kind, said in failure.message) == (kind, True), failure


def test_another_search_is_refused_and_a_larger_budget_goes_on(
    tmp_path: Path,
) -> None:
    found = study(tmp_path / "s", budget={"trials": 1}, early_stopping={"kind": "none"})
    found.run(without_state, dispatcher="local", observer=automtl.Silent())
    other = study(
        tmp_path / "s",
        early_stopping={"kind": "none"},
        parameters={"lr": automtl.Float(0.01, 2, log=True)},
    )
    with pytest.raises(AutomtlError) as refused:
        other.run(without_state, dispatcher="local", observer=automtl.Silent())
    assert "parameters.lr.max was 1.0, is 2.0" in str(refused.value)
    assert "parameters.size is gone" in str(refused.value)
    assert len(found.history()) == 1
    larger = study(tmp_path / "s", budget={"trials": 2}, early_stopping={"kind": "none"})

    def also_tries_to_run(params: dict[str, Any], report: automtl.TrialReport) -> None:
        with pytest.raises(LedgerError, match="held"):
            larger.run(without_state, dispatcher="local", observer=automtl.Silent())
        without_state(params, report)

    # From another thread than the main one, too.
    thread = threading.Thread(
        target=larger.run,
        args=(also_tries_to_run,),
        kwargs={"dispatcher": "local", "observer": automtl.Silent()},
    )
    thread.start()
    thread.join(timeout=60)
    assert [r.status for r in larger.history()] == [S.COMPLETED, S.COMPLETED]


def test_the_best_points_of_an_earlier_study_come_next_and_the_study_goes_on(
    undisturbed: automtl.Study, tmp_path: Path
) -> None:
    wider = {"lr": automtl.Float(0.001, 1, log=True), "depth": automtl.Int(1, 4)}
    lines: list[str] = []
    heard = Lines(lines.append)

    def again(trials: int, earlier: Path | str = undisturbed.folder) -> automtl.Study:
        return study(
            tmp_path / "s",
            parameters=wider,
            enqueue=[{"depth": 4}],
            warm_start=[earlier],
            budget={"trials": trials},
        )

    again(6).run(without_state, dispatcher="local", observer=heard)
    assert any(f"points of {undisturbed.folder} by error, cost come first" in li for li in lines)
    history = again(6).history()
    assert history[1].point["depth"] == 4
    known = {record.point["lr"] for record in undisturbed.history()}
    assert {record.point["lr"] for record in history[2:5]} <= known
    # The earlier folder is needed no more; a larger budget goes on, another start is refused.
    again(7, earlier=tmp_path / "gone").run(without_state, dispatcher="local", observer=heard)
    assert seen(again(7).history())[:6] == seen(history)
    assert len(again(7).history()) == 7
    cold = study(tmp_path / "s", parameters=wider, enqueue=[{"depth": 4}], budget={"trials": 9})
    with pytest.raises(AutomtlError, match=r"(?s)enqueue\.1.*`warm_start=\[.*a new study"):
        cold.run(without_state, dispatcher="local", observer=heard)


def test_mistakes_are_named_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="early stopping needs `epochs`"):
        study(tmp_path / "s", epochs=None)
    with pytest.raises(RecipeError, match="Did you mean `float`"):
        study(tmp_path / "s", parameters={"lr": {"type": "flaot", "min": 0, "max": 1}})
    with pytest.raises(RecipeError, match="may not be 'two words'"):
        study(tmp_path / "two words")
    with pytest.raises(AutomtlError, match="two arguments"):
        study(tmp_path / "s").run(lambda params: None)  # type: ignore[misc, arg-type]
    with pytest.raises(AutomtlError, match="`slots` must be at least 1"):
        study(tmp_path / "s").run(without_state, slots=0)
    with pytest.raises(AutomtlError, match="no study lies in"):
        study(tmp_path / "s").history()
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_does_not_return_is_ended(tmp_path: Path) -> None:
    def stubborn(params: dict[str, Any], report: automtl.TrialReport) -> None:
        for epoch in range(1, EPOCHS + 1):
            report(epoch, values_at(params, epoch))

    found = study(tmp_path / "s", budget={"trials": 3})
    found.run(stubborn, dispatcher="local", observer=automtl.Silent())
    assert {r.failure for r in found.history()} == {None}
    assert {len(r.reports) for r in found.history()} <= {1, 2, EPOCHS}
    assert len({len(r.reports) for r in found.history()}) > 1
