"""How well a rung tells the end, and what trials that stopped there would have ended with."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.controller.agreement import N_LEAST, agreement, believed, widened
from automtl.controller.memo import is_known
from automtl.controller.projection import projected
from automtl.controller.rungs import arrivals
from automtl.results import EpochReport, Objective, TrialRecord, TrialStatus
from automtl.testing.curves import EPOCHS, TWO, trial

S = TrialStatus
RUNGS = (1, 3)


def finished(early: Sequence[float], late: Sequence[float]) -> list[TrialRecord]:
    return [
        trial(n, [(a, 1.0)] * 8 + [(b, 1.0)], S.COMPLETED)
        for n, (a, b) in enumerate(zip(early, late, strict=True))
    ]


def test_a_rung_is_trusted_until_it_is_seen_to_be_blind() -> None:
    up = [float(n) for n in range(12)]
    cases = {"same": (up, up), "blind": (up, up[::-1]), "few": (up[: N_LEAST - 1],) * 2}
    found = {}
    for name, (early, late) in cases.items():
        history = finished(early, late)
        found[name] = agreement(history, TWO, arrivals(history, TWO, 1))
    assert found["same"].kendall == pytest.approx(1.0)
    assert found["blind"].kendall == pytest.approx(-1.0)
    assert math.isnan(found["few"].kendall)
    etas = {name: widened(3.0, agrees) for name, agrees in found.items()}
    assert etas == {"same": 3.0, "blind": 1.0, "few": pytest.approx(3.0)}


taus = st.floats(-1, 1)


@given(taus, taus, st.integers(N_LEAST, 200))
def test_a_better_rung_never_keeps_more(a: float, b: float, n: int) -> None:
    worse, better = (believed(n, tau) for tau in sorted((a, b)))
    assert worse.low <= better.low
    assert 1.0 <= widened(3.0, worse) <= widened(3.0, better) <= 3.0


@given(taus, st.integers(N_LEAST, 200))
def test_the_bounds_close_around_what_is_shown(tau: float, n: int) -> None:
    few, many = believed(n, tau), believed(100 * n, tau)
    assert few.low < few.high
    assert many.high - many.low < few.high - few.low
    assert many.low - 0.2 <= max(min(tau, 0.99), -0.99) <= many.high + 0.2


def test_in_doubt_fewer_are_left_behind() -> None:
    """The same correlation with the end, counted over few and over many trials."""
    early, late = [0.0, 1, 2, 3, 4, 5, 6, 7], [2.0, 0, 4, 1, 6, 3, 7, 5]
    found = []
    for copies in (1, 5):
        history = finished(early * copies, late * copies)
        found.append(agreement(history, TWO, arrivals(history, TWO, 1)))
    few, many = found
    assert [few.kendall, many.kendall] == pytest.approx([0.5, 0.5])
    assert few.low < many.low < 0.5 < many.high < few.high
    # Nothing is known of a rung that few have passed: its bound is that of the prior.
    assert believed(3).low == believed(0).low < few.low
    # With as little correlation as this, every further trial adds to the doubt.
    etas = [widened(3.0, believed(n, 0.0)) for n in (4, 12, 36)]
    assert 3.0 > etas[0] > etas[1] > etas[2] >= 1.0


def test_times_are_projected_by_a_factor_and_errors_by_a_difference() -> None:
    both = (Objective(metric="error", goal="minimize"), Objective(metric="s", goal="minimize"))

    def curve(number: int, error: float, pace: float, n: int) -> TrialRecord:
        reports = tuple(
            EpochReport(
                attempt=1, epoch=e, values={"error": error - e / 10, "s": pace * e}, time_s=0.0
            )
            for e in range(1, n + 1)
        )
        record = trial(number, (), S.COMPLETED if n == EPOCHS else S.PAUSED, reports=reports)
        ended = dict(reports[-1].values) if n == EPOCHS else {}
        return record.model_copy(update={"values": ended})

    history = [curve(n, 3.0 + n, 2.0 + n, EPOCHS) for n in range(3)]
    history += [curve(3, 7.0, 5.0, 1), curve(4, 6.0, 1.0, 4)]
    found = projected(history, both, RUNGS)
    assert is_known(found).tolist() == [False] * 3 + [True] * 2
    assert found[3] == pytest.approx((7.0 - 0.9, 45.0))
    assert found[4] == pytest.approx((6.0 - 0.9, 9.0))
    assert not is_known(projected(history, both, ())).any()
    assert projected(history[3:], both, RUNGS)[0] == pytest.approx((6.7, 7.0))
