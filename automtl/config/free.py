"""The configuration of a trial that trains code of the user's own: its parameters, no more."""

from collections.abc import Mapping
from dataclasses import dataclass

from automtl.config.digest import digest_of


@dataclass(frozen=True, slots=True)
class FreeConfig:
    """Parameters by name, as the user's code gets them.

    Attributes:
        values: Those that exist at the trial's point.
    """

    values: Mapping[str, float | int | str | bool]

    def to_plain(self) -> dict[str, object]:
        """Return a dict of JSON types."""
        return dict(self.values)

    @property
    def digest(self) -> str:
        """Digest of the values."""
        return digest_of(self.to_plain())
