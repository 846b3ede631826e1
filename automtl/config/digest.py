"""A digest of plain values."""

import hashlib
import json


def digest_of(plain: object) -> str:
    """Digest of a JSON-like value that does not depend on the order of keys.

    >>> digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    True
    """
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
