"""The run of a model that was trained further: what its bundle says of the training."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automtl.experiment_log.updates import valid_key

POINTS_IN_A_CALL = 1000
"""MLflow's own limit."""


def log_training(client: Any, run: str, bundle: Path) -> None:
    """Log curves, values before and after, parameters and lineage.

    Args:
        client: MLflow's.
        run: Id of the run.
        bundle: Its ``metrics.json`` and ``config.json`` are read; both are data alone.
    """
    from mlflow.entities import Metric, Param, RunTag

    measured = json.loads((bundle / "metrics.json").read_text(encoding="utf-8"))
    stated = json.loads((bundle / "config.json").read_text(encoding="utf-8"))
    curves = [
        Metric(key, value, round(1000 * each["time_s"]), each["epoch"])
        for each in measured.get("epochs", ())
        for key, value in _finite(each["values"]).items()
    ]
    # At fixed times: what is sent again adds nothing.
    last = max((metric.timestamp for metric in curves), default=0)
    curves += [
        Metric(f"{prefix}{key}", value, last, 0)
        for prefix, name in (("before/", "before"), ("final/", "validation"))
        for key, value in _finite(measured.get(name) or {}).items()
    ]
    for start in range(0, len(curves), POINTS_IN_A_CALL):
        client.log_batch(run, metrics=curves[start : start + POINTS_IN_A_CALL])
    optimizer, parent = stated["config"]["optimizer"], stated["parent"] or {}
    params = {f"optimizer.{name}": optimizer[name] for name in ("lr", "epochs", "steps_per_epoch")}
    params |= {"frozen": "+".join(parent.get("frozen", ())) or "nothing", "seed": stated["seed"]}
    tags = {
        "automtl.parent_bundle": parent.get("digest", ""),
        "automtl.added": ", ".join(parent.get("added", ())),
        "automtl.config_digest": stated["config_digest"],
        "automtl.data_digest": stated["data"]["digest"],
    }
    client.log_batch(
        run,
        params=[Param(key, str(value)) for key, value in params.items()],
        tags=[RunTag(key, value) for key, value in tags.items() if value],
    )


def _finite(values: Mapping[str, float | None]) -> dict[str, float]:
    return {
        valid_key(key): value
        for key, value in values.items()
        if value is not None and math.isfinite(value)
    }
