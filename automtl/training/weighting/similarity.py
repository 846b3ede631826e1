"""How alike the tasks' gradients are."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray


def similarities(gramian: NDArray[np.float64], tasks: Sequence[str]) -> dict[str, float]:
    """Return the cosine and the magnitude similarity of each pair of tasks.

    The magnitude similarity is ``2 |a| |b| / (|a|^2 + |b|^2)`` (Yu et al. 2020, arXiv 2001.06782,
    definition 2): 1 for gradients of equal length, near 0 where one dwarfs the other.

    Args:
        gramian: Inner products of the gradients, ``[m, m]``.
        tasks: Names of its rows. Pairs with a zero gradient are left out.

    >>> found = similarities(np.array([[4.0, 2.0], [2.0, 1.0]]), ("a", "b"))
    >>> {name: round(value, 3) for name, value in found.items()}
    {'similarity/cosine/a+b': 1.0, 'similarity/magnitude/a+b': 0.8}
    """
    found = {}
    for (i, one), (j, other) in combinations(enumerate(tasks), 2):
        product = float(np.sqrt(gramian[i, i]) * np.sqrt(gramian[j, j]))
        if product > 0:
            found[f"similarity/cosine/{one}+{other}"] = float(gramian[i, j]) / product
            size = float(gramian[i, i] + gramian[j, j])
            found[f"similarity/magnitude/{one}+{other}"] = 2 * product / size
    return found
