"""New seeds: intervals that cover, probabilities of the front, optimism that is there."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automtl.analysis.replicates import (
    half_interval,
    is_trained_once,
    probability_on_front,
    replication_of,
    settled_means,
)
from automtl.pareto import front, hypervolume
from automtl.results import Objective, TrialRecord, TrialStatus

OBJECTIVES = (
    Objective(metric="quality", goal="maximize", reference=0.0),
    Objective(metric="error", goal="minimize", reference=1.0),
)


def trial(
    number: int,
    quality: float,
    error: float,
    origin: str = "sampler",
    status: TrialStatus = TrialStatus.COMPLETED,
    **more: float,
) -> TrialRecord:
    ended = status is TrialStatus.COMPLETED
    return TrialRecord(
        number=number,
        point={},
        config={},
        config_digest="",
        origin=origin,
        status=status,
        values={"quality": quality, "error": error, **more} if ended else {},
    )


def test_intervals_cover_the_true_mean_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    n = 1_000
    rows = rng.normal(3.0, 0.5, size=(n, 4))
    covered = sum(abs(row.mean() - 3.0) <= half_interval(row.tolist()) for row in rows)
    # Binomial with p = .95: four deviations.
    assert abs(covered - 0.95 * n) < 4 * np.sqrt(n * 0.95 * 0.05)


def test_the_probability_of_being_on_the_front() -> None:
    rng = np.random.default_rng(1)

    def table(*centre: float) -> np.ndarray:
        return np.array(centre) + rng.normal(0, 0.01, size=(4, 2))

    # The last two are equally good in truth.
    centres = ((0.0, 1.0), (1.0, 0.0), (2.0, 2.0), (0.5, 0.5), (0.5, 0.5))
    first, second, third, *tied = probability_on_front([table(*centre) for centre in centres])
    assert (first, second, third) == (1.0, 1.0, 0.0)
    # At least one of the two is on the front in every draw.
    assert sum(tied) >= 1.0
    assert all(0.0 < share < 1.0 for share in tied)


def test_a_probability_tells_how_often_the_truth_is_that_way() -> None:
    # One objective, two configurations of 3 seeds: the better one by truth varies from study to
    # study, and over many of them "70 %" must come true in about 70 %.
    rng = np.random.default_rng(2)
    said, held = [], []
    for _ in range(200):
        truth = rng.normal(0.0, 1.0, size=2)
        tables = [centre + rng.normal(0.0, 1.0, size=(3, 1)) for centre in truth]
        share = probability_on_front(tables, n_draws=200)[0]
        said.append(share)
        held.append(truth[0] < truth[1])
    assert np.mean(said) == pytest.approx(np.mean(held), abs=0.08)
    middle = [h for s, h in zip(said, held, strict=True) if 0.6 < s < 0.9]
    assert 0.5 < np.mean(middle) < 0.95
    sure = [h for s, h in zip(said, held, strict=True) if s > 0.98]
    assert np.mean(sure) > 0.8


def test_the_luckiest_of_equal_configurations_lose_with_new_seeds() -> None:
    rng = np.random.default_rng(3)
    seen = 0.5 + rng.normal(0, 0.1, size=(100, 2))
    search = [trial(i, float(q), float(e)) for i, (q, e) in enumerate(seen)]
    members = front(search, OBJECTIVES)
    again = [
        trial(100 + i * 20 + k, *(0.5 + rng.normal(0, 0.1, size=2)), f"replicate:{m.number}")
        for i, m in enumerate(members)
        for k in range(20)
    ]
    found = replication_of([*search, *again], OBJECTIVES)
    assert found is not None
    assert found.optimism.searched == hypervolume(
        [[-m.values["quality"], m.values["error"]] for m in members], [0.0, 1.0]
    )
    # In truth each dominates a quarter of the square between the references.
    assert found.optimism.replicated == pytest.approx(0.25, abs=0.05)
    assert found.optimism.difference > 0.1
    assert 0.2 < found.optimism.share < 0.8


def test_without_a_stated_reference_the_worst_of_all_trials_is_it() -> None:
    """Not the worst of the front: two members would have no volume between them."""
    open_ended = tuple(o.model_copy(update={"reference": None}) for o in OBJECTIVES)
    search = [trial(0, 0.8, 0.5), trial(1, 0.4, 0.2), trial(2, 0.0, 1.0)]
    again = [trial(3, 0.6, 0.5, "replicate:0"), trial(4, 0.4, 0.2, "replicate:1")]
    found = replication_of([*search, *again], open_ended)
    assert found is not None
    assert found.optimism.searched == pytest.approx(0.8 * 0.5 + 0.4 * 0.3)
    assert found.optimism.replicated == pytest.approx(0.6 * 0.5 + 0.4 * 0.3)
    assert found == replication_of([*search, *again], OBJECTIVES)


def test_means_and_intervals_are_of_the_new_seeds_alone() -> None:
    history = [
        trial(0, 0.9, 0.1, extra=5.0),
        trial(1, 0.6, 0.4, "replicate:0", extra=1.0),
        trial(2, 0.8, 0.2, "replicate:0"),
        trial(3, 0.0, 0.0, "replicate:0", TrialStatus.FAILED),
    ]
    found = replication_of(history, OBJECTIVES)
    assert found is not None
    (member,) = found.members
    assert (member.number, member.seeds, member.lost) == (0, (1, 2), (3,))
    assert member.means == pytest.approx({"quality": 0.7, "error": 0.3})
    # Student's t with one degree of freedom, 0.975: 12.706; the standard error is 0.1.
    assert member.half == pytest.approx({"quality": 1.2706, "error": 1.2706}, abs=1e-4)
    assert member.p_front == 1.0
    assert found.is_whole


def test_one_seed_has_no_interval() -> None:
    found = replication_of([trial(0, 0.9, 0.1), trial(1, 0.6, 0.4, "replicate:0")], OBJECTIVES)
    assert found is not None
    assert math.isnan(found.members[0].half["quality"])
    assert found.members[0].p_front == 1.0


def test_means_settle_when_every_member_has_ended_seeds() -> None:
    search = [trial(0, 0.9, 0.5), trial(1, 0.5, 0.1)]
    first = trial(2, 0.8, 0.5, "replicate:0")
    still = trial(3, 0.0, 0.0, "replicate:1", TrialStatus.RUNNING)
    second = trial(3, 0.4, 0.1, "replicate:1")
    for partial in (search, [*search, first], [*search, first, still]):
        assert settled_means(partial, OBJECTIVES) == ()
    settled = settled_means([*search, first, second], OBJECTIVES)
    assert [(r.number, dict(r.values)) for r in settled] == [
        (0, {"quality": 0.8, "error": 0.5}),
        (1, {"quality": 0.4, "error": 0.1}),
    ]


def test_a_member_whose_seeds_all_fail_is_not_picked_from() -> None:
    search = [trial(0, 0.9, 0.5), trial(1, 0.5, 0.1)]
    lost = trial(2, 0.0, 0.0, "replicate:0", TrialStatus.FAILED)
    assert replication_of([*search, lost], OBJECTIVES) is None
    settled = settled_means([*search, lost, trial(3, 0.4, 0.2, "replicate:1")], OBJECTIVES)
    assert [record.number for record in settled] == [1]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.1, 0.2, 0.3]), st.sampled_from([0.1, 0.2, 0.3])),
        min_size=1,
        max_size=5,
    )
)
def test_seeds_without_noise_give_back_the_front(values: list[tuple[float, float]]) -> None:
    search = [trial(i, q, e) for i, (q, e) in enumerate(values)]
    members = front(search, OBJECTIVES)
    again = [
        trial(len(search) + i, m.values["quality"], m.values["error"], f"replicate:{m.number}")
        for i, m in enumerate([*members, *members])
    ]
    found = replication_of([*search, *again], OBJECTIVES)
    assert found is not None
    assert [m.number for m in found.members] == [m.number for m in members]
    assert all(m.p_front == 1.0 for m in found.members)
    assert found.optimism.difference == pytest.approx(0.0)
    # Whoever competes is as before: replicates are no candidates.
    assert front([*search, *again], OBJECTIVES) == members


def test_a_choice_rests_on_one_training_of_each_until_all_are_trained_again() -> None:
    two = [trial(0, 0.9, 0.9), trial(1, 0.1, 0.1)]
    assert is_trained_once(two, OBJECTIVES)
    again = [trial(2, 0.8, 0.9, "replicate:0"), trial(3, 0.2, 0.1, "replicate:1")]
    assert is_trained_once([*two, again[0]], OBJECTIVES)
    assert not is_trained_once([*two, *again], OBJECTIVES)
    # Where there is nothing to choose from, no choice rests on anything.
    assert not is_trained_once([*two, trial(2, 1.0, 0.05)], OBJECTIVES)
    assert not is_trained_once([], OBJECTIVES)
