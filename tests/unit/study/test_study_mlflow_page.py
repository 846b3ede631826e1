"""Where a study is seen in MLflow: an address that a browser opens, and no password in it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.space.free import FreeSearch
from automtl.study.conclude import facts_of, snapshot_of
from automtl.study.folder import Settings, StudyFolder
from automtl.study.mlflow_page import UI, mlflow_command, run_page, runs_of
from automtl.study.search import create, held, opened

SEARCH = FreeSearch.model_validate(
    {
        "name": "mine",
        "objectives": [{"metric": "loss", "goal": "minimize"}],
        "parameters": {"x": {"type": "float", "min": 0, "max": 1}},
        "budget": {"trials": 3},
    }
)


@given(
    user=st.text("abcXYZ09._-", min_size=1),
    # Whoever writes an address by hand does not always quote what is to be quoted.
    word=st.text("abcXYZ09.:@/?#%&= ", max_size=12).map(lambda text: f"s3cret{text}s3cret"),
    rest=st.sampled_from(["", "/", "/mlflow", "/mlflow/?key=s3cret", "#s3cret"]),
    scheme=st.sampled_from(["http", "https"]),
)
def test_nothing_before_the_host_or_behind_the_path_is_in_a_link(
    user: str, word: str, rest: str, scheme: str
) -> None:
    path = "/mlflow" if "mlflow" in rest else ""
    expected = f"{scheme}://host:8080{path}/#/experiments/7/runs/"
    assert run_page(f"{scheme}://{user}:{word}@host:8080{rest}", "7") == expected
    assert run_page(f"{scheme}://{word}@host:8080{rest}", "7") == expected


@pytest.mark.parametrize(
    ("mlflow", "page", "command"),
    [
        ("", f"{UI}/#/experiments/7/runs/", "mlflow ui --backend-store-uri sqlite:///"),
        (
            "postgresql://me:s3cret@db/mlflow",
            f"{UI}/#/experiments/7/runs/",
            "mlflow ui --backend-store-uri 'postgresql://me:***@db/mlflow'",
        ),
        ("http://me:s3cret@host", "http://host/#/experiments/7/runs/", ""),
    ],
)
def test_a_server_is_linked_and_a_database_needs_a_command(
    tmp_path: Path, mlflow: str, page: str, command: str
) -> None:
    place = StudyFolder(tmp_path / "s")
    create(SEARCH, place, Settings(mlflow=mlflow))
    with opened(place) as ledger, held(ledger):
        assert (runs_of(place, ledger).ids, runs_of(place, ledger).page) == ({}, "")
        ledger.add_trial(
            number=0, point={"x": 0.5}, config={}, config_digest="d", origin="sampler", seed=1
        )
        ledger.start_attempt(0, worker="w")
        (event,) = ledger.outbox.pending()
        ledger.set_mlflow_run("parent", "7")
        ledger.outbox.mark_sent([event.id], 1.0, {0: "child"})
        runs = runs_of(place, ledger)
        alone = facts_of(ledger).runs
    assert (runs.ids, runs.page) == ({0: "child"}, page)
    assert runs.command.startswith(command)
    assert bool(runs.command) == bool(command)
    assert "s3cret" not in repr(runs) + mlflow_command(place)
    # Of another study in the ledger nobody knows where its runs are.
    assert (alone.ids, alone.page, alone.command) == ({0: "child"}, "", "")


def test_a_report_says_what_mlflow_has_not_got_yet(tmp_path: Path) -> None:
    place = StudyFolder(tmp_path / "s")
    create(SEARCH, place, Settings())
    with opened(place) as ledger, held(ledger):
        for number in range(2):
            ledger.add_trial(
                number=number, point={}, config={}, config_digest="d", origin="sampler", seed=1
            )
            ledger.start_attempt(number, worker="w")
        assert snapshot_of(place, ledger).notes["Not in MLflow yet"].startswith("2 events")
        ledger.outbox.mark_sent([event.id for event in ledger.outbox.pending()], 1.0)
        assert "Not in MLflow yet" not in snapshot_of(place, ledger).notes
