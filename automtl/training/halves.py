"""A step that needs less memory: the frames of its batch part by part, one weighting for all.

The losses of the parts are added up before anything is differentiated, so a weighting sees the
losses, and the gradients, of the whole batch and is applied once. What memory the parts would
take together is saved by forgetting what a stage, a head or a loss computed on the way, and
computing it again, part by part, where it is differentiated (Chen et al., "Training Deep Nets
with Sublinear Memory Cost", 2016). It costs one more forward pass.

Targets that a task made of a part's labels (``MultiTaskBatch.once``) stay until then; they are
small beside what is forgotten.

What is not as with the whole batch: batch norms use the statistics of a part and learn from each
part; a loss that is no mean over frames (a contrastive loss, a mean over objects or labelled
pixels) becomes the mean of the parts' losses, weighted by their labelled frames; GradDrop at
features draws other coordinates.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import pairwise
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint
from typing_extensions import override


def part_rows(n_frames: int, n_parts: int) -> list[slice]:
    """Cut a batch where no pair of frames is torn apart; frames come in pairs.

    Returns:
        At most ``n_parts`` parts, none of them empty.

    >>> part_rows(6, 2)
    [slice(0, 4, None), slice(4, 6, None)]
    """
    n_pairs = -(-n_frames // 2)
    edges = [2 * -(-n_pairs * i // n_parts) for i in range(n_parts)] + [n_frames]
    return [slice(a, b) for a, b in pairwise(edges) if a < b]


def computed_twice(function: Callable[..., Any], *given: Any) -> Any:
    """Call a function and forget all but its result, until that is differentiated."""
    contexts = partial(_contexts, function)
    return checkpoint(function, *given, use_reentrant=False, context_fn=contexts)


def _contexts(
    function: Callable[..., Any],
) -> tuple[AbstractContextManager[object], AbstractContextManager[object]]:
    again = TaughtBatchNorms(function) if isinstance(function, nn.Module) else nullcontext()
    return nullcontext(), again


class TaughtBatchNorms(AbstractContextManager[None]):
    """Within the block, batch norms in training use the batch's statistics and do not learn them.

    They are still given their running statistics: what is computed a second time must keep the
    same tensors as the first time. May be entered again, but not within itself: what several
    losses depend on is computed again for each.

    Args:
        module: All batch norms in it.
    """

    def __init__(self, module: nn.Module) -> None:
        self._norms = [
            m for m in module.modules() if isinstance(m, _BatchNorm) and m.track_running_stats
        ]
        self._before: list[tuple[float | None, Tensor | None]] = []

    @override
    def __enter__(self) -> None:
        self._before = [(norm.momentum, norm.num_batches_tracked) for norm in self._norms]
        for norm in self._norms:
            norm.momentum, norm.num_batches_tracked = 0.0, None

    @override
    def __exit__(self, *_error: object) -> None:
        for norm, (momentum, n_batches) in zip(self._norms, self._before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, n_batches
