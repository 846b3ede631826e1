"""Differences over all kinds of data: nothing is left out, and no mark hides another one."""

import pytest

from benchmarks.results.comparing import interval
from benchmarks.results.overview import overview, overview_table


def test_the_overview_has_every_rival_of_every_kind_of_data() -> None:
    found = {
        "Clips": {"equal": interval([0.1, 0.2]), "narrow": interval([-0.1, 0.3])},
        "Street": {"equal": interval([0.1, 0.1])},
    }
    pair = (("pick beyond", found), ("knee beyond", found))
    rows = [
        "| equal | +.150 [-.485, .785] | **+.100 [.100, .100]** |",
        "| narrow | +.100 [-2.441, 2.641] | - |",
    ]
    assert overview_table(pair).splitlines()[2:] == [
        "| *pick beyond* | | |",
        *rows,
        "| *knee beyond* | | |",
        *rows,
    ]
    full, is_open, street, _ = overview(pair).data
    assert (full.name, street.name) == ("Clips: pick beyond", "Street: pick beyond")
    assert (full.marker.symbol, is_open.marker.symbol) == ("circle", "circle-open")
    assert list(full.x) == list(is_open.x) == pytest.approx([0.15, 0.1])
    assert list(street.x) == pytest.approx([0.1])
    # Marks of one rival lie below one another, those of two do not touch.
    assert full.y[0] < is_open.y[0] < street.y[0] < 0.5 < full.y[1]
