"""Both dispatchers keep the contract."""

from pathlib import Path

import pytest

pytest.register_assert_rewrite("automtl.testing.dispatcher_contract")

from automtl.dispatch.base import Dispatcher  # noqa: E402 - after the rewrite was asked for
from automtl.dispatch.in_process import InProcessDispatcher  # noqa: E402
from automtl.dispatch.ray_tune import RayTuneDispatcher  # noqa: E402
from automtl.testing.dispatcher_contract import DispatcherContract  # noqa: E402
from automtl.testing.local_ray import local_ray  # noqa: E402

__all__ = ["local_ray"]


class TestInProcess(DispatcherContract):
    @pytest.fixture
    def dispatcher(self) -> Dispatcher:
        return InProcessDispatcher()


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
class TestRayTune(DispatcherContract):
    @pytest.fixture
    def dispatcher(self, tmp_path_factory: pytest.TempPathFactory) -> Dispatcher:
        scratch: Path = tmp_path_factory.mktemp("scratch")
        return RayTuneDispatcher(slots=2, scratch=scratch)
