"""How the command line prints: one console, plain text, lines that are never cut or marked up."""

import sys

from rich.console import Console

PLAIN_WIDTH = 120
"""Columns where nobody tells a width (a pipe, a file): tables must not fold as on 80."""

OK, FAILED, MISTAKE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: done; nothing was trained or an invariant is violated; the user's; Ctrl-C."""


def make_console() -> Console:
    """Return a console that prints text as it is: a path with [brackets] is no markup."""
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False)


def say(console: Console, text: str, style: str | None = None) -> None:
    """Print whole lines; the terminal folds them, so that a copied command stays one line."""
    console.print(text, style=style, soft_wrap=True)


def complain(text: str) -> None:
    """Print a user's mistake on standard error."""
    print(f"automtl: {text}", file=sys.stderr)
