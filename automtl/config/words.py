"""What docstrings say of the attributes of a model, for schemas and pages."""

import inspect
import re

_ENTRY = re.compile(r"^(\w+): (.*)$")


def attribute_words(kind: type) -> dict[str, str]:
    """Return by name what a class and those it inherits from say under ``Attributes``."""
    found: dict[str, str] = {}
    for parent in reversed(kind.__mro__):
        found |= _entries(parent.__dict__.get("__doc__") or "")
    return found


def first_sentence(kind: type) -> str:
    """Return the first paragraph of a class's docstring, on one line."""
    return " ".join(inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].split())


def _entries(docstring: str) -> dict[str, str]:
    r"""Read a section of ``name: words``, whose further lines stand deeper.

    >>> _entries("A.\n\n    Attributes:\n        a: One\n            line.\n        b: Two.")
    {'a': 'One line.', 'b': 'Two.'}
    """
    _, _, section = inspect.cleandoc(docstring).partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc("\n" + section.split("\n\n")[0]).splitlines():
        entry = _ENTRY.match(line)
        if entry is not None:
            name, words = entry.groups()
            found[name] = words
        elif name:
            found[name] += f" {line.strip()}"
    return found
