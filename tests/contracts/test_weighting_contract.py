"""Every built-in weighting satisfies the shipped contract."""

import pytest
import torch

from automtl.config import (
    FixedWeighting,
    GeometricMeanWeighting,
    ImtlLWeighting,
    PCGradWeighting,
    RlwWeighting,
    StchWeighting,
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


class TestImtlL(WeightingContract):
    @pytest.fixture
    def make_weighting(self) -> MakeWeighting:
        return maker(ImtlLWeighting())


class TestRlw(WeightingContract):
    @pytest.fixture
    def make_weighting(self) -> MakeWeighting:
        return maker(RlwWeighting())


class TestGeometricMean(WeightingContract):
    @pytest.fixture
    def make_weighting(self) -> MakeWeighting:
        return maker(GeometricMeanWeighting())


class TestStch(WeightingContract):
    @pytest.fixture
    def make_weighting(self) -> MakeWeighting:
        # `c` has the smallest losses: without a preference it would get almost nothing.
        return maker(StchWeighting(mu=2.0, weights={"c": 10.0}))


class TestUPGrad(WeightingContract):
    @pytest.fixture
    def make_weighting(self) -> MakeWeighting:
        return maker(UPGradWeighting())


class TestPCGrad(WeightingContract):
    @pytest.fixture
    def make_weighting(self) -> MakeWeighting:
        return maker(PCGradWeighting())
