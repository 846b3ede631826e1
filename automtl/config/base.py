"""What all parts of a configuration have in common."""

import hashlib
import json
from collections.abc import Collection, Sequence

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value: immutable, closed to unknown keys, equal by content."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Part(Frozen):
    """A part of a trial that may name tasks."""

    def check_tasks(self, tasks: Sequence[str]) -> None:
        """Raise ``ValueError`` if the part does not fit the trial's tasks."""
        del tasks


def refuse_unknown_tasks(named: Collection[str], tasks: Sequence[str], *, where: str) -> None:
    """Raise ``ValueError`` if a part names tasks that the trial does not have."""
    unknown = sorted(set(named) - set(tasks))
    if unknown:
        msg = f"`{where}` names {unknown}, which `sharing.order` does not"
        raise ValueError(msg)


def digest_of(plain: object) -> str:
    """Digest of a JSON-like value that does not depend on the order of keys.

    >>> digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    True
    """
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
