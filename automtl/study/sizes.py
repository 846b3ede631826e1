"""What the files of a search will take, from its recipe and data."""

from automtl.config import TrialConfig
from automtl.data.table import SplitData
from automtl.data.views import channels_of
from automtl.dispatch.resources import fitting_slots, usable_cores
from automtl.errors import AutomtlError
from automtl.model.cost import parameters_of_tree
from automtl.space.parameter import corners_of
from automtl.space.recipe import Recipe
from automtl.study.baselines import trainings_of
from automtl.study.disk import DiskEstimate
from automtl.study.folder import Settings

BYTES = 4
"""Of a parameter: checkpoints hold float32."""

N_CHECKPOINTS = 3
"""Two that are kept, and one that is being written."""

MOMENTS = {"adamw": 2, "sgd": 1}

SIZED_BY = ("backbone.name", "backbone.width", "backbone.views", "sharing.", "heads.")
"""Parameters that decide how large a network is, or how large its views."""


def estimate(recipe: Recipe, splits: SplitData, settings: Settings) -> DiskEstimate:
    """Return what the largest trials will take.

    The largest are looked for at the ends of each parameter that decides the size, all others at
    their defaults. Networks with a backbone or a task by import path are left out.
    """
    space = recipe.space
    points = [space.default_point()]
    for name, parameter in space.parameters.items():
        if name.startswith(SIZED_BY):
            points += [space.reaching(name, value) for value in corners_of(parameter)]
    configs = [space.config_of(point) for point in points]
    n_parameters = max(_n_parameters(config, splits) for config in configs)
    moments = max(MOMENTS[config.optimizer.name] for config in configs)
    checkpoint = BYTES * n_parameters * (2 + moments)  # the network, the best one, the moments
    weights = BYTES * n_parameters
    return DiskEstimate(
        running=N_CHECKPOINTS * checkpoint + 2 * weights,
        ended=weights,
        views=_views(configs, splits),
        n_slots=_slots(recipe, settings),
        n_trials=trainings_of(recipe),
    )


def _n_parameters(config: TrialConfig, splits: SplitData) -> int:
    if config.imports or ":" in config.backbone.name:
        return 0
    try:
        return parameters_of_tree(config, splits.info)
    except AutomtlError:
        return 0  # it cannot be built; its trials will say why


def _views(configs: list[TrialConfig], splits: SplitData) -> int:
    n_frames = len(splits.train) + len(splits.validation)
    sets = {c.backbone.views: c.backbone.image_size for c in configs}
    return sum(
        n_frames * channels_of(views) * height * width
        for views, (height, width) in sets.items()
        if views != ("rgb",)
    )


def _slots(recipe: Recipe, settings: Settings) -> int:
    if settings.dispatcher == "local":
        return 1
    if settings.slots is not None:
        return settings.slots
    if settings.ray_address:
        return 1  # how many the cluster has is known when it answers
    import torch

    here = {"cpu": float(usable_cores()), "gpu": float(torch.cuda.device_count())}
    return fitting_slots([here], recipe.resources.share)
