"""Stages and heads through ``torch.compile``, each on its own, in training steps alone.

The tree of stages is walked in Python: which stages run depends on the step's tasks, and gradients
are taken at their outputs. What a stage or a head computes is one graph of fixed shapes. The
network does not know of it, so its parameters keep their names, and evaluation, checkpoints and
bundles are as without it.
"""

import shutil
import sysconfig
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from automtl.model.network import Call, MultiTaskNetwork, plainly

BACKEND = "inductor"
"""What makes code of a graph. It needs a compiler, and takes about a minute for a trial."""


def call_for(network: MultiTaskNetwork, *, compiled: bool) -> Call:
    """Return how the stages, heads and losses of a training step are called.

    Args:
        network: Whose stages and heads are compiled, each when it is first called.
        compiled: If not, all are called as they are.
    """
    if not compiled:
        return plainly
    modules = (*network.stages.values(), *network.heads.values())
    parts: dict[Callable[..., Any], Callable[..., Any]] = {m: _compiled(m) for m in modules}

    def call(function: Callable[..., Any], *given: Any) -> Any:
        run = parts.get(function)
        if run is None:
            return function(*given)
        with warnings.catch_warnings(), _keeping_all():
            # The compiler looks whether what a stage reads, another stage's output, has one.
            warnings.filterwarnings("ignore", message="The .grad attribute of a Tensor that is")
            return run(*given)

    return call


def _compiled(part: nn.Module) -> Callable[..., Any]:
    def run(*given: Any) -> Any:
        return part(*given)

    # Compiled code is remembered by code object, a few variants for each: one for each part.
    run.__code__ = run.__code__.replace()
    return torch.compile(run, dynamic=False, backend=BACKEND)


def _keeping_all() -> AbstractContextManager[None]:
    """Within the block, compile so that a forward pass may be differentiated several times.

    Otherwise the first backward pass overwrites what the forward pass kept.
    """
    patched: AbstractContextManager[None] = torch._functorch.config.patch(  # noqa: SLF001
        donated_buffer=False  # torch has no public name
    )
    return patched


def missing_tool(*, gpu: bool) -> str:
    """Return what compiling lacks on this machine, for people; empty if nothing.

    Args:
        gpu: Whether for a GPU.
    """
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    if not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        return "Python's headers (package `python3-dev`)"
    if gpu and find_spec("triton") is None:
        return "the package `triton`"
    if gpu:
        return "" if shutil.which("gcc") or shutil.which("clang") else "a C compiler (`gcc`)"
    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        return "a C++ compiler (`g++`)"
    return ""
