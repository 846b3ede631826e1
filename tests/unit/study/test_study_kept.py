"""Baselines of earlier searches are reused where they are the same training, and only there."""

import json
import shutil
import threading
import time
from collections.abc import Callable
from copy import copy
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from automtl.controller.baselines import alone
from automtl.controller.budget import share_spent
from automtl.controller.took import took_s
from automtl.ledger.attempts import read_attempts
from automtl.results import Failure, FailureKind, TrialRecord, TrialStatus
from automtl.reuse import reused_from
from automtl.study.baselines import reuse_lines
from automtl.study.folder import Settings, StudyFolder
from automtl.study.kept import KeptBaselines, kept_for
from automtl.study.prepared import Prepared
from automtl.study.search import held, opened
from tests.unit.study.kept_search import EPOCHS, N_BASELINES, PLAIN, Search, recipe, told


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Search:
    folder = tmp_path_factory.mktemp("kept") / "one"
    return Search(folder, recipe(), slots=3).create().run()


@pytest.fixture
def first(made: Search, tmp_path: Path) -> Search:
    """A study beside which others are made; what it kept is the test's own copy."""
    found = copy(made)
    found.place = StudyFolder(tmp_path / "one")
    shutil.copytree(made.place.kept_baselines, found.place.kept_baselines)
    return found


def test_a_second_study_trains_no_baseline_again(first: Search, tmp_path: Path) -> None:
    """Also where the first one trained several at a time, and so proposed with fewer ended."""
    assert len(first.trained) == len(first.baselines) == N_BASELINES
    second = Search(tmp_path / "two", recipe(name="two"))
    kept = kept_for(second.recipe, second.place, Settings(), second.prepared, print)
    (line,) = reuse_lines(second.recipe, kept, second.prepared.known)
    assert line.startswith(f"{N_BASELINES} of these trainings are reused from ")
    second.create().run()
    assert second.trained == set()
    by_origin = lambda records: sorted(map(told, records), key=repr)  # noqa: E731
    assert by_origin(second.baselines) == by_origin(first.baselines)
    assert {r.status for r in second.history} == {TrialStatus.COMPLETED}
    assert len(second.history) == len(first.history)
    assert [n.number for n in second.notes] == [r.number for r in second.baselines]
    source = first.baselines[0]
    today = time.strftime("%Y-%m-%d", time.gmtime(source.ended_s))
    assert reused_from(second.baselines[0]).startswith(
        f"trial {source.number} of the study 'one', {today}, on "
    )
    assert "latency are what that machine measured" in second.notes[0].text
    assert not any(
        reused_from(r)
        for r in [*first.history, *second.history]
        if not r.origin.startswith("baseline:")
    )
    # A third one reuses the trainings, not what the second wrote of them.
    third = Search(tmp_path / "three", recipe(name="three")).create().run()
    assert [reused_from(r) for r in third.baselines] == [reused_from(r) for r in second.baselines]


@pytest.mark.parametrize(
    ("changes", "identity"),
    [
        ({}, "other data"),
        ({"seed": 1}, "data"),
        ({"base": {**PLAIN["base"], "optimizer": {"epochs": 3}}}, "data"),
        ({"base": {**PLAIN["base"], "heads": {"channels": 8}}}, "data"),
    ],
    ids=["data or code", "seed", "epochs", "network"],
)
def test_another_training_is_not_reused(
    first: Search, tmp_path: Path, changes: dict[str, Any], identity: str
) -> None:
    second = Search(tmp_path / "two", recipe(**changes), identity=identity).create().run()
    assert len(second.trained) == len(second.baselines) == N_BASELINES


def test_the_rest_of_a_recipe_does_not_matter(first: Search, tmp_path: Path) -> None:
    """Nor does how often a task is trained: further turns are trained, the known ones not."""
    schedules = {"type": "categorical", "values": ["joint", "alternating"]}
    changes = {
        "budget": {"trials": 5},
        "parameters": {**PLAIN["parameters"], "schedule.kind": schedules},
        "enqueue": [{"optimizer.lr": 0.004}],
        "baselines": {"single_task": {"tasks": ["tracking", "detection"], "trials": 4}},
    }
    second = Search(tmp_path / "two", recipe(**changes)).create().run()
    assert len(second.baselines) == 8
    assert len(second.trained) == 2
    fifth = [r for r in second.baselines if r.number in second.trained]
    points = {r.point["optimizer.lr"] for r in second.baselines if r.origin == fifth[0].origin}
    assert len(points) == 4, "none is tried twice"


DAMAGES: tuple[Callable[[str], str], ...] = (
    lambda text: text[: len(text) // 2],
    lambda _: "",
    lambda _: "[]",
    lambda text: text.replace('"epoch": 1', '"epoch": 5'),
)


def test_what_is_damaged_is_trained_again_with_a_word(first: Search, tmp_path: Path) -> None:
    files = sorted(first.place.kept_baselines.glob("[!t]*.json"))
    whole = {path: path.read_text() for path in files}
    assert len(files) == N_BASELINES >= len(DAMAGES)
    for i, path in enumerate(files):
        damage = DAMAGES[i % len(DAMAGES)]
        path.write_text(damage(path.read_text()))
    second = Search(tmp_path / "two", recipe(name="two")).create().run()
    assert len(second.trained) == N_BASELINES
    words = [line for line in second.heard.lines if "cannot be used" in line]
    assert len(words) == N_BASELINES, "one for each"
    assert {path for path in files if any(str(path) in line for line in words)} == set(files)
    # It is mended: the training gave the same again.
    for path in files:
        reports = [json.loads(text)["body"]["reports"] for text in (whole[path], path.read_text())]
        assert reports[0] == reports[1]


def test_without_the_cache_nothing_is_read_or_written(first: Search, tmp_path: Path) -> None:
    before = {p.name: p.read_bytes() for p in first.place.kept_baselines.iterdir()}
    second = Search(tmp_path / "two", recipe(name="two", seed=3))
    second.settings = Settings(cache=False)
    second.create().run()
    assert len(second.trained) == N_BASELINES
    assert {p.name: p.read_bytes() for p in first.place.kept_baselines.iterdir()} == before
    again = Search(tmp_path / "three", recipe(name="three"))
    again.settings = Settings(cache=False)
    assert len(again.create().run().trained) == N_BASELINES


@pytest.mark.parametrize("n_reports", [2, 3, 2 * EPOCHS])
def test_killed_while_it_repeats_one_its_successor_repeats_it(
    first: Search, tmp_path: Path, n_reports: int
) -> None:
    second = Search(tmp_path / "two", recipe(name="two")).create()
    left = count()

    class KilledError(BaseException):
        pass

    def die(_trial: TrialRecord) -> None:
        if next(left) == n_reports:
            raise KilledError

    with opened(second.place) as ledger, held(ledger), pytest.MonkeyPatch.context() as patch:
        patch.setattr(second.heard, "reported", die)
        desk = second.desk(ledger)
        second.train(desk, desk.next_order())  # the default
        with pytest.raises(KilledError):
            desk.next_order()
    second.run()
    assert second.trained == set()
    by_origin = lambda records: sorted(map(told, records), key=repr)  # noqa: E731
    assert by_origin(second.baselines) == by_origin(first.baselines)
    assert [r.number for r in second.history] == list(range(len(first.history)))


def test_a_reused_training_takes_no_time_and_no_budget(first: Search, tmp_path: Path) -> None:
    second = Search(tmp_path / "two", recipe(name="two")).create()
    with opened(second.place) as ledger, held(ledger):
        second.clock = lambda: 5.0
        desk = second.desk(ledger)
        second.train(desk, desk.next_order())
        desk.next_order()
        history, attempts = ledger.history(), read_attempts(ledger)
    replayed = [r for r in history if reused_from(r)]
    assert len(replayed) == N_BASELINES
    assert share_spent(second.recipe.budget, history, 0.0) == pytest.approx(1 / 3)
    theirs = [a for a in attempts if a.number in {r.number for r in replayed}]
    assert took_s(theirs, history) < 5.0, "the ledger's own clock: what writing takes"


def test_what_ended_otherwise_is_not_kept(first: Search) -> None:
    found = first
    kept = kept_for(found.recipe, found.place, Settings(), found.prepared, print)
    assert kept is not None
    baseline = found.baselines[0]
    files = set(kept.folder.iterdir())
    full = Failure(kind=FailureKind.OUT_OF_MEMORY, message="full")
    others = [
        baseline.model_copy(update={"status": TrialStatus.FAILED}),
        baseline.model_copy(update={"status": TrialStatus.INFEASIBLE}),
        baseline.waiting_again(full).model_copy(update={"status": TrialStatus.COMPLETED}),
        found.history[0],
    ]
    for i, record in enumerate(others):
        kept.keep(record.model_copy(update={"seed": 100 + i}), turn=0)
    backbone = {"name": "tiny", "image_size": [64, 96], "weights": "mine.pt"}
    config = {**baseline.config, "backbone": {**baseline.config["backbone"], **backbone}}  # type: ignore[dict-item]
    kept.keep(baseline.model_copy(update={"seed": 200, "config": config}), turn=0)
    assert set(kept.folder.iterdir()) == files
    # And it is one of these reasons: without any, it is kept.
    kept.keep(baseline.model_copy(update={"seed": 300}), turn=0)
    assert len(set(kept.folder.iterdir()) - files) == 1


def test_where_nothing_can_be_written_the_search_goes_on_and_says_so(tmp_path: Path) -> None:
    (tmp_path / ".baselines").write_text("a file in the way")
    found = Search(tmp_path / "one", recipe()).create().run()
    assert len(found.trained) == N_BASELINES
    assert sum("is not kept for other searches" in line for line in found.heard.lines) == (
        N_BASELINES
    )


def test_a_study_of_nobody_knows_what_reuses_nothing(tmp_path: Path) -> None:
    place, plain = StudyFolder(tmp_path / "x"), recipe()
    unknown = Prepared(trainable=lambda *_: None)
    assert kept_for(plain, place, Settings(), unknown, print) is None
    known = Prepared(trainable=lambda *_: None, identity="data")
    assert kept_for(recipe(baselines={}), place, Settings(), known, print) is None
    assert reuse_lines(plain, None, known.known) == []
    empty = kept_for(plain, place, Settings(), known, print)
    assert reuse_lines(plain, empty, known.known) == []
    assert not place.kept_baselines.exists()


def test_searches_write_and_read_at_the_same_time(first: Search, tmp_path: Path) -> None:
    """A reader sees the file of one writer or of the other, whole."""
    said: list[str] = []
    baseline = first.baselines[0]
    space = alone(first.recipe.space, baseline.origin.removeprefix("baseline:"))
    config = space.config_of(baseline.point)

    def kept_by(name: str) -> KeptBaselines:
        mine = recipe(name=name)
        found = kept_for(mine, first.place, Settings(), first.prepared, said.append)
        assert found is not None
        return found

    def write(name: str) -> None:
        writer = kept_by(name)
        for _ in range(40):
            writer.keep(baseline, turn=0)

    threads = [threading.Thread(target=write, args=(f"writer{i}",)) for i in range(3)]
    for thread in threads:
        thread.start()
    reader, seen = kept_by("reader"), set()
    while any(thread.is_alive() for thread in threads):
        found = reader.of(config, baseline.seed)
        assert found is not None
        assert [dict(r.values) for r in found.reports] == [
            dict(r.values) for r in baseline.reports
        ]
        seen.add(found.study)
    for thread in threads:
        thread.join()
    assert said == []
    assert seen <= {"one", "writer0", "writer1", "writer2"}
    assert not list(first.place.kept_baselines.glob(".*")), "nothing half is left"
