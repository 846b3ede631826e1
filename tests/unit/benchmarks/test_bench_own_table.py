"""The recorded trainings: all there, and searches of them are scored against their front."""

import gzip
import json

import numpy as np
import pytest

from automtl.pareto import hypervolume, non_dominated
from benchmarks.own_table import TABLE
from benchmarks.search_problems import own_table


def test_the_table_is_small_and_every_training_ended() -> None:
    document = json.loads(gzip.decompress(TABLE.read_bytes()))
    rows = document["rows"]
    assert TABLE.stat().st_size < 1_000_000
    assert len({json.dumps(row["point"], sort_keys=True) for row in rows}) == len(rows) >= 250
    ended = [row for row in rows if not row["failure"]]
    assert len(ended) >= 250
    assert {len(row["epochs"]) for row in ended} == {9}


def test_a_search_that_had_everything_scores_one() -> None:
    (problem,) = own_table().problems
    document = json.loads(gzip.decompress(TABLE.read_bytes()))
    points = [row["point"] for row in document["rows"] if not row["failure"]]
    curves = [problem.curve(point) for point in points]
    ends = np.array([curve[-1] for curve in curves])
    assert problem.epochs == 9
    assert ends.shape == (len(points), 3)
    assert problem.hypervolume(ends) == pytest.approx(1.0)
    # The front alone has all of it, and no single training is best at everything.
    front = ends[non_dominated(ends)]
    assert problem.hypervolume(front) == pytest.approx(1.0)
    assert len(front) > 3
    assert (problem.low == ends.min(axis=0)).all()
    scaled = (ends - problem.low) / (problem.high - problem.low)
    assert max(hypervolume(row[None], np.ones(3)) for row in scaled) < 0.95 * problem.whole
