"""Effects: found where planted, silent on noise, and interactions told from main effects."""

import numpy as np
import pytest

from automtl.analysis.effects import MIN_TRIALS, effects, in_words


def drawn(rng, n, names):
    return [names[i] for i in rng.integers(len(names), size=n)]


def test_a_planted_effect_is_clear_and_says_which_level_is_best():
    rng = np.random.default_rng(0)
    schedule = drawn(rng, 60, ["joint", "alternating"])
    weighting = drawn(rng, 60, ["fixed", "upgrad", "pcgrad"])
    y = [0.5 + 0.1 * (s == "joint") + rng.normal(0, 0.05) for s in schedule]
    found = effects(
        {"schedule": schedule, "weighting": weighting}, "mAP", y, maximize=True, seed=1
    )
    assert [e.choice for e in found] == ["schedule", "weighting"]
    clear, noise = found
    assert clear.is_clear
    assert not noise.is_clear
    assert [level.value for level in clear.levels] == ["joint", "alternating"]
    assert clear.levels[0].low > clear.levels[1].high
    assert in_words(clear, maximize=True).startswith("schedule: mAP is highest with joint (0.6")
    assert in_words(noise, maximize=True) == "weighting: no clear effect on mAP"
    assert effects({"schedule": schedule}, "error", y, maximize=False)[0].levels[0].value == (
        "alternating"
    )


def test_chance_alone_is_rarely_called_clear():
    """With Holm's correction, a study without any effect names one in at most 5 % of cases."""
    wrong = 0
    for study in range(60):
        rng = np.random.default_rng(1000 + study)
        choices = {f"c{i}": drawn(rng, 24, ["a", "b", "c"]) for i in range(3)}
        y = rng.normal(size=24)
        wrong += any(e.is_clear for e in effects(choices, "y", y, maximize=True, seed=study))
    # Binomial with p = .05: more than 9 of 60 has a probability below .002.
    assert wrong <= 9


@pytest.mark.parametrize("is_crossed", [True, False])
def test_an_interaction_is_not_the_sum_of_two_effects(is_crossed):
    rng = np.random.default_rng(3)
    sharing = drawn(rng, 80, ["deep", "shallow"])
    schedule = drawn(rng, 80, ["joint", "alternating"])
    signs = zip(sharing, schedule, strict=True)
    if is_crossed:
        means = [0.1 * (1 if (a == "deep") == (b == "joint") else -1) for a, b in signs]
    else:
        means = [0.1 * (a == "deep") + 0.1 * (b == "joint") for a, b in signs]
    y = np.array(means) + rng.normal(0, 0.05, 80)
    found = effects(
        {"sharing": sharing, "schedule": schedule},
        "mIoU",
        y,
        maximize=True,
        interactions=[("sharing", "schedule")],
    )
    together = found[-1]
    assert together.choice == "sharing x schedule"
    assert together.is_clear is is_crossed
    assert [e.is_clear for e in found[:2]] == [not is_crossed] * 2
    if is_crossed:
        assert "each changes what the other does to mIoU" in in_words(together, maximize=True)


def test_what_cannot_be_compared_gives_no_effect():
    few = ["a"] * 10 + ["b"] * (MIN_TRIALS - 1)
    y = np.arange(13.0)
    assert effects({"c": few}, "y", y, maximize=True) == []
    assert effects({"c": ["a"] * 13}, "y", y, maximize=True) == []
    assert effects({"c": ["a", "b"] * 6}, "y", np.ones(12), maximize=True) == []
    # Only one combination of two choices was tried in each level: nothing to cross.
    tied = {"a": ["x", "y"] * 6, "b": ["u", "v"] * 6}
    found = effects(tied, "y", np.arange(12.0), maximize=True, interactions=[("a", "b")])
    assert [e.choice for e in found] == ["a", "b"]


def test_large_numbers_are_written_out():
    y = [120_000.0 + i for i in range(8)] + [60_000.0 + i for i in range(8)]
    (effect,) = effects({"sharing": ["no"] * 8 + ["yes"] * 8}, "parameters", y, maximize=False)
    words = in_words(effect, maximize=False)
    assert "parameters is lowest with yes (60,004 [60,00" in words
    assert "e+0" not in words
