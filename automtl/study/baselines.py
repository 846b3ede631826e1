"""What baselines cost, said before they are trained."""

from automtl.space.recipe import Recipe


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
