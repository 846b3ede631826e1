"""The small file from which every reported figure is drawn again: trainings and searches.

Each training is added when it ends, whoever trains it, so that hours of work can be spread over
many runs, several processes, and several machines (``--add``).
"""

import fcntl
import gzip
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from automtl.data.table import DataInfo
from automtl.results import TrialRecord
from benchmarks.results.trainings import Outcome, outcome_of, plain

KEPT = Path(__file__).parent.parent / "data" / "results.json.gz"
LEFT_OUT = ("/detection", "/segmentation", "/tracking")
"""Costs by task: what the whole training took is enough, and half as large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """A search that was done.

    Attributes:
        history: Its trials.
        info: Classes and picture size of its data.
    """

    history: tuple[TrialRecord, ...]
    info: DataInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the file holds.

    Attributes:
        trainings: All outcomes; of one key there is one of each version of the program.
        studies: The searches, by name.
        virtual: What was found in virtual time, by name: plain JSON.
    """

    trainings: tuple[Outcome, ...] = ()
    studies: Mapping[str, Searched] = field(default_factory=dict)
    virtual: Mapping[str, Any] = field(default_factory=dict)


def keep(
    path: Path,
    outcomes: Iterable[Outcome] = (),
    *,
    studies: Mapping[str, Searched] = MappingProxyType({}),
    virtual: Mapping[str, Any] = MappingProxyType({}),
) -> Kept:
    """Add to what the file has, and return all of it.

    The same content gives the same bytes, whatever the order in which it came. Processes that add
    at the same time wait for one another.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path.parent):
        before = kept(path)
        rows = {(one.key, one.code): one for one in (*before.trainings, *outcomes)}
        after = Kept(
            trainings=tuple(rows[place] for place in sorted(rows)),
            studies={**before.studies, **studies},
            virtual={**before.virtual, **virtual},
        )
        partial = path.with_suffix(".partial")
        partial.write_bytes(_packed(after))
        partial.replace(path)
    return after


def kept(path: Path = KEPT) -> Kept:
    """Return what the file holds, nothing where there is none."""
    if not path.exists():
        return Kept()
    document = json.loads(gzip.decompress(path.read_bytes()))
    return Kept(
        trainings=tuple(outcome_of(row) for row in document["trainings"]),
        studies={
            name: Searched(
                history=tuple(TrialRecord.model_validate(row) for row in study["history"]),
                info=_info(study["info"]),
            )
            for name, study in document["studies"].items()
        },
        virtual=document["virtual"],
    )


def _packed(found: Kept) -> bytes:
    document = {
        "trainings": [_short(plain(outcome)) for outcome in found.trainings],
        "studies": {
            name: {
                "history": [record.model_dump(mode="json") for record in study.history],
                "info": asdict(study.info),
            }
            for name, study in found.studies.items()
        },
        "virtual": dict(found.virtual),
    }
    return gzip.compress(json.dumps(document, sort_keys=True).encode(), mtime=0)


def _short(row: dict[str, object]) -> dict[str, object]:
    values = row["validation"]
    assert isinstance(values, dict)
    is_kept = {k: not (k.startswith("cost/") and k.endswith(LEFT_OUT)) for k in values}
    return {**row, "validation": {k: v for k, v in values.items() if is_kept[k]}}


def _info(plain_info: Mapping[str, Any]) -> DataInfo:
    found: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in plain_info.items()
    }
    return DataInfo(**found)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: no file beside the kept one is needed."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)
