"""Whether the trials of a search can be compiled, before any of them runs."""

from automtl.errors import DeviceError
from automtl.space.parameter import corners_of
from automtl.space.recipe import Recipe

COMPILE = "optimizer.compile"


def compiles(recipe: Recipe) -> bool:
    """Return whether a trial of the recipe may be compiled."""
    space = recipe.space
    points = [space.default_point()]
    if COMPILE in space.parameters:
        points += [space.reaching(COMPILE, v) for v in corners_of(space.parameters[COMPILE])]
    return any(space.config_of(point).optimizer.compile for point in points)


def check_compiler(recipe: Recipe) -> None:
    """Refuse to compile where that cannot work: every such trial would fail.

    Raises:
        DeviceError: If a trial is to be compiled and this machine lacks what that takes.
    """
    if not compiles(recipe):
        return
    from automtl.training.compiled import missing_tool

    missing = missing_tool(gpu=recipe.resources.gpu > 0)
    if missing:
        msg = f"`torch.compile` needs {missing}, which this machine does not have"
        raise DeviceError(msg, where=COMPILE, fix=f"Install it, or set `{COMPILE}: false`")
