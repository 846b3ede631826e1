"""Train many configurations and keep every epoch: ``python -m benchmarks.own_table``.

The configurations of `own_table.yaml` are drawn uniformly (the default first) and trained for
real, one after the other, to their end. Each is written to a file of its own beneath ``--work``
when it is done, so that a run that was ended goes on with the same command and several
processes (``--share 1/2``, ``--share 2/2``) may divide the work. When all are there, they are put
together as one small file, which `python -m benchmarks.search` searches in virtual time.
"""

import argparse
import gzip
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from automtl.config import TrialConfig, digest_of
from automtl.controller.chance import uniform
from automtl.data.load import load_data
from automtl.dispatch.base import Trainable
from automtl.errors import AutomtlError
from automtl.results import Decision, TrialOrder
from automtl.space.parameter_base import Scalar
from automtl.space.recipe import Recipe, load_recipe
from automtl.training.trainable import make_trainable

HERE = Path(__file__).parent
RECIPE = HERE / "own_table.yaml"
TABLE = HERE / "data" / "own_table.json.gz"
KEPT = ("cost/parameters", "cost/flops", "cost/train_s")
"""What is kept beside the objectives."""


def main() -> None:
    """Train what is missing; write the table if nothing is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=266, help="configurations")
    parser.add_argument("--share", default="1/1", help="which part of them: 1/2 and 2/2")
    parser.add_argument("--work", type=Path, default=Path("studies/own_table"))
    parser.add_argument("--out", type=Path, default=TABLE)
    arguments = parser.parse_args()
    part, n_parts = map(int, arguments.share.split("/"))
    recipe = load_recipe(RECIPE)
    arguments.work.mkdir(parents=True, exist_ok=True)
    points = drawn(recipe, arguments.n)
    # By the point: the digest of a configuration changes with every field that one may have.
    files = [arguments.work / f"{digest_of(dict(point))}.json" for point, _ in points]
    _train_missing(recipe, list(zip(points, files, strict=True))[part - 1 :: n_parts])
    missing = sum(not file.exists() for file in files)
    if missing:
        print(f"{missing} of {len(files)} configurations are not trained yet")
        return
    rows = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    write_table(arguments.out, recipe, rows)
    print(f"{len(rows)} configurations in {arguments.out}")


def drawn(recipe: Recipe, n: int) -> list[tuple[Mapping[str, Scalar], TrialConfig]]:
    """Return ``n`` different configurations: the default and uniform draws."""
    space = recipe.space
    rng = np.random.default_rng(recipe.seed)
    found: dict[str, tuple[Mapping[str, Scalar], TrialConfig]] = {}
    point: Mapping[str, Scalar] = space.default_point()
    while len(found) < n:
        config = space.config_of(point)
        found.setdefault(config.digest, (point, config))
        point = uniform(space, rng.random)
    return list(found.values())


def write_table(path: Path, recipe: Recipe, rows: list[dict[str, object]]) -> None:
    """Write the trainings as one file, the same bytes for the same trainings."""
    document = {"recipe": recipe.to_plain(), "rows": rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = gzip.compress(json.dumps(document, sort_keys=True).encode(), mtime=0)
    path.write_bytes(packed)


def _train_missing(
    recipe: Recipe, work: list[tuple[tuple[Mapping[str, Scalar], TrialConfig], Path]]
) -> None:
    size = work[0][0][1].backbone.image_size
    splits = load_data(recipe.data, image_size=size, root=None, load_test=False).splits
    trainable = make_trainable(splits)
    for (point, config), file in work:
        if file.exists():
            continue
        began = time.monotonic()
        epochs, failure = _trained(recipe, trainable, point, config)
        row = {"point": dict(point), "epochs": epochs, "failure": failure}
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(row), encoding="utf-8")
        partial.replace(file)
        print(f"{file.stem} {time.monotonic() - began:.1f} s {epochs[-1:]} {failure}", flush=True)


def _trained(
    recipe: Recipe, trainable: Trainable, point: Mapping[str, Scalar], config: TrialConfig
) -> tuple[list[dict[str, float]], str]:
    """Return what each epoch gave, and why there are no more, if it failed."""
    epochs: list[dict[str, float]] = []

    def report(epoch: int, values: Mapping[str, float]) -> Decision:
        del epoch
        epochs.append(dict(_kept(recipe, values)))
        return Decision.CONTINUE

    with tempfile.TemporaryDirectory() as folder:
        order = TrialOrder(
            number=0,
            attempt=1,
            point=dict(point),
            config=config.to_plain(),
            seed=recipe.seed,
            folder=str(Path(folder) / "trial"),
            resources={"cpu": 1.0},
        )
        try:
            trainable(order, report)
        except AutomtlError as error:
            return epochs, str(error)
    return epochs, ""


def _kept(recipe: Recipe, values: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    for metric in (*(o.metric for o in recipe.objectives), *KEPT):
        yield metric, round(values[metric], 5)


if __name__ == "__main__":
    main()
