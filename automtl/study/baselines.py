"""What baselines cost, said before they are trained."""

from collections.abc import Iterator

from automtl.config import TrialConfig
from automtl.controller.baselines import BASELINE, alone
from automtl.controller.constraints import KnownCosts
from automtl.controller.propose import baseline_seed, plan
from automtl.space.recipe import Recipe
from automtl.study.kept import KeptBaselines


def baseline_lines(recipe: Recipe) -> list[str]:
    """Return a line that counts the baselines' trainings, if there are any."""
    wanted = recipe.baselines
    if not wanted.names:
        return []
    default = recipe.space.config_of(recipe.space.default_point())
    each = wanted.single_task.trials
    parts = [f"{task} alone" for task in wanted.single_task.tasks]
    if each > 1 and parts:
        parts[-1] += f" ({each} trainings each)"
    parts += wanted.names[len(wanted.single_task.tasks) :]
    n_epochs = wanted.n_trainings * default.optimizer.epochs
    cost = f"{wanted.n_trainings} trainings of together {n_epochs} epochs"
    return [f"Baselines, which the budget does not count: {cost}: {', '.join(parts)}"]


def reuse_lines(recipe: Recipe, kept: KeptBaselines | None, known: KnownCosts) -> list[str]:
    """Return a line that counts the baselines that earlier searches trained, if there are any."""
    if kept is None:
        return []
    n = sum(kept.of(config, seed) is not None for config, seed in _trainings(recipe, kept, known))
    if not n:
        return []
    return [f"{n} of these trainings are reused from {kept.folder} (--no-cache trains them again)"]


def _trainings(
    recipe: Recipe, kept: KeptBaselines, known: KnownCosts
) -> Iterator[tuple[TrialConfig, int]]:
    """Yield configuration and seed of each baseline, as far as its point is known beforehand."""
    for proposal in plan(recipe, known):
        if proposal.origin.startswith(BASELINE) and isinstance(proposal.config, TrialConfig):
            yield proposal.config, proposal.seed
    for task, n_trials in recipe.tuned_alone.items():
        space = alone(recipe.space, task)
        for turn in range(1, n_trials):
            point = kept.point_of(task, turn)
            if point is not None:
                yield space.config_of(point), baseline_seed(recipe.seed, task, turn)
