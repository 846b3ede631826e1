"""The front trained again with new seeds, on a real ledger: killed anywhere, exactly once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from automtl.analysis.replicates import replication_of
from automtl.controller.replication import missing_replicates
from automtl.dispatch.base import Report
from automtl.dispatch.in_process import InProcessDispatcher
from automtl.ledger.outbox import OF_STUDY
from automtl.ledger.store import Ledger
from automtl.pareto import front
from automtl.results import Decision, TrialOrder, TrialRecord, TrialStatus
from automtl.space.recipe import Budget, Recipe, find_recipe, load_recipe
from automtl.space.search import search_digest
from automtl.study.conclude import conclude
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.search import create, held, opened

N_TRIALS = 5


def recipe(replicates: int = 0, n_trials: int = N_TRIALS) -> Recipe:
    plain = load_recipe(find_recipe("quickstart")).to_plain()
    changes = {"budget": {"trials": n_trials}, "enqueue": [], "replicates": replicates}
    return Recipe.model_validate({**plain, **changes})


def train(order: TrialOrder, report: Report) -> None:
    """Trade one objective for the other, with a noise that the seed alone decides."""
    level = float(order.point["optimizer.lr"]) * 100
    noise = order.seed % 1000 / 1e4
    for epoch in (1, 2, 3):
        values = {"detection/mAP": level + noise, "tracking/IDF1": 1 - level + noise}
        if report(epoch, {**values, "segmentation/mIoU": 0.5}) is not Decision.CONTINUE:
            return


@pytest.fixture
def place(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path / "study")


@contextmanager
def desk(
    place: StudyFolder, found: Recipe, seeds: int | None = None
) -> Iterator[tuple[StudyController, Ledger]]:
    with opened(place) as ledger, held(ledger):
        controller = StudyController(
            recipe=found,
            ledger=ledger,
            folder=place,
            observer=Silent(),
            only_replicates=seeds,
        )
        yield controller, ledger


def run(place: StudyFolder, found: Recipe, seeds: int | None = None) -> tuple[TrialRecord, ...]:
    with desk(place, found, seeds) as (controller, ledger):
        InProcessDispatcher().run(controller, train)
        assert controller.is_over
        assert ledger.check() == []
        return ledger.history()


def replicates(history: tuple[TrialRecord, ...]) -> Counter[int | None]:
    return Counter(r.replicate_of for r in history if r.replicate_of is not None)


def test_the_front_is_trained_again_at_the_end_of_a_search(place: StudyFolder) -> None:
    found = recipe(replicates=2)
    create(found, place, Settings())
    history = run(place, found)
    members = front(history, found.objectives)
    assert [r.origin for r in history[:N_TRIALS]] == ["default", *["sampler"] * (N_TRIALS - 1)]
    assert len(members) > 1
    assert replicates(history) == {record.number: 2 for record in members}
    for record in history[N_TRIALS:]:
        source = history[record.replicate_of]
        assert record.status is TrialStatus.COMPLETED
        assert record.seed != source.seed
        assert (record.config, record.point) == (source.config, source.point)
        assert record.config_digest == source.config_digest
    assert len({record.seed for record in history}) == len(history)
    assert run(place, found) == history


def test_replicates_by_command_are_only_added_to(place: StudyFolder) -> None:
    found = recipe()
    create(found, place, Settings())
    before = run(place, found)
    once = run(place, found, seeds=1)
    thrice = run(place, found, seeds=3)
    assert (once[: len(before)], thrice[: len(once)]) == (before, once)
    assert set(replicates(thrice).values()) == {3}
    assert run(place, found, seeds=3) == thrice
    assert run(place, found, seeds=2) == thrice
    # The search is over: its own trials and the budget are what they were.
    assert run(place, found) == thrice


def test_an_unfinished_search_can_be_replicated_and_goes_on_as_if_it_had_not(
    place: StudyFolder, tmp_path: Path
) -> None:
    found = recipe()
    undisturbed = StudyFolder(tmp_path / "other")
    for each in (place, undisturbed):
        create(found, each, Settings())
    expected = run(undisturbed, found)
    run(place, found.model_copy(update={"budget": Budget(trials=2)}))
    with desk(place, found) as (controller, ledger):
        order = controller.next_order()
        assert order is not None
        controller.request_stop()
        train(order, lambda epoch, values: pause(controller, order, epoch, values))
        controller.on_end(order.number, order.attempt, None)
        n_before = len(ledger.history())
    stopped = run(place, found, seeds=1)
    assert stopped[2].status is TrialStatus.QUEUED
    assert all(r.replicate_of is not None for r in stopped[n_before:])
    history = run(place, found)
    kept = [r for r in history if r.replicate_of is None]
    same = [(dict(r.point), r.seed, dict(r.values)) for r in kept]
    assert same == [(dict(r.point), r.seed, dict(r.values)) for r in expected]


def pause(
    controller: StudyController, order: TrialOrder, epoch: int, values: dict[str, float]
) -> Decision:
    from automtl.dispatch.attempt import epoch_report

    return controller.on_report(order.number, epoch_report(order, epoch, values))


@pytest.mark.parametrize("killed_at", range(1, 12, 2))
def test_killed_anywhere_each_replicate_is_trained_once(
    place: StudyFolder, killed_at: int
) -> None:
    found = recipe(replicates=2, n_trials=3)
    create(found, place, Settings())
    calls = 0

    def dies(order: TrialOrder, report: Report) -> None:
        nonlocal calls
        calls += 1
        if calls > killed_at:
            raise KeyboardInterrupt
        train(order, report)

    with desk(place, found) as (controller, _ledger), suppress(KeyboardInterrupt):
        InProcessDispatcher().run(controller, dies)
    history = run(place, found)
    members = front(history, found.objectives)
    assert replicates(history) == {record.number: 2 for record in members}
    assert len({record.seed for record in history}) == len(history)
    assert all(record.status is TrialStatus.COMPLETED for record in history)


def test_a_failed_replicate_counts_and_is_named(place: StudyFolder) -> None:
    found = recipe(replicates=2, n_trials=2)
    create(found, place, Settings())

    def breaks(order: TrialOrder, report: Report) -> None:
        if order.number == 2:
            msg = "diverged"
            raise RuntimeError(msg)
        train(order, report)

    with desk(place, found) as (controller, ledger):
        InProcessDispatcher().run(controller, breaks)
        history = ledger.history()
        assert controller.is_over
    assert history[2].status is TrialStatus.FAILED
    again = replication_of(history, found.objectives)
    assert again is not None
    assert again.is_whole
    source = again.of(history[2].replicate_of)
    assert (source.lost, len(source.seeds)) == ((2,), 1)
    assert missing_replicates(history, found.objectives, 2) == ()


def test_what_new_seeds_say_is_recorded(place: StudyFolder) -> None:
    found = recipe(replicates=2)
    create(found, place, Settings())
    history = run(place, found)
    with desk(place, found) as (_controller, ledger):
        conclude(place, ledger)
        (pick,) = ledger.picks()
        ranked = [e.body for e in ledger.outbox.pending() if e.kind == "ranked"]
    again = replication_of(history, found.objectives)
    assert again is not None
    assert pick.inputs["values"] == "means of new seeds"
    assert pick.number in {member.number for member in again.members}
    (body,) = ranked
    members = {str(member.number) for member in again.members}
    assert set(body["metrics"]) == members | {OF_STUDY}
    for member in again.members:
        noted = body["metrics"][str(member.number)]
        assert noted["replicates/p_front"] == member.p_front
        assert noted["replicates/mean/detection/mAP"] == member.means["detection/mAP"]
        assert noted["replicates/half_interval/detection/mAP"] == member.half["detection/mAP"]
    text = place.report.read_text()
    assert "New seeds" in text


def test_replicates_do_not_change_which_study_it_is() -> None:
    assert search_digest(recipe()) == search_digest(recipe(replicates=3))
