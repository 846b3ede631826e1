"""How many trials fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.dispatch.resources import fitting_slots
from automtl.errors import DispatchError


@pytest.mark.parametrize(
    ("nodes", "share", "expected"),
    [
        ([{"cpu": 2.0, "gpu": 0.0}], {"cpu": 1.0, "gpu": 0.0}, 2),
        ([{"cpu": 8.0, "gpu": 0.0}], {"cpu": 3.0}, 2),
        ([{"cpu": 2.0, "gpu": 0.0}], {"cpu": 0.5, "gpu": 0.0}, 4),
        ([{"cpu": 1.0, "gpu": 0.0}], {"cpu": 1 / 3, "gpu": 0.0}, 3),
        ([{"cpu": 16.0, "gpu": 2.0}], {"cpu": 1.0, "gpu": 0.6}, 2),
        ([{"cpu": 16.0, "gpu": 2.0}], {"cpu": 1.0, "gpu": 1 / 3}, 6),
        ([{"cpu": 16.0, "gpu": 4.0}], {"cpu": 1.0, "gpu": 2.0}, 2),
        ([{"cpu": 3.0, "gpu": 8.0}], {"cpu": 1.0, "gpu": 0.5}, 3),
        ([{"cpu": 1.0, "gpu": 1.0}, {"cpu": 3.0, "gpu": 0.0}], {"cpu": 2.0}, 1),
    ],
)
def test_slots(nodes, share, expected):
    assert fitting_slots(nodes, share) == expected


@given(st.integers(1, 64), st.integers(1, 16))
def test_a_share_of_one_nth_fits_n_times_on_each_core(n_cores, n):
    assert fitting_slots([{"cpu": float(n_cores)}], {"cpu": 1 / n}) == n_cores * n


@pytest.mark.parametrize(
    ("share", "where", "words"),
    [
        ({"cpu": 1.0, "gpu": 1.0}, "resources.gpu", "asks for 1 GPU"),
        ({"cpu": 3.0, "gpu": 0.0}, "resources.cpu", "asks for 3 CPUs"),
    ],
)
def test_what_fits_nowhere_is_named_with_the_way_out(share, where, words):
    with pytest.raises(DispatchError) as caught:
        fitting_slots([{"cpu": 2.0, "gpu": 0.0}], share)
    assert caught.value.where == where
    assert words in str(caught.value)
    assert "Set `resources:" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_asking_for_nothing_is_a_mistake():
    with pytest.raises(ValueError, match="must ask for a CPU or a GPU"):
        fitting_slots([{"cpu": 2.0}], {"cpu": 0.0, "gpu": 0.0})
