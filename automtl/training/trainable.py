"""What a dispatcher runs: one attempt of a trial, from its order to its folder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from automtl.data.table import SplitData
from automtl.dispatch.base import Report, Trainable
from automtl.dispatch.working_folder import working_folder
from automtl.errors import DeviceError
from automtl.results import TrialOrder
from automtl.space.stored import stored_config
from automtl.storage.names import VIEWS
from automtl.training.loop import train


def make_trainable(data: SplitData | Callable[[], SplitData]) -> Trainable:
    """Return the function that trains orders on ``data``.

    Args:
        data: The splits, or a function that gives them where the training runs (so that they
            can come from a node's shared memory instead of travelling with each order).
    """

    def trainable(order: TrialOrder, report: Report) -> None:
        splits = data if isinstance(data, SplitData) else data()
        device = device_of(order)
        n_threads = max(1, int(order.resources.get("cpu", 1.0)))
        with working_folder(order) as working, _threads(n_threads):
            train(
                stored_config(order.config, what=f"trial {order.number}"),
                splits,
                report,
                seed=order.seed,
                folder=working.path,
                kept=working.keep,
                device=device,
                resume=order.resume,
                # Beside the trials' own folders, so that all trials of a study share it.
                view_cache=working.path.parent / VIEWS,
                micro_batches=order.micro_batches,
                gpu_share=order.resources.get("gpu", 0.0),
            )

    return trainable


@contextmanager
def _threads(n_threads: int) -> Iterator[None]:
    """Use the trial's share of the cores; a study in one process gets its own back."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def device_of(order: TrialOrder) -> torch.device:
    """Return the device that an order asks for: a GPU for any share of one, else the CPU.

    Raises:
        DeviceError: If a GPU is asked for where there is none.
    """
    share = order.resources.get("gpu", 0.0)
    if share <= 0:
        return torch.device("cpu")
    if not torch.cuda.is_available():
        msg = f"trial {order.number} asks for {share:g} of a GPU, and torch finds none here"
        raise DeviceError(
            msg,
            where="resources.gpu",
            fix="Set `resources: {gpu: 0}`, or run where `nvidia-smi` shows a GPU",
        )
    return torch.device("cuda", torch.cuda.current_device())
