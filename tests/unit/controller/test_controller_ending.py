"""Budgets in every unit, and searches that have stopped getting better."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.controller.budget import Limit, limits_of, phase_of, share_spent
from automtl.controller.ending import ending_of, growth_of, more_trials, why_ended
from automtl.controller.stopping import Phase
from automtl.errors import RecipeError
from automtl.results import Objective, TrialRecord, TrialStatus
from automtl.space.free import FreeSearch
from automtl.space.parts import Budget, Stall
from automtl.space.recipe import Recipe, find_recipe, load_recipe
from tests.unit.controller.timed_trials import QUALITY, trial

HISTORY = (
    trial(0),
    trial(1, epochs=1, status=TrialStatus.STOPPED),
    trial(2, origin="baseline:detection"),
    trial(3, origin="replicate:0"),
    trial(4, epochs=2, status=TrialStatus.RUNNING),
)


@pytest.mark.parametrize(
    ("name", "used", "phase"),
    [
        ("trials", 3, Phase.CLOSING),
        ("epochs", 7, Phase.OVER),
        # A whole one, a quarter and a half.
        ("trainings", 1.75, Phase.OVER),
        # 40 + 10 + 20 seconds on half a GPU.
        ("gpu_hours", 70 * 0.5 / 3600, Phase.OVER),
        ("minutes", 5.0, Phase.OVER),
    ],
)
def test_each_unit_counts_what_the_search_trained(name: str, used: float, phase: Phase) -> None:
    just = Budget.model_validate({name: used})
    (limit,) = limits_of(just, HISTORY, 300.0, gpu=0.5)
    assert (limit.name, limit.used, limit.phase) == (name, pytest.approx(used), phase)
    more = Budget.model_validate({name: used * 2 if name in ("trials", "epochs") else used * 1.01})
    assert phase_of(more, HISTORY, 300.0, gpu=0.5) is Phase.OPEN
    assert Limit(name=name, used=used, most=used, phase=phase).is_reached
    assert 0.0 < share_spent(more, HISTORY, 300.0, gpu=0.5) <= 1.0


def test_where_configurations_say_no_epochs_those_of_the_search_count() -> None:
    """Trials of the user's own code: their configuration is their point."""
    history = [record.model_copy(update={"config": {"lr": 0.1}}) for record in HISTORY]
    trainings, trials = Budget(trainings=2), Budget(trials=6)
    for budget, share in ((trainings, 1.75 / 2), (trials, 2.5 / 6)):
        assert share_spent(budget, history, 0.0, epochs=4) == pytest.approx(share)
        assert share_spent(budget, HISTORY, 0.0) == pytest.approx(share)
    # Where nobody says it, a trial counts once it has ended.
    assert share_spent(trainings, history, 0.0) == pytest.approx(1 / 2)
    assert share_spent(trials, history, 0.0) == pytest.approx(2 / 6)


def test_a_stall_is_measured_over_the_last_trials_that_were_looked_at() -> None:
    history = [trial(i, q) for i, q in enumerate([0.2, 0.5, 0.4, 0.51])]
    growth = growth_of(history, QUALITY, 2)
    assert growth is not None
    assert (growth.before, growth.after) == (pytest.approx(0.5), pytest.approx(0.51))
    assert growth.share == pytest.approx(0.02)
    # Too few to tell.
    assert growth_of(history, QUALITY, 4) is None
    # A failed trial was looked at, one that runs was not, others do not compete.
    failed = trial(4, epochs=1, status=TrialStatus.FAILED)
    running = trial(5, status=TrialStatus.RUNNING)
    others = [trial(6, 0.9, origin="baseline:x"), trial(7, 0.9, origin="replicate:1")]
    growth = growth_of([*history, failed, running, *others], QUALITY, 2)
    assert growth is not None
    assert (growth.before, growth.after) == (pytest.approx(0.5), pytest.approx(0.51))


def test_paused_trials_were_looked_at() -> None:
    paused = [trial(i, 0.9, epochs=1, status=TrialStatus.PAUSED) for i in (1, 2)]
    growth = growth_of([trial(0), *paused], QUALITY, 2)
    assert growth is not None
    assert growth.share == 0.0
    stopped = [
        p.model_copy(update={"status": TrialStatus.STOPPED, "ended_s": 9e9}) for p in paused
    ]
    assert growth_of([trial(0), *stopped], QUALITY, 2) == growth


def test_an_objective_that_never_varies_does_not_keep_a_search_from_stalling() -> None:
    free = (Objective(metric="detection/mAP", goal="maximize"),)
    idle = (*free, Objective(metric="idle", goal="minimize"))

    def with_idle(record: TrialRecord) -> TrialRecord:
        return record.model_copy(update={"values": {**record.values, "idle": 7.0}})

    history = [with_idle(trial(i, q)) for i, q in enumerate([0.2, 0.5, 0.4, 0.51])]
    alone = growth_of(history, free, 2)
    assert alone is not None
    assert growth_of(history, idle, 2) == alone
    # Nothing varies at all.
    flat = growth_of([with_idle(trial(i)) for i in range(4)], idle, 2)
    assert flat is not None
    assert flat.share == 0.0
    # With a reference that it does not surpass there is no volume, and the search goes on.
    stated = (*free, Objective(metric="idle", goal="minimize", reference=7.0))
    assert growth_of(history, stated, 2) is None


@given(st.lists(st.floats(0.1, 1.0), min_size=3, max_size=12), st.integers(1, 5))
def test_growth_is_never_negative_and_does_not_depend_on_order(
    values: list[float], n: int
) -> None:
    history = [trial(i, q) for i, q in enumerate(values)]
    growth = growth_of(history, QUALITY, n)
    assert (growth is None) == (len(values) <= n)
    assert growth is None or growth.share >= 0
    assert growth_of(history[::-1], QUALITY, n) == growth


def recipe(**changes: object) -> Recipe:
    plain = load_recipe(find_recipe("quickstart")).to_plain()
    q = [{"metric": "detection/mAP", "goal": "maximize", "reference": 0.0}]
    return Recipe.model_validate({**plain, "objectives": q, **changes})


def test_a_search_that_stalls_ends_and_says_so() -> None:
    found = recipe(budget={"trials": 50, "stall": {"trials": 2, "gain": 0.05}})
    flat = [trial(i, q) for i, q in enumerate([0.2, 0.5, 0.4, 0.51])]
    ending = ending_of(found, flat, 0.0)
    assert ending.phase is Phase.CLOSING
    assert ending.why == (
        "budget.stall: the last 2 trials raised the hypervolume by 2.00% (0.5 to 0.51), "
        "less than 5.00%"
    )
    rising = [trial(i, q) for i, q in enumerate([0.2, 0.5, 0.4, 0.6])]
    assert ending_of(found, rising, 0.0).phase is Phase.OPEN
    over = recipe(budget={"trials": 4, "stall": {"trials": 2, "gain": 0.05}})
    assert ending_of(over, rising, 0.0).why == "budget.trials: 4 of 4"


@pytest.mark.parametrize("status", [s for s in TrialStatus if not s.is_final])
def test_a_search_has_not_ended_while_a_trial_has_not(status: TrialStatus) -> None:
    found = recipe(budget={"trials": 2})
    open_ = [trial(0), trial(1, epochs=2, status=status)]
    assert ending_of(found, open_, 0.0).why == "budget.trials: 2 of 2", "it begins no more"
    assert why_ended(found, open_, 0.0) == ""
    assert why_ended(found, [trial(0), trial(1)], 0.0) == "budget.trials: 2 of 2"


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ("{stall: {trials: 5}}", "a budget needs"),
        ("{trials: 5, stall: {gain: 0}}", "gain"),
        ("{gpu_hours: 2}", "a trial takes no GPU"),
        ("{trials: 5, stal: {trials: 5}}", "stall"),
    ],
)
def test_wrong_budgets_are_named_with_their_line(tmp_path, budget: str, words: str) -> None:
    text = (
        find_recipe("quickstart").read_text().replace("budget: {trials: 12}", f"budget: {budget}")
    )
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    line = 1 + text[: text.index("budget: {")].count("\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert f"wrong.yaml:{line}:" in str(caught.value)
    assert words in str(caught.value)


def test_the_default_stall_is_twenty_trials_and_a_hundredth() -> None:
    assert Stall() == Stall(trials=20, gain=0.01)


def free(*values: str, **parts: object) -> FreeSearch:
    plain = {
        "name": "few",
        "objectives": [{"metric": "error", "goal": "minimize"}],
        "parameters": {"kind": {"type": "categorical", "values": list(values)}},
        "budget": {"trials": 12},
        **parts,
    }
    return FreeSearch.model_validate(plain)


def tried(search: FreeSearch, *values: str) -> list[TrialRecord]:
    points = [{"kind": value} for value in values]
    return [
        trial(i).model_copy(
            update={"point": p, "config": dict(search.space.trial_of(p).to_plain())}
        )
        for i, p in enumerate(points)
    ]


def test_a_space_without_an_untried_point_is_why_a_search_ended() -> None:
    search = free("a", "b", "c")
    assert why_ended(search, tried(search, "a", "b"), 0.0) == ""
    every = tried(search, "c", "a", "b")
    assert why_ended(search, every, 0.0) == "an exhausted space: 3 of 3 points tried"
    # A limit of the budget comes first, and a replicate is no trial of a new point.
    assert why_ended(free("a", "b", "c", budget={"trials": 3}), every, 0.0) == (
        "budget.trials: 3 of 3"
    )
    again = [*every[:2], every[2].model_copy(update={"origin": "replicate:0"})]
    assert why_ended(search, again, 0.0) == ""


def test_a_space_that_cannot_be_listed_is_never_exhausted() -> None:
    search = free("a", parameters={"lr": {"type": "float", "min": 0, "max": 1}})
    assert why_ended(search, [], 0.0) == ""


def test_more_trials_are_proposed_only_where_a_search_would_go_on() -> None:
    search = free("a", "b", "c", budget={"trials": 2})
    history = tried(search, "a", "b")
    assert why_ended(search, history, 0.0) == "budget.trials: 2 of 2"
    assert more_trials(search, history, 0.0) == 4
    # Of three points the fourth trial would have none; nor does a spent time allow another one.
    assert more_trials(search, tried(search, "a", "b", "c"), 0.0) is None
    both = free("a", "b", "c", budget={"trials": 2, "minutes": 1})
    assert [more_trials(both, history, took_s) for took_s in (59.0, 60.0)] == [4, None]
    assert more_trials(free("a", "b", budget={"minutes": 1}), history, 60.0) is None
