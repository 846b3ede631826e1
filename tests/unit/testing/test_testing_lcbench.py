"""The surrogate of learning curves, where its file is at hand."""

from pathlib import Path

import numpy as np
import pytest

from automtl.testing.lcbench import (
    EPOCHS,
    NAMES,
    Surrogate,
    load_surrogate,
    random_points,
)


@pytest.fixture(scope="module")
def surrogate(real_data: Path) -> Surrogate:
    folder = real_data / "lcbench"
    if not folder.is_dir():
        pytest.skip("no LCBench surrogate beside the real frames")
    return load_surrogate(folder)


def test_curves_are_plausible_and_end_at_the_losses(surrogate: Surrogate) -> None:
    assert len(surrogate.codes) == 34
    points = random_points(surrogate, 6, seed=0)
    for data_set in list(surrogate.codes)[::11]:
        curves = np.array([surrogate.curve(data_set, point) for point in points])
        assert curves.shape == (6, EPOCHS, 2)
        assert -0.05 < curves[..., 0].min() < curves[..., 0].max() < 1.05
        # The surrogate's first epochs are rough; over the whole training time grows about tenfold.
        assert (curves[:, -1, 1] > curves[:, 4, 1] + np.log10(3)).all()
        np.testing.assert_allclose(curves[:, -1], surrogate.losses(data_set, points), rtol=1e-5)
        # Points differ, and training lowers the error of most.
        assert np.ptp(curves[:, -1, 0]) > 0.01
        assert np.median(curves[:, 0, 0] - curves[:, -1, 0]) > 0


def test_the_space_holds_the_drawn_points(surrogate: Surrogate) -> None:
    space = surrogate.space
    assert set(space.parameters) == set(NAMES)
    for point in random_points(surrogate, 20, seed=1):
        assert space.complete(point) == point
