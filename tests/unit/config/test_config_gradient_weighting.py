"""Weightings that combine gradients as configuration: what cannot work is refused."""

import pytest

from automtl.config import (
    TrialConfig,
)


@pytest.mark.parametrize(
    ("weighting", "message"),
    [
        ({"kind": "graddrop", "every": 2}, "no task weights to keep"),
        ({"kind": "excess_mtl", "at": "features"}, "`at` must be parameters"),
        ({"kind": "upgrad", "every": 0}, "greater than or equal to 1"),
        ({"kind": "upgrad", "at": "losses"}, "'parameters' or 'features'"),
    ],
)
def test_what_cannot_work_is_refused(weighting, message):
    with pytest.raises(ValueError, match=message):
        TrialConfig.from_plain({"weighting": weighting})
