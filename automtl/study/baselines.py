"""What baselines and replicates cost, said before they are trained."""

from collections.abc import Iterator

from automtl.config import TrialConfig
from automtl.controller.baselines import BASELINE, alone
from automtl.controller.constraints import KnownCosts
from automtl.controller.propose import baseline_seed, plan
from automtl.pareto import expected_front
from automtl.space.recipe import Recipe
from automtl.space.search import Search
from automtl.study.kept import KeptBaselines


def cost_lines(recipe: Recipe) -> list[str]:
    """Return a line on each kind of training that the budget does not count."""
    epochs = recipe.space.config_of(recipe.space.default_point()).optimizer.epochs
    return [*_baseline_lines(recipe, epochs), *replicate_lines(recipe, epochs)]


def replicate_lines(search: Search, epochs: int | None) -> list[str]:
    """Return a line on what the replicates of a front will cost, if there are any.

    Args:
        search: The search.
        epochs: Of a full training, if that is known.
    """
    n_seeds = search.replicates
    if not n_seeds:
        return []
    each = f"{n_seeds} trainings" + ("" if epochs is None else f" of {epochs} epochs")
    line = f"Replicates, which the budget does not count: {each} for each member of the front"
    n_trials = search.budget.trials
    if n_trials is None:
        return [line]
    size = round(expected_front(n_trials, len(search.objectives)))
    guess = f"{size} of {n_trials} trials where objectives have nothing to do with one another"
    return [f"{line} (about {guess}: {n_seeds * size} trainings)"]


def trainings_of(recipe: Recipe) -> int | None:
    """Return about how many trainings there will be, baselines and replicates included.

    None where the budget does not count trials. Of the front's size only a guess is known.
    """
    n_trials = recipe.budget.trials
    if n_trials is None:
        return None
    members = round(expected_front(n_trials, len(recipe.objectives)))
    return n_trials + recipe.baselines.n_trainings + recipe.replicates * members


def _baseline_lines(recipe: Recipe, epochs: int) -> list[str]:
    wanted = recipe.baselines
    if not wanted.names:
        return []
    each = wanted.single_task.trials
    parts = [f"{task} alone" for task in wanted.single_task.tasks]
    if each > 1 and parts:
        parts[-1] += f" ({each} trainings each)"
    parts += wanted.names[len(wanted.single_task.tasks) :]
    n_epochs = wanted.n_trainings * epochs
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
