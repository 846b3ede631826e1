"""What a study's own run says of how it was searched: pure, without MLflow."""

from collections.abc import Iterator, Mapping

from automtl.experiment_log.updates import VALUE_LIMIT, valid_key
from automtl.results import Objective, StudyInfo

SECTIONS = ("budget", "sampler", "early_stopping")
"""Parts of a recipe that say how the search went about it; its objectives and parameters are
beside them, and the whole is the artifact `recipe.json`."""


def study_params(study: StudyInfo) -> dict[str, str]:
    """Return the parameters of a study's run. A study keeps its recipe, so they never change.

    Returns:
        By name: the objectives, what is stated of budget, sampler and early stopping, replicates,
        the number of parameters that were searched, and the seed.
    """
    recipe = study.recipe
    found = {f"objective.{o.metric}": _objective(o) for o in study.objectives}
    for section in SECTIONS:
        found |= dict(_stated(section, recipe.get(section)))
    searched = recipe.get("parameters")
    if isinstance(searched, Mapping):
        found["n_parameters"] = str(len(searched))
    found |= {"replicates": str(recipe.get("replicates", 0)), "seed": str(study.seed)}
    return {valid_key(name): value[:VALUE_LIMIT] for name, value in found.items()}


def _objective(objective: Objective) -> str:
    unit = f" [{objective.unit}]" if objective.unit else ""
    reference = "" if objective.reference is None else f", reference {objective.reference:g}"
    return f"{objective.goal}{unit}{reference}"


def _stated(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _stated(f"{name}.{key}", inner)
    elif value is not None:
        yield name, str(value)
