"""How trials and metrics are called in tables and notes."""

import math
from collections.abc import Mapping, Sequence

from automtl.analysis.rung_standing import RungStanding
from automtl.config import TrialConfig
from automtl.config.backbones import N_STAGES
from automtl.results import TrialRecord


def short(metric: str) -> str:
    """Return the part of a metric's name that fits a column.

    >>> short("detection/mAP")
    'mAP'
    """
    return metric.rsplit("/", 1)[-1]


def number(value: float | None) -> str:
    """Render a metric for a column.

    >>> number(0.61249), number(66612.0), number(None), number(0.0)
    ('0.612', '66,612', '-', '0.000')

    A small number is not shown as none:

    >>> number(0.000234), number(-3e-9)
    ('2.3e-04', '-3.0e-09')
    """
    if value is None:
        return "-"
    if 0 < abs(value) < 0.0005:
        return f"{value:.1e}"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"


def rung_line(rung: RungStanding) -> str:
    """Say how many a rung left behind and how well it tells the end."""
    tells = (
        f"rank correlation with the end {rung.kendall:.2f} (surely {rung.kendall_low:.2f})"
        if math.isfinite(rung.kendall)
        else "too few have finished to say how well it tells the end"
    )
    return (
        f"epoch {rung.epoch}: {rung.n_arrived} came, {rung.n_went_on} went on, "
        f"{len(rung.waiting)} wait, {len(rung.stopped)} stopped; one in {rung.eta:.1f} goes on; "
        f"{tells}"
    )


def tree_of(record: TrialRecord) -> str:
    """Say which tasks share how many stages of the backbone.

    ``all 2, seg+tra 4`` reads: three tasks share 2 stages, two of them share 4.
    """
    try:
        config = TrialConfig.from_plain(record.config)
    except ValueError:  # another program's trainable: its configuration is free
        return "-"
    names = [task[:3] for task in config.sharing.order]
    splits = _clamped(config.sharing.split_after, n_stages(config.backbone.name))
    # Sorted: the same tree has the same name, whatever the chain that wrote it.
    return ", ".join(sorted(_shared(names, splits), key=_by_depth)) or (
        "apart" if len(names) > 1 else f"{names[0]} alone"
    )


def n_stages(backbone: str) -> int | None:
    """Return how many stages a built-in backbone has, without loading torch to ask it."""
    return N_STAGES.get(backbone)


def _by_depth(group: str) -> tuple[int, str]:
    return int(group.rsplit(" ", 1)[-1]), group


def _clamped(splits: Sequence[int], stages: int | None) -> list[int]:
    return [split if stages is None else min(split, stages) for split in splits]


def _shared(names: Sequence[str], splits: Sequence[int]) -> list[str]:
    """Name each group of neighbours that shares more stages than the group around it."""
    found = []
    for depth in sorted(set(splits) - {0}):
        start = 0
        for i in range(len(names)):
            if i < len(splits) and splits[i] >= depth:
                continue
            if i > start and min(splits[start:i]) == depth:
                whole = i - start + 1 == len(names)
                found.append(
                    f"{'all' if whole else '+'.join(sorted(names[start : i + 1]))} {depth}"
                )
            start = i + 1
    return found


def kind_of(record: TrialRecord, part: str) -> str:
    """Return the ``kind`` of a part of a trial's configuration."""
    value = record.config.get(part)
    return str(value.get("kind", "-")) if isinstance(value, Mapping) else "-"
