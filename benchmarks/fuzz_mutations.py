"""Small changes that make a valid file a hostile one: of its bytes, its lines, or its values.

All draw from a ``random.Random`` that is passed in, so that an input can be made again.
"""

import random
from collections.abc import Callable
from typing import Any

HOSTILE: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    2**70,
    10**400,
    0.5,
    1e308,
    -1e308,
    float("inf"),
    float("nan"),
    "",
    "none",
    "\0",
    "../x",
    "/etc/passwd",
    "..\\x",
    "\u202ea\ufeff",
    "<script>alert(1)</script>",
    "a" * 10_000,
    "os:system",
    [],
    {},
    [[]],
    {"": ""},
    {"a": {"b": {"c": 1}}},
)
"""Values of a wrong kind or size."""

TOKENS = (
    "",
    "-1",
    "0",
    "1e999",
    "nan",
    str(2**70),
    "9" * 5000,
    "x",
    "\0",
    '"',
    "[",
    "{",
    ",",
    " ",
)
"""Words that take the place of a number in a text."""

Node = dict[Any, Any] | list[Any]


def mutated_bytes(content: bytes, rng: random.Random) -> bytes:
    """Flip, cut, repeat or overwrite some bytes."""
    if not content:
        return rng.randbytes(20)
    at, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    end = min(end, at + 200)
    noise, same = rng.randbytes(rng.randrange(1, 9)), rng.choice([b"\xff", b"\0"])
    changed = (
        content[:at],
        content[:at] + content[end:],
        content[:end] + content[at:],
        content[:at] + noise + content[at:],
        content[:at] + same * (end - at) + content[end:],
        _flipped(content, rng),
    )
    return rng.choice(changed)


def _flipped(content: bytes, rng: random.Random) -> bytes:
    flipped = bytearray(content)
    for _ in range(rng.randrange(1, 9)):
        flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
    return bytes(flipped)


def mutated_text(text: str, rng: random.Random) -> str:
    """Drop, repeat, swap or spoil some lines."""
    lines = text.split("\n")
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(5):
        case 0:
            del lines[at]
        case 1:
            lines[at:at] = [lines[other]] * rng.randrange(1, 4)
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at] = _spoilt(lines[at], rng)
        case _:
            lines[at] = " " * rng.randrange(9) + lines[at].lstrip()
    return "\n".join(lines)


def _spoilt(line: str, rng: random.Random) -> str:
    for separator in rng.sample([",", " ", ":"], 3):
        words = line.split(separator)
        if len(words) > 1:
            words[rng.randrange(len(words))] = rng.choice(TOKENS)
            return separator.join(words * rng.choice([1, 1, 1, 10]))
    return rng.choice(TOKENS)


def mutated_tree(tree: Node, rng: random.Random) -> Node:
    """Drop, repeat, rename, swap or replace one entry, in place; return the tree."""
    nodes = list(_nodes(tree))
    node = rng.choice(nodes)
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    if not keys:
        _put(node, rng, rng.choice(HOSTILE))
        return tree
    key, other = rng.choice(keys), rng.choice(keys)
    match rng.randrange(7):
        case 0:
            del node[key]
        case 1:
            node[key], node[other] = node[other], node[key]
        case 2:
            _put(node, rng, node[key])
        case 3:
            node[key] = _copy(rng.choice(nodes))
        case 4:
            node[key] = _deep(node[key], rng)
        case _:
            node[key] = rng.choice(HOSTILE)
    return tree


def _nodes(tree: Any) -> list[Node]:
    found: list[Node] = []
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, dict | list):
            found.append(node)
            pending.extend(node.values() if isinstance(node, dict) else node)
    return found


def _put(node: Node, rng: random.Random, value: Any) -> None:
    if isinstance(node, list):
        node.insert(rng.randrange(len(node) + 1), _copy(value))
        return
    names = [*node, "", "a.b", "kind", "when", "é", "x" * 300]
    word = str(rng.choice(names))
    node[rng.choice([word, word[:-1], word + "s", word.upper()])] = _copy(value)


def _copy(value: Any) -> Any:
    """Return a copy: a node within itself would be no tree."""
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value


def _deep(value: Any, rng: random.Random) -> Any:
    wrap: Callable[[Any], Any] = rng.choice([lambda v: [v], lambda v: {"a": v}])
    for _ in range(rng.choice([1, 2, 40])):
        value = wrap(value)
    return value
