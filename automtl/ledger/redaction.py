"""Passwords out of messages: for URLs of databases and of servers."""

import re
from urllib.parse import parse_qsl, urlsplit

_HIDDEN = "***"
# Greedy up to the last @: a password may hold one itself.
_AFTER_SCHEME = re.compile(r"(\w://[^\s:/@]*):\S*@")
_WITHOUT_SCHEME = re.compile(r"(?<![\w/*])([\w.-]+):(?!//)[^\s@]+@")
_IN_QUERY = re.compile(r"((?:password|passwd|pwd|token|secret)=)[^\s&'\"]+", re.IGNORECASE)


def redacted(text: str) -> str:
    """Return a text without the passwords of the URLs in it.

    >>> redacted("no answer from postgresql://me:pass@word@host/db?sslpassword=key")
    'no answer from postgresql://me:***@host/db?sslpassword=***'
    """
    text = _AFTER_SCHEME.sub(rf"\1:{_HIDDEN}@", text)
    text = _WITHOUT_SCHEME.sub(rf"\1:{_HIDDEN}@", text)
    return _IN_QUERY.sub(rf"\1{_HIDDEN}", text)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text without passwords, or its type if it has none."""
    lines = str(error).strip().splitlines()
    return redacted(lines[0]) if lines else type(error).__name__


def has_password(url: str) -> bool:
    """Whether an address says a password, in front of its host or in its query.

    >>> has_password("postgresql://me:word@host/db"), has_password("postgresql://me:@host/db")
    (True, False)
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # no address at all; whoever opens it says so
        return False
    query = "&".join(f"{name}={value}" for name, value in parse_qsl(parts.query))
    return bool(parts.password) or redacted(query) != query
