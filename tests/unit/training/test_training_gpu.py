"""On a GPU: every weighting trains there, and goes on from its checkpoint."""

import pytest
import torch

from automtl.config import (
    DBMTLWeighting,
    DWAWeighting,
    FAMOWeighting,
    FixedWeighting,
    GeometricMeanWeighting,
    GradNormWeighting,
    IMTLLWeighting,
    OptimizerConfig,
    RLWWeighting,
    STCHWeighting,
    UncertaintyWeighting,
)
from automtl.testing.combining import COMBINING
from automtl.testing.small_training import Reports, small_config, small_splits
from automtl.training.loop import train

GPU = torch.device("cuda", 0)
WEIGHTINGS = [
    FixedWeighting(),
    UncertaintyWeighting(),
    IMTLLWeighting(),
    RLWWeighting(),
    GeometricMeanWeighting(),
    STCHWeighting(),
    DWAWeighting(),
    FAMOWeighting(),
    *(GradNormWeighting(at=at) for at in ("features", "parameters")),
    *(DBMTLWeighting(at=at) for at in ("features", "parameters")),
    *COMBINING,
    *(c.model_copy(update={"at": "features"}) for c in COMBINING if c.kind != "excess_mtl"),
    *(c.model_copy(update={"every": 2}) for c in COMBINING if c.kind != "graddrop"),
]


@pytest.fixture(scope="module")
def data():
    return small_splits()


def name_of(weighting):
    more = [getattr(weighting, "at", ""), str(getattr(weighting, "every", ""))]
    return "-".join([weighting.kind, *filter(None, more)])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
@pytest.mark.parametrize("name", ["adamw", "sgd"])
@pytest.mark.parametrize("weighting", WEIGHTINGS, ids=name_of)
def test_a_weighting_trains_on_a_gpu_and_goes_on_there(data, tmp_path, weighting, name):
    settings = OptimizerConfig(name=name, batch_size=4, epochs=2, steps_per_epoch=2)
    config = small_config(weighting=weighting, optimizer=settings)
    torn, resumed = Reports(end_at=1), Reports()
    train(config, data, torn, seed=1, folder=tmp_path, device=GPU)
    train(config, data, resumed, seed=1, folder=tmp_path, device=GPU, resume=True)
    assert (list(torn.values), list(resumed.values)) == ([1], [2])
    assert resumed.values[2]["cost/optimizer_steps"] == 4.0
