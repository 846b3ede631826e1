"""New seeds: intervals that cover, probabilities of the front, optimism that is there."""

import numpy as np
import pytest

from automtl.analysis.replicates import optimism, replicated


def test_intervals_cover_the_true_mean_as_often_as_they_say():
    rng = np.random.default_rng(0)
    n = 2_000
    tables = {i: rng.normal(3.0, 0.5, size=(5, 1)) for i in range(n)}
    covered = sum(r.low[0] <= 3.0 <= r.high[0] for r in replicated(tables))
    # Binomial with p = .95: four deviations.
    assert abs(covered - 0.95 * n) < 4 * np.sqrt(n * 0.95 * 0.05)


def test_the_probability_of_being_on_the_front():
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.01, size=(4, 2))
    tables = {
        3: np.array([0.0, 1.0]) + noise,
        5: np.array([1.0, 0.0]) + noise,
        8: np.array([2.0, 2.0]) + noise,
        9: np.array([0.5, 0.5]) + rng.normal(0, 0.01, size=(4, 2)),
        # As good as trial 9 in truth: each is in front of the other in about half the draws.
        11: np.array([0.5, 0.5]) + rng.normal(0, 0.01, size=(4, 2)),
    }
    found = {r.number: r for r in replicated(tables)}
    assert list(found) == [3, 5, 8, 9, 11]
    assert found[3].p_non_dominated == found[5].p_non_dominated == 1.0
    assert found[8].p_non_dominated == 0.0
    assert found[9].p_non_dominated + found[11].p_non_dominated >= 1.0
    assert found[3].n_seeds == 4


def test_one_seed_has_no_interval():
    (only,) = replicated({0: [[1.0, 2.0]]})
    assert only.mean == (1.0, 2.0)
    assert np.isnan(only.low).all()
    assert np.isnan(only.high).all()


@pytest.mark.parametrize("tables", [{0: [[1.0]], 1: [[1.0, 2.0]]}, {0: np.zeros((0, 2))}])
def test_tables_that_do_not_fit_are_refused(tables):
    with pytest.raises(ValueError, match="n_seeds"):
        replicated(tables)


def test_the_luckiest_of_equal_configurations_lose_with_new_seeds():
    rng = np.random.default_rng(2)
    truth = np.full((200, 2), 0.5)
    seen = truth + rng.normal(0, 0.1, truth.shape)
    lucky = np.argsort(seen.sum(axis=1))[:10]
    again = {int(i): truth[i] + rng.normal(0, 0.1, (30, 2)) for i in lucky}
    found = optimism({int(i): seen[i] for i in lucky}, again, [1.0, 1.0])
    assert found.searched > found.replicated
    assert 0.1 < found.share < 0.9
    assert found.replicated == pytest.approx(0.25, abs=0.05)


def test_other_trials_are_refused():
    with pytest.raises(ValueError, match="differ"):
        optimism({1: [0.0]}, {2: [[0.0]]}, [1.0])
