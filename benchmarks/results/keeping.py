"""The small file from which every reported figure is drawn again: all trainings, packed."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

from benchmarks.results.trainings import Outcome, outcome_of, plain

KEPT = Path(__file__).parent.parent / "data" / "results.json.gz"
LEFT_OUT = ("/detection", "/segmentation", "/tracking")
"""Costs by task: what the whole training took is enough, and half as large."""


def keep(outcomes: Iterable[Outcome], path: Path = KEPT) -> int:
    """Add trainings to those that the file has, and return how many it has then.

    The same trainings give the same bytes, whatever the order in which they came.
    """
    found = {outcome.key: outcome for outcome in kept(path)}
    found |= {outcome.key: outcome for outcome in outcomes}
    rows = [_short(plain(found[key])) for key in sorted(found)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(rows, sort_keys=True).encode(), mtime=0))
    return len(rows)


def kept(path: Path = KEPT) -> tuple[Outcome, ...]:
    """Return the trainings of the file, none where there is no file."""
    if not path.exists():
        return ()
    return tuple(outcome_of(row) for row in json.loads(gzip.decompress(path.read_bytes())))


def unpack(work: Path, path: Path = KEPT) -> int:
    """Put the kept trainings that ``work`` lacks there, and return how many that were."""
    work.mkdir(parents=True, exist_ok=True)
    missing = [o for o in kept(path) if not (work / f"{o.key}.json").exists()]
    for outcome in missing:
        (work / f"{outcome.key}.json").write_text(json.dumps(plain(outcome)), encoding="utf-8")
    return len(missing)


def _short(row: dict[str, object]) -> dict[str, object]:
    values = row["validation"]
    assert isinstance(values, dict)
    is_kept = {k: not (k.startswith("cost/") and k.endswith(LEFT_OUT)) for k in values}
    return {**row, "validation": {k: v for k, v in values.items() if is_kept[k]}}
