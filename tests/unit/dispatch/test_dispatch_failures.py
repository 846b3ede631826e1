"""What a failure is called: memory that ran out, by whichever library says so."""

import numpy as np
import pytest
import torch

from automtl.dispatch.base import failure_of
from automtl.errors import DataError, TrialFailedError
from automtl.results import FailureKind


def numpy_runs_out() -> None:
    np.zeros(1 << 50)


def torch_runs_out() -> None:
    torch.empty(1 << 50)


def cuda_runs_out() -> None:
    msg = "CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has 80 GiB"
    raise torch.OutOfMemoryError(msg)


def cudnn_runs_out() -> None:
    msg = "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"
    raise RuntimeError(msg)


@pytest.mark.parametrize(
    "run",
    [numpy_runs_out, torch_runs_out, cuda_runs_out, cudnn_runs_out],
    ids=lambda f: f.__name__,
)
def test_memory_that_ran_out_has_a_name(run) -> None:
    with pytest.raises((MemoryError, RuntimeError)) as caught:
        run()
    failure = failure_of(caught.value)
    assert failure.kind is FailureKind.OUT_OF_MEMORY
    assert failure.message.startswith(type(caught.value).__name__)
    assert "\n" not in failure.message


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (TrialFailedError(FailureKind.NON_FINITE, "a loss"), "non_finite", "a loss"),
        (ValueError("first\nsecond"), "error", "ValueError: first"),
        (KeyError(), "error", "KeyError"),
        (
            DataError("no frame", where="a.png", fix="Mend it"),
            "bad_data",
            "a.png: no frame. Mend it",
        ),
    ],
    ids=["typed", "first line", "silent", "user's"],
)
def test_others_keep_their_kind_and_their_first_line(error, kind, message) -> None:
    failure = failure_of(error)
    assert (failure.kind.value, failure.message) == (kind, message)
