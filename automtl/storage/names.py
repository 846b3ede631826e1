"""What the files of a trial are called: who trains, who cleans and who exports agree on it."""

WEIGHTS = "best.safetensors"
"""Tensors of the best epoch."""

MODEL = "model.json"
"""What these tensors are: configuration, classes and picture size."""

CHECKPOINTS = "checkpoint-*.pt"
"""State of a training, one file for each of the newest epochs."""


def checkpoint_of(epoch: int) -> str:
    """Return how the name of an epoch's checkpoint begins; its checksum follows.

    >>> checkpoint_of(12)
    'checkpoint-000012-'
    """
    return f"checkpoint-{epoch:06d}-"


VIEWS = "views"
"""Folder of the views of the frames, beside the folders of the trials."""
