"""Limits on what a network costs: its size is known before it is trained."""

from collections.abc import Mapping, Sequence

from automtl.config import FreeConfig, TrialConfig
from automtl.controller.constraints import KnownCosts, nothing_known, violations
from automtl.controller.propose import plan
from automtl.data.table import DataInfo
from automtl.errors import AutomtlError
from automtl.space.recipe import Recipe

PARAMETERS = "cost/parameters"
FLOPS = "cost/flops"


def known_costs(recipe: Recipe, info: DataInfo) -> KnownCosts:
    """Return a function that computes those costs of a trial that the recipe limits.

    It says nothing of a network that cannot be built, which its trial will fail by, nor of one
    with a backbone or a task of the user's own, whose code is not run for each proposal.

    Args:
        recipe: The search.
        info: Classes and picture size.
    """
    limited = {limit.metric for limit in recipe.constraints} & {PARAMETERS, FLOPS}
    if not limited:
        return nothing_known
    from automtl.model.cost import flops_of_tree, parameters_of_tree

    measures = {PARAMETERS: parameters_of_tree, FLOPS: flops_of_tree}

    def known(config: TrialConfig | FreeConfig) -> Mapping[str, float]:
        if isinstance(config, FreeConfig) or config.own_code:
            return {}
        try:
            return {metric: float(measures[metric](config, info)) for metric in limited}
        except AutomtlError:
            return {}

    return known


def too_large(recipe: Recipe, known: KnownCosts) -> Sequence[str]:
    """Return a line for each trial that the recipe states and that no one will train."""
    return [
        f"Never trained: {proposal.origin}, whose {broken}"
        for proposal in plan(recipe)
        for broken in violations(recipe, known(proposal.config))[:1]
    ]
