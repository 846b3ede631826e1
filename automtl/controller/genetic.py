"""NSGA-II over a history, without generations.

Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II" (2002), in the steady
state: each child's parents are among the best of all trials that have ended by then (Durillo et
al., "On the Effect of the Steady-State Selection Scheme in Multi-Objective Genetic Algorithms",
2009). Trials that end one by one make no generations, and so the history is the only state.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from automtl.controller.chance import grown, uniform, uniform_value
from automtl.controller.lessons import Lesson
from automtl.controller.ordering import order
from automtl.results import Point
from automtl.space.parameter import Parameter
from automtl.space.parameter_base import Scalar
from automtl.space.search_space import SearchSpace

P_CROSSOVER = 0.9
P_SWAP = 0.5


def children(
    space: SearchSpace, taught: Sequence[Lesson], population: int, seed: int
) -> Iterator[dict[str, Scalar]]:
    """Yield points whose parents are good; random ones until there is a population.

    Args:
        space: The points that exist.
        taught: What is known of trials.
        population: How many best trials have children.
        seed: Of the random stream.
    """
    rng = np.random.default_rng(seed)
    ended = [lesson for lesson in taught if lesson.state != "running"]
    parents = _best(ended, population) if len(ended) >= population else []
    while True:
        if len(parents) < 2:
            yield uniform(space, rng.random)
        else:
            yield _child(space, _chosen(parents, rng), _chosen(parents, rng), rng)


def _best(ended: Sequence[Lesson], population: int) -> list[Point]:
    """Return the best points first: by front and distance, then the least outside of limits."""
    fair = [lesson for lesson in ended if lesson.state == "seen" and lesson.is_feasible]
    losses = np.array([lesson.losses for lesson in fair])
    best = [fair[row] for row in order(losses, ties="spread", n_best=population)] if fair else []
    outside = sorted(
        (lesson for lesson in ended if not lesson.is_feasible),
        key=lambda lesson: sum(max(value, 0.0) for _, value in lesson.excesses),
    )
    return [lesson.record.point for lesson in [*best, *outside][:population]]


def _chosen(parents: Sequence[Point], rng: np.random.Generator) -> Point:
    """Return the winner of a tournament of two."""
    return parents[int(rng.integers(len(parents), size=2).min())]


def _child(
    space: SearchSpace, mother: Point, father: Point, rng: np.random.Generator
) -> dict[str, Scalar]:
    """Cross two points and change each parameter with a chance of one in their number.

    A parameter that exists for the child and for one parent comes from that one; one that exists
    for neither is drawn.
    """
    is_crossed = rng.random() < P_CROSSOVER
    p_mutation = 1 / max(len(mother), 1)

    def value(name: str, parameter: Parameter) -> Scalar:
        first, second = mother, father
        if is_crossed and rng.random() < P_SWAP:
            first, second = father, mother
        known = first.get(name, second.get(name))
        share = rng.random()
        if known is None or rng.random() < p_mutation:
            return uniform_value(parameter, share)
        return known

    return grown(space, value)
