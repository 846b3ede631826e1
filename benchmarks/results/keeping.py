"""The small file from which every reported figure is drawn again: trainings and searches."""

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from automtl.results import TrialRecord
from benchmarks.results.trainings import Outcome, outcome_of, plain

KEPT = Path(__file__).parent.parent / "data" / "results.json.gz"
LEFT_OUT = ("/detection", "/segmentation", "/tracking")
"""Costs by task: what the whole training took is enough, and half as large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the file holds.

    Attributes:
        trainings: All outcomes, by key.
        studies: The trials of each search, by its name.
    """

    trainings: Mapping[str, Outcome] = field(default_factory=dict)
    studies: Mapping[str, tuple[TrialRecord, ...]] = field(default_factory=dict)


def keep(
    outcomes: Iterable[Outcome],
    path: Path = KEPT,
    *,
    studies: Mapping[str, tuple[TrialRecord, ...]] = MappingProxyType({}),
) -> int:
    """Add trainings and studies to those that the file has; return how many trainings that are.

    The same trainings give the same bytes, whatever the order in which they came.
    """
    before = kept(path)
    found = {**before.trainings, **{outcome.key: outcome for outcome in outcomes}}
    document = {
        "trainings": [_short(plain(found[key])) for key in sorted(found)],
        "studies": {
            name: [record.model_dump(mode="json") for record in history]
            for name, history in {**before.studies, **studies}.items()
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(document, sort_keys=True).encode(), mtime=0))
    return len(found)


def kept(path: Path = KEPT) -> Kept:
    """Return what the file holds, nothing where there is none."""
    if not path.exists():
        return Kept()
    document = json.loads(gzip.decompress(path.read_bytes()))
    outcomes = [outcome_of(row) for row in document["trainings"]]
    return Kept(
        trainings={outcome.key: outcome for outcome in outcomes},
        studies={
            name: tuple(TrialRecord.model_validate(record) for record in history)
            for name, history in document["studies"].items()
        },
    )


def unpack(work: Path, path: Path = KEPT) -> int:
    """Put the kept trainings that ``work`` lacks there, and return how many that were."""
    work.mkdir(parents=True, exist_ok=True)
    missing = [
        outcome
        for key, outcome in kept(path).trainings.items()
        if not (work / f"{key}.json").exists()
    ]
    for outcome in missing:
        (work / f"{outcome.key}.json").write_text(json.dumps(plain(outcome)), encoding="utf-8")
    return len(missing)


def _short(row: dict[str, object]) -> dict[str, object]:
    values = row["validation"]
    assert isinstance(values, dict)
    is_kept = {k: not (k.startswith("cost/") and k.endswith(LEFT_OUT)) for k in values}
    return {**row, "validation": {k: v for k, v in values.items() if is_kept[k]}}
