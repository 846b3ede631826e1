"""What a training's figures depend on besides its seed: what is stated, and the code."""

import ast
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel

ROOT = Path(__file__).parents[2]
SOURCES = (
    "automtl/config/*.py",
    "automtl/data/*.py",
    "automtl/fusion/*.py",
    "automtl/model/*.py",
    "automtl/pasting/*.py",
    "automtl/sources.py",
    "automtl/tasks/*.py",
    "automtl/training/**/*.py",
)
"""What decides what a training gives: data, networks, losses, steps, metrics."""

PACKAGES = ("numpy", "pillow", "scipy", "torch", "torchvision")
ALWAYS_STATED = ("kind", "name")


def stated(value: object) -> object:
    """Return JSON types of a configuration, without what is as by default.

    So a key that the program learns later, and that nobody states, changes no digest. What the
    default means is part of the code's digest. Kinds and names always stay: they say which
    defaults are meant.
    """
    match value:
        case BaseModel():
            fields = type(value).model_fields
            return {
                name: stated(getattr(value, name))
                for name, field in fields.items()
                if name in ALWAYS_STATED
                or getattr(value, name) != field.get_default(call_default_factory=True)
            }
        case Mapping():
            return {str(key): stated(entry) for key, entry in value.items()}
        case list() | tuple():
            return [stated(entry) for entry in value]
        case _:
            return value


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return a digest of the code that decides what a training gives; comments do not count."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in SOURCES for path in ROOT.glob(pattern)):
        digest.update(code_of(path.read_text(encoding="utf-8")).encode())
    digest.update(repr([(name, version(name)) for name in PACKAGES]).encode())
    return digest.hexdigest()[:12]


def code_of(source: str) -> str:
    """Return a text that is the same for the same program, whatever is said about it.

    >>> code_of("a = 1  # one") == code_of("'Words.'; a = 1")
    True
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [line for line in body if not _is_text(line)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(line: ast.AST) -> bool:
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    )
