"""The measure of what a bundle saves: paired by seed, the same optimizer for all three ways."""

import pytest

from benchmarks.finetune import SHARE, SHOWN, _goals, compare, quick_setting, summary


def ways(full: float, quarter: float, tuned: float) -> dict[str, dict[str, float]]:
    scores = {"full": full, "quarter": quarter, "tuned": tuned}
    return {way: dict.fromkeys(SHOWN, value) for way, value in scores.items()}


def test_gains_are_paired_by_seed_and_the_goal_is_their_lower_end():
    figures = summary([ways(0.5, 0.3, 0.6), ways(0.8, 0.4, 0.9), ways(0.3, 0.2, 0.4)])
    assert figures["gain"] == pytest.approx(0.1)
    # All gain the same: the interval is a point.
    assert [figures["gain_low"], figures["gain_high"]] == pytest.approx([0.1, 0.1])
    assert figures["gain/detection/mAP"] == pytest.approx(0.1)
    assert figures["head_start_gain"] == pytest.approx((0.3 + 0.5 + 0.2) / 3)
    assert figures["full/score"] == pytest.approx(1.6 / 3)
    assert _goals(figures)["finetune_quarter_over_scratch"].is_met
    missed = summary([ways(0.5, 0.3, 0.6), ways(0.8, 0.4, 0.7)])
    assert missed["gain"] == pytest.approx(0)
    assert not _goals(missed)["finetune_quarter_over_scratch"].is_met


def test_one_seed_has_no_interval_and_no_goal():
    figures = summary([ways(0.5, 0.3, 0.6)])
    assert "gain_low" not in figures
    assert _goals(figures) == {}


@pytest.mark.slow
def test_each_way_is_trained_as_long_as_it_says():
    setting = quick_setting()
    found = compare(setting, 0)
    optimizer = setting.config.optimizer
    per_epoch = optimizer.steps_per_epoch
    whole = optimizer.epochs * per_epoch
    assert set(found) == {"full", "quarter", "tuned"}
    # The best epoch's: of a quarter, that is one epoch, there is but one.
    assert found["quarter"]["cost/steps"] == found["tuned"]["cost/steps"] == whole / SHARE
    assert found["full"]["cost/steps"] in {per_epoch * n for n in range(1, SHARE + 1)}
    assert all(set(SHOWN) <= set(values) for values in found.values())
