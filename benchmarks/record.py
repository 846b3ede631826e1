"""The last line of every benchmark: one JSON object with figures, goals, machine and versions."""

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

VERSIONS = ("torch", "torchvision", "torchjd", "optuna", "ray", "mlflow", "numpy")


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure with what it should be.

    Attributes:
        value: What was measured.
        goal: What it should be.
        sense: ``<=`` or ``>=``.
    """

    value: float
    goal: float
    sense: Literal["<=", ">="]

    @property
    def is_met(self) -> bool:
        """Whether the value is on the right side of the goal."""
        return self.value <= self.goal if self.sense == "<=" else self.value >= self.goal


def record(figures: Mapping[str, float], goals: Mapping[str, Goal]) -> dict[str, object]:
    """Return the object that a benchmark ends with."""
    return {
        "figures": dict(figures),
        "goals": {
            name: {"value": g.value, "goal": g.goal, "sense": g.sense, "met": g.is_met}
            for name, g in goals.items()
        },
        "machine": machine(),
        "versions": {"python": platform.python_version(), **{n: version(n) for n in VERSIONS}},
    }


def print_record(figures: Mapping[str, float], goals: Mapping[str, Goal]) -> None:
    """Print the record as the last line. A goal that was missed says so; it is no error."""
    print(json.dumps(record(figures, goals), allow_nan=False), flush=True)


def machine() -> dict[str, object]:
    """Describe where the figures are from, without naming the machine."""
    return {
        "system": platform.system(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
