"""The machine that trials run on: its dispatcher, and whether it has what they ask for."""

from automtl.dispatch.base import Dispatcher
from automtl.dispatch.in_process import InProcessDispatcher
from automtl.dispatch.ray_tune import LOCAL, RayTuneDispatcher
from automtl.errors import DeviceError
from automtl.space.search import Search
from automtl.study.folder import Settings


def dispatcher_of(settings: Settings, search: Search) -> Dispatcher:
    """Return where trials run on this machine."""
    if settings.dispatcher == "local":
        return InProcessDispatcher()
    return RayTuneDispatcher(
        slots=settings.slots,
        address=settings.ray_address or LOCAL,
        resources=search.resources.share,
        max_silence_s=60 * search.resources.max_silence_minutes,
    )


def check_machine(settings: Settings, search: Search) -> None:
    """Refuse trials that this machine can never run, before any of them is recorded.

    What a cluster at an address has is checked by the dispatcher, which asks the cluster.

    Raises:
        DeviceError: If a trial asks for more GPUs than there are.
    """
    asked = search.resources.gpu
    if asked <= 0 or settings.ray_address:
        return
    import torch

    found = torch.cuda.device_count()
    if asked > found:
        msg = f"a trial asks for {asked:g} GPU and this machine has {found}"
        raise DeviceError(
            msg,
            where="resources.gpu",
            fix="Set `resources: {gpu: 0}`, or name a cluster: --ray-address",
        )
