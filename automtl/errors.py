"""The errors a user can meet: what, where, and what to do, on one line."""

import difflib
from collections.abc import Iterable

from typing_extensions import override

_MAX_LINE = 4000


class AutomtlError(Exception):
    """A mistake or a circumstance that the user can mend.

    Args:
        what: What is wrong, with the value found.
        where: File and line, or the field, if known.
        fix: What to do or to run next.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what = what
        self.where = where
        self.fix = fix
        super().__init__(what)

    @override
    def __str__(self) -> str:
        """Render as ``where: what. fix`` on one line."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        line = f"{head.rstrip('.')}. {self.fix}" if self.fix else head
        return plain_line(" ".join(line.split()))

    @override
    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes with all three parts."""
        return _rebuild, (type(self), self.what, self.where, self.fix)


class RecipeError(AutomtlError):
    """A recipe that cannot be used. ``str`` has one line for each mistake found."""

    @override
    def __str__(self) -> str:
        """Keep one line for each mistake: a recipe is mended in one go."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        text = f"{head.rstrip('.')}. {self.fix}" if self.fix else head
        return "\n".join(map(plain_line, text.split("\n")))


class DataError(AutomtlError):
    """Frames or labels that cannot be used."""


class DeviceError(AutomtlError):
    """A device that was asked for and is not there."""


class LedgerError(AutomtlError):
    """A ledger that cannot be opened, is held by another controller, or is inconsistent."""


class BundleError(AutomtlError):
    """A bundle that cannot be read or does not fit."""


class StorageError(AutomtlError):
    """Files that cannot be stored, or not be read back."""


class DispatchError(AutomtlError):
    """Trials cannot be run here."""


class TrialFailedError(AutomtlError):
    """A trial cannot go on, for a typed reason that is not the user's mistake.

    Args:
        kind: The reason's kind; see :class:`automtl.results.FailureKind`.
        what: One line.
    """

    exit_code = 1

    def __init__(self, kind: str, what: str) -> None:
        self.kind = kind
        super().__init__(what)

    @override
    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes with kind and message."""
        return TrialFailedError, (self.kind, self.what)


def plain_line(line: str) -> str:
    r"""Return a line that a terminal shows as it is: foreign text may hold commands to it.

    >>> print(plain_line("class \x1b[31m"))
    class \x1b[31m
    """
    if len(line) > _MAX_LINE:
        line = f"{line[: _MAX_LINE // 2]} ... {line[-_MAX_LINE // 2 :]}"
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    return "".join(shown)


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name nearest to ``name``, or None if nothing is near.

    >>> closest("objektives", ["objectives", "parameters"])
    'objectives'
    """
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def _rebuild(
    kind: type[AutomtlError], what: str, where: str | None, fix: str | None
) -> AutomtlError:
    return kind(what, where=where, fix=fix)
