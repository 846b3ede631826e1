"""A section of `docs/results.md`: question, protocol, table, figure, answer, limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import plotly.graph_objects as go

from automtl.config import digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What is said of a question.

    Attributes:
        name: Of the question, as typed after ``--only``.
        title: Heading.
        asks: The question.
        protocol: What was done.
        answer: One sentence without its full stop, or that there is none yet.
        details: The answer's figures, a sentence for each kind of data, without full stops.
        tables: In Markdown, by the data set's title; empty where nothing was measured.
        figures: By the same titles; fewer, where there is nothing to draw.
        limits: What the figures do not say.
        alone: Whether the tables are of one kind of data, so that no heading names it.
    """

    name: str
    title: str
    asks: str
    protocol: str
    answer: str
    details: tuple[str, ...] = ()
    tables: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, go.Figure] = field(default_factory=dict)
    limits: str
    alone: bool = False

    def markdown(self) -> str:
        """Return the section as it stands on the page."""
        parts = [
            f"## {self.title}",
            f"**Question.** {self.asks}",
            f"**Protocol.** {self.protocol}",
        ]
        for title, table in self.tables.items():
            parts += [] if self.alone else [f"### {title}"]
            parts.append(table.rstrip())
            if title in self.figures:
                parts.append(f"![{self.title}: {title}](pictures/{self.picture(title)})")
        details = "\n".join(f"- {one}." for one in self.details)
        parts += [f"**Answer.** {self.said}", *([details] if details else [])]
        parts.append(f"**Limits.** {self.limits}")
        return "\n\n".join(parts) + "\n"

    @property
    def said(self) -> str:
        """The answer as a sentence."""
        return f"{self.answer[0].upper()}{self.answer[1:]}."

    def picture(self, title: str) -> str:
        """Return the file name of a figure."""
        words = [self.name] if self.alone else [self.name, *title.lower().split()]
        return f"results-{'-'.join(words)}.png"

    def drawn_of(self, title: str) -> str:
        """Return a digest of what a figure shows; the picture's file carries it."""
        return digest_of(self.tables[title])


def waiting(n_done: int, n_seeds: int) -> str:
    """Say that there is no answer yet.

    >>> waiting(2, 5)
    'not answered yet (2 of 5 seeds)'
    """
    return f"not answered yet ({n_done} of {n_seeds} seeds)"
