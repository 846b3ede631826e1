"""How large files of data may be, and how foreign text is shown in a message."""

MAX_PIXELS = 100_000_000
"""Pixels of a map of labels that is not a picture; for pictures Pillow has its own limit."""

MAX_JSON_BYTES = 1 << 30
"""Of a COCO file: that of COCO's own training split has 0.45 * 2**30."""

MAX_TEXT_BYTES = 64 << 20
"""Of a text file of boxes, about a million lines."""

MAX_SHOWN = 80


def printable(text: str) -> str:
    r"""Return foreign text without control characters, line breaks and bytes that are no text.

    >>> printable("a\x1b[31m\n\udcff.png")
    'a\\x1b[31m\\n\\udcff.png'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shown(text: str) -> str:
    """Return foreign text for a message: quoted, without control characters, not too long.

    >>> shown("a" * 200) == repr("a" * 80) + "..."
    True
    """
    return repr(text[:MAX_SHOWN]) + ("..." if len(text) > MAX_SHOWN else "")
