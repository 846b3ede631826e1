"""Every built-in weighting satisfies the shipped contract."""

from itertools import product
from typing import get_args

import pytest
import torch

from automtl.config import (
    AlignedMTLWeighting,
    ConFIGWeighting,
    DBMTLWeighting,
    DWAWeighting,
    ExcessMTLWeighting,
    FAMOWeighting,
    FixedWeighting,
    GeometricMeanWeighting,
    GradDropWeighting,
    GradientWeightingConfig,
    GradNormWeighting,
    IMTLGWeighting,
    IMTLLWeighting,
    RLWWeighting,
    STCHWeighting,
    UncertaintyWeighting,
    WeightingConfig,
)
from automtl.testing.combining import COMBINING
from automtl.testing.weighting_contract import MakeWeighting, WeightingContract
from automtl.training.weighting import build_weighting

PLACES_AND_STEPS = tuple(product(("parameters", "features"), (1, 3)))


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
        return maker(IMTLLWeighting())


class TestRlw(WeightingContract):
    @pytest.fixture
    def make_weighting(self) -> MakeWeighting:
        return maker(RLWWeighting())


class TestGeometricMean(WeightingContract):
    @pytest.fixture
    def make_weighting(self) -> MakeWeighting:
        return maker(GeometricMeanWeighting())


class TestStch(WeightingContract):
    @pytest.fixture
    def make_weighting(self) -> MakeWeighting:
        # `c` has the smallest losses: without a preference it would get almost nothing.
        return maker(STCHWeighting(mu=2.0, weights={"c": 10.0}))


class TestDwa(WeightingContract):
    @pytest.fixture
    def make_weighting(self) -> MakeWeighting:
        return maker(DWAWeighting())


class TestFamo(WeightingContract):
    @pytest.fixture
    def make_weighting(self) -> MakeWeighting:
        return maker(FAMOWeighting())


class TestGradNorm(WeightingContract):
    @pytest.fixture(params=PLACES_AND_STEPS)
    def make_weighting(self, request) -> MakeWeighting:
        at, every = request.param
        return maker(GradNormWeighting(at=at, every=every))


class TestDbMtl(WeightingContract):
    @pytest.fixture(params=PLACES_AND_STEPS)
    def make_weighting(self, request) -> MakeWeighting:
        at, every = request.param
        return maker(DBMTLWeighting(at=at, every=every))


MAY_BE_NEGATIVE = (AlignedMTLWeighting, ConFIGWeighting, IMTLGWeighting)


def variants(*, negative: bool) -> list[GradientWeightingConfig]:
    """Every kind at every place, solved at each step and at every third, where it can be."""
    found = []
    for config in COMBINING:
        for at, every in PLACES_AND_STEPS:
            cannot_keep = isinstance(config, GradDropWeighting) and every > 1
            cannot_leave = isinstance(config, ExcessMTLWeighting) and at == "features"
            if isinstance(config, MAY_BE_NEGATIVE) is negative and not (
                cannot_keep or cannot_leave
            ):
                found.append(config.model_copy(update={"at": at, "every": every}))
    return found


def label(config: GradientWeightingConfig) -> str:
    return f"{config.kind}-{config.at}-{config.every}"


MASKING = [c for c in variants(negative=False) if isinstance(c, GradDropWeighting)]
CONVEX = [c for c in variants(negative=False) if not isinstance(c, GradDropWeighting)]


class TestWeightsInTheCone(WeightingContract):
    @pytest.fixture(params=CONVEX, ids=label)
    def make_weighting(self, request) -> MakeWeighting:
        return maker(request.param)


class TestWeightsOfAnySign(WeightingContract):
    weights_are_positive = False

    @pytest.fixture(params=variants(negative=True), ids=label)
    def make_weighting(self, request) -> MakeWeighting:
        return maker(request.param)


class TestMasks(WeightingContract):
    step_is_weighted_sum = False

    @pytest.fixture(params=MASKING, ids=label)
    def make_weighting(self, request) -> MakeWeighting:
        return maker(request.param)


def test_every_gradient_combining_kind_has_an_instance():
    assert {type(config) for config in COMBINING} == set(members_of(GradientWeightingConfig))


def members_of(union):
    return [leaf for part in get_args(union) for leaf in (members_of(part) or [part])]
