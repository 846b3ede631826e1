"""Every built-in weighting satisfies the shipped contract."""

import pytest
import torch

from automtl.config import (
    FixedWeighting,
    PCGradWeighting,
    UncertaintyWeighting,
    UPGradWeighting,
    WeightingConfig,
)
from automtl.testing.weighting_contract import MakeWeighting, WeightingContract
from automtl.training.weighting import build_weighting


def maker(config: WeightingConfig) -> MakeWeighting:
    def make(tasks):
        return build_weighting(config, tasks, seed=3, device=torch.device("cpu"))

    return make


class TestFixed(WeightingContract):
    @pytest.fixture
    def make_weighting(self) -> MakeWeighting:
        return maker(FixedWeighting(weights={"a": 0.5, "c": 3.0}))


class TestUncertainty(WeightingContract):
    @pytest.fixture
    def make_weighting(self) -> MakeWeighting:
        return maker(UncertaintyWeighting())


class TestUPGrad(WeightingContract):
    @pytest.fixture
    def make_weighting(self) -> MakeWeighting:
        return maker(UPGradWeighting())


class TestPCGrad(WeightingContract):
    @pytest.fixture
    def make_weighting(self) -> MakeWeighting:
        return maker(PCGradWeighting())
