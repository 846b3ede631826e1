"""The `base` of a recipe: a configuration, as far as it is well formed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from automtl.config import TrialConfig
from automtl.space.mistakes import Mistake, from_pydantic, in_base
from automtl.space.paths import nested
from automtl.space.yaml_lines import KeyPath

MAX_MENDS = 4
"""What is left may show a mistake that another one hid, so it is looked at again."""

PLAIN_PARTS = ("backbone", "heads", "optimizer")
"""Each of their keys has a default of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What could be read.

    Attributes:
        config: With the default where something was wrong; None if nothing can be made of it.
        broken: Dotted paths of what the configuration lacks for it.
        mistakes: What was wrong.
    """

    config: TrialConfig | None
    broken: frozenset[str]
    mistakes: tuple[Mistake, ...]

    @property
    def whole(self) -> TrialConfig | None:
        """The configuration if nothing was wrong."""
        return None if self.mistakes else self.config

    @property
    def with_tasks(self) -> TrialConfig | None:
        """The configuration if its tasks are as they were written."""
        return None if self.broken & {"sharing", "imports"} else self.config


def read_base(written: Mapping[str, object]) -> Base:
    """Read a recipe's `base`, whose keys may be dotted."""
    plain: Any = nested(written)
    found: list[Mistake] = []
    broken: set[str] = set()
    for _ in range(MAX_MENDS):
        try:
            config = TrialConfig.from_plain(plain)
        except ValidationError as error:
            for one in from_pydantic(error, plain, TrialConfig.model_json_schema(), ("base",)):
                path = one.path[1:]
                found.append(replace(one, path=in_base(path, written)))
                n_parts = 2 if path[:1] and path[0] in PLAIN_PARTS else 1
                broken.add(".".join(map(str, path[:n_parts])))
                _drop(plain, path)
        else:
            return Base(config=config, broken=frozenset(broken), mistakes=tuple(found))
    return Base(config=None, broken=frozenset(broken), mistakes=tuple(found))


def _drop(plain: Any, path: KeyPath) -> None:
    """Take out what is wrong; of a part whose keys hang together, all of it."""
    if not path:
        return
    part = plain.get(path[0])
    if path[0] in PLAIN_PARTS and len(path) > 1 and isinstance(part, dict):
        part.pop(path[1], None)
    else:
        plain.pop(path[0], None)
