"""What is found out about an installation, one thing at a time."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    NOTE = "note"
    """It works; something better could be had."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What.
        state: How it is.
        says: What was found, on one line.
        fix: What to run or to do; empty where nothing has to be done.
    """

    name: str
    state: State
    says: str
    fix: str = ""


def fine(name: str, says: str) -> Finding:
    """Return a finding of what is as it should be."""
    return Finding(name=name, state=State.OK, says=says)


def note(name: str, says: str, fix: str) -> Finding:
    """Return a finding of what works and could be better."""
    return Finding(name=name, state=State.NOTE, says=says, fix=fix)


def wrong(name: str, says: str, fix: str) -> Finding:
    """Return a finding of what has to be mended."""
    return Finding(name=name, state=State.WRONG, says=" ".join(says.split()), fix=fix)
