"""What the chaos benchmark plans and counts: a kind that is left out would prove nothing."""

import random
from collections import Counter

import pytest

from automtl.ledger.holder import this_process
from automtl.ledger.studies import create_study, open_ledger
from automtl.results import EpochReport, Objective, StudyInfo
from benchmarks.chaos import Survived, figures_of
from benchmarks.chaos_check import retrained
from benchmarks.chaos_plan import EVERYWHERE, LONGEST_DELAY_S, WITH_A_SERVER, plan_of


def test_each_study_has_every_kind_of_kill_in_an_order_of_its_own():
    plans = [plan_of(0, study) for study in range(12)]
    for plan in plans:
        expected = [*EVERYWHERE, *(WITH_A_SERVER if plan.has_server else ())]
        assert Counter(kill.target for kill in plan.kills) == Counter(expected)
        assert all(0 <= kill.delay_s <= LONGEST_DELAY_S[kill.target] for kill in plan.kills)
    assert sum(plan.has_server for plan in plans) == 4
    assert len({tuple(kill.target for kill in plan.kills) for plan in plans}) == 12
    kinds = Counter(kill.target for plan in plans for kill in plan.kills)
    assert set(kinds) == set(LONGEST_DELAY_S)


def test_a_plan_depends_on_seed_and_number_alone():
    random.seed(1)
    assert plan_of(3, 5) == plan_of(3, 5)
    assert plan_of(3, 5).kills != plan_of(4, 5).kills


def test_studies_add_up_and_one_that_differs_is_enough():
    fine = {"seed": 0, "lost": 0, "doubled": 0, "stuck": 0, "lost_workers": 1, "wall_s": 1.0}
    studies = [
        Survived(**fine, study=0, kills={"worker": 2, "gcs": 1}, unequal=0, notes=()),
        Survived(**fine, study=1, kills={"worker": 1}, unequal=1, notes=("another course",)),
    ]
    figures = figures_of(studies)
    assert (figures["kills"], figures["kills_worker"], figures["kills_mlflow"]) == (4, 3, 0)
    assert figures["hypervolume_equal"] == 0
    assert figures["lost_workers"] == 2


@pytest.mark.parametrize(
    ("by_attempt", "expected"),
    [
        ([[1, 2], [3]], 0),
        ([[1, 2], [2, 3]], 0),  # its checkpoint may follow a report
        ([[1, 2, 3], [1, 2, 3]], 2),
        ([[1, 2], [], [1]], 1),
    ],
)
def test_epochs_that_were_trained_again_are_counted(tmp_path, by_attempt, expected):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    objective = Objective(metric="q", goal="maximize")
    info = StudyInfo(
        name="s", objectives=(objective,), recipe={}, recipe_digest="", seed=0, created_s=0.0
    )
    create_study(url, info)
    with open_ledger(url) as ledger:
        ledger.acquire_lease(this_process(), ttl_s=60)
        ledger.add_trial(number=0, point={}, config={}, config_digest="", origin="", seed=0)
        for attempt, epochs in enumerate(by_attempt, start=1):
            ledger.start_attempt(0, worker="")
            for epoch in epochs:
                report = EpochReport(attempt=attempt, epoch=epoch, values={"q": 1.0}, time_s=0.0)
                ledger.add_report(0, report)
            ledger.requeue(0)
        assert retrained(ledger) == expected
