"""What a forward pass in training changes in a network: the statistics of its batch norms."""

import torch
from torch import Tensor, nn


class KeptBuffers:
    """A copy of a network's buffers, to be put back where a step is not taken.

    Copying all tensors of a type is one call, which on a GPU is one kernel. Buffers are filled in
    place for as long as the network lives, by batch norms as by ``load_state_dict``.

    Args:
        network: Where it is to stay, on its device.
    """

    def __init__(self, network: nn.Module) -> None:
        by_type: dict[torch.dtype, list[Tensor]] = {}
        for buffer in network.buffers():
            by_type.setdefault(buffer.dtype, []).append(buffer)
        self._pairs = [
            (own, [torch.empty_like(buffer) for buffer in own]) for own in by_type.values()
        ]

    def keep(self) -> None:
        """Remember what the buffers hold."""
        for own, kept in self._pairs:
            _copy(own, kept)

    def put_back(self) -> None:
        """Give the buffers what they held at the last :meth:`keep`."""
        for own, kept in self._pairs:
            _copy(kept, own)


def _copy(given: list[Tensor], taking: list[Tensor]) -> None:
    with torch.no_grad():
        torch._foreach_copy_(taking, given)  # torch has no public name
