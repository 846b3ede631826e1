"""Code of the user's own that a search needs: tried before anything is written."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from automtl.config import CustomWeighting, TrialConfig
from automtl.config.base import parts_of
from automtl.errors import AutomtlError, RecipeError
from automtl.space.mistakes import Mistake, in_base
from automtl.space.parameter import corners_of
from automtl.space.recipe import Recipe
from automtl.space.yaml_lines import KeyPath

if TYPE_CHECKING:
    from automtl.data.table import DataInfo

_NAMING = ("weighting.kind", "weighting.path", "backbone.name", "sharing.order")
"""Parameters whose values decide which code is needed."""


def own_code_mistakes(recipe: Recipe) -> list[Mistake]:
    """Import and make each task, backbone and weighting of the user's own once.

    Returns:
        One mistake for each that cannot be made: every trial that has it would fail.
    """
    found: dict[str, Mistake] = {}
    for config in _configs(recipe):
        for error in _errors_of(config):
            path = _place(error.where or "", recipe)
            found.setdefault(error.what, Mistake(path=path, what=error.what, fix=error.fix))
    return list(found.values())


def check_own_code(recipe: Recipe) -> None:
    """Raise what :func:`own_code_mistakes` finds.

    Raises:
        RecipeError: With one line for each mistake.
    """
    lines = [
        str(AutomtlError(m.what, where=".".join(map(str, m.path)), fix=m.fix))
        for m in own_code_mistakes(recipe)
    ]
    if lines:
        raise RecipeError("\n".join(lines))


def network_mistakes(recipe: Recipe, info: "DataInfo") -> list[Mistake]:
    """Build the default network, if code of the user's own is in it, and show it a blank picture.

    Args:
        recipe: The search.
        info: Classes and picture size.
    """
    config = recipe.space.config_of(recipe.space.default_point())
    if not config.own_code:
        return []
    try:
        _try_network(config, info)
    except AutomtlError as error:
        return [Mistake(path=_place(error.where or "", recipe), what=error.what, fix=error.fix)]
    return []


def _configs(recipe: Recipe) -> Iterator[TrialConfig]:
    space = recipe.space
    yield space.config_of(space.default_point())
    for name in _NAMING:
        if name in space.parameters:
            for value in corners_of(space.parameters[name]):
                yield space.config_of(space.reaching(name, value))


def _errors_of(config: TrialConfig) -> Iterator[AutomtlError]:
    import torch

    from automtl.model.backbones import build_stages
    from automtl.tasks.choose import task_named
    from automtl.training.weighting import build_weighting

    own = [task for task in config.tasks if task in config.imports]
    makers: list[Callable[[], object]] = [partial(task_named, t, config.imports) for t in own]
    if config.backbone.name in config.own_code:
        makers.append(partial(build_stages, config.backbone))
    if isinstance(config.weighting, CustomWeighting):
        cpu = torch.device("cpu")
        makers.append(partial(build_weighting, config.weighting, config.tasks, seed=0, device=cpu))
    for make in makers:
        try:
            make()
        except AutomtlError as error:
            yield error


def _try_network(config: TrialConfig, info: "DataInfo") -> None:
    import torch

    from automtl.model.network import build_network
    from automtl.own_code import blamed

    names = ", ".join(config.own_code)
    task = next((f"imports.{t}" for t in config.tasks if t in config.imports), "backbone.name")
    fix = "A head takes the features of all stages and returns tensors [B, ...] by name"
    with blamed(f"a network with {names} cannot be run", where=task, fix=fix):
        network = build_network(config, info, generator_seed=0).eval()
        picture = torch.zeros(2, network.n_channels, *info.image_size, dtype=torch.uint8)
        with torch.inference_mode():
            outputs = network(picture)
    for task, output in outputs.items():
        is_output = isinstance(output, dict) and all(
            isinstance(tensor, torch.Tensor) and len(tensor) == 2 for tensor in output.values()
        )
        if not is_output:
            msg = f"the head of {config.imports.get(task, task)!r} returned {_kind(output)}"
            raise AutomtlError(msg, where=f"imports.{task}", fix=fix)


def _kind(output: object) -> str:
    return type(output).__name__ if not isinstance(output, dict) else "other things in its dict"


def _place(where: str, recipe: Recipe) -> KeyPath:
    """Return the path in the recipe of what decides a key of the configuration."""
    for name in (where, f"{where}.kind", f"{where}.path"):
        if name in recipe.parameters:
            return ("parameters", name)
    return in_base(parts_of(where), recipe.base)
