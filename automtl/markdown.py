"""Foreign text in Markdown: names and sentences of others stay text."""

_SIGNS = "\\`*[]|"
_NO_END = str.maketrans("`|", "'¦")
_BEGINS = ("#", "-", "+", ">", "=")


def as_text(text: str) -> str:
    r"""Keep a text from making a link, HTML, a heading or another column.

    >>> as_text("a|b <script>"), as_text("[x](javascript:y)")
    ('a\\|b &lt;script&gt;', '\\[x\\](javascript:y)')
    """
    line = "".join(f"\\{c}" if c in _SIGNS else c for c in " ".join(text.split()))
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # An address by itself would become a link.
    line = line.replace("://", "&#58;//")
    return f"\\{line}" if line.startswith(_BEGINS) else line


def as_code(text: str) -> str:
    """Show a text as code, which nothing in it can end, nor the column in which it stands.

    >>> as_code("a`b|c")
    "`a'b¦c`"
    """
    return f"`{' '.join(text.split()).translate(_NO_END)}`"
