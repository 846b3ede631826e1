"""Dataclasses from plain values: what fits is read back, everything else is named."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.plain import PlacedError, PlainError, Within, check_limits, read, to_plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    share: Annotated[float, Within(least=0, below=1)]
    kind: Literal["a", "b"] = "a"

    def __post_init__(self) -> None:
        if self.kind == "b" and self.share == 0:
            msg = "b needs a share"
            raise PlacedError(msg, ("share",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    name: Annotated[str, Within(least=1, most=5)]
    count: int
    is_on: bool
    size: tuple[int, int]
    names: Annotated[tuple[str, ...], Within(most=3)]
    inner: Inner
    more: Mapping[str, float] = field(default_factory=dict)
    maybe: Inner | None = None
    anything: object = None


inners = st.builds(
    Inner,
    share=st.floats(min_value=0.01, max_value=1, exclude_max=True),
    kind=st.sampled_from(["a", "b"]),
)
outers = st.builds(
    Outer,
    name=st.text(min_size=1, max_size=5),
    count=st.integers(),
    is_on=st.booleans(),
    size=st.tuples(st.integers(), st.integers()),
    names=st.lists(st.text(), max_size=3).map(tuple),
    inner=inners,
    more=st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)),
    maybe=st.none() | inners,
    anything=st.none() | st.integers() | st.lists(st.text()),
)
GOOD = {
    "name": "x",
    "count": 3,
    "is_on": True,
    "size": [1, 2],
    "names": ["p"],
    "inner": {"share": 0.5},
}


@given(outers)
def test_what_is_written_as_json_is_read_back(value: Outer):
    again = read(Outer, json.loads(json.dumps(to_plain(value))))
    assert again == value


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"count": True}, "count: expected a whole number, found 'True'"),
        ({"count": 1.0}, "count: expected a whole number"),
        ({"is_on": 1}, "is_on: expected true or false"),
        ({"name": ""}, "name: must have a length of at least 1 at most 5, found 0"),
        ({"name": None}, "name: expected a text"),
        ({"size": [1]}, "size: expected 2 entries, found 1"),
        ({"size": [1, "2"]}, "size.1: expected a whole number"),
        ({"names": "p"}, "names: expected a list"),
        ({"names": list("pqrs")}, "names: must have a length of at most 3"),
        ({"inner": {"share": 1}}, "inner.share: must be at least 0 below 1"),
        ({"inner": {"share": math.nan}}, "inner.share: expected a number"),
        ({"inner": {"share": 10**400}}, "inner.share: expected a number, found '1000"),
        ({"inner": {"share": 0, "kind": "b"}}, "inner.share: b needs a share"),
        ({"inner": {"share": 0.5, "kind": "c"}}, "inner.kind: expected 'a' or 'b'"),
        ({"inner": []}, "inner: expected an object"),
        ({"maybe": {}}, "maybe.share: missing"),
        ({"more": {"k": "1"}}, "more.k: expected a number"),
        ({"cuont": 3}, "cuont: no such key; did you mean 'count'?"),
    ],
)
def test_each_mistake_is_named_with_its_place(change: dict[str, object], said: str):
    with pytest.raises(PlainError) as caught:
        read(Outer, {**GOOD, **change})
    assert [m for m in caught.value.mistakes if m.startswith(said)]
    assert len(caught.value.mistakes) == 1


def test_one_mistake_hides_no_other():
    with pytest.raises(PlainError) as caught:
        read(Outer, {"name": 1, "inner": {"share": "x", "kind": 0}})
    assert len(caught.value.mistakes) == 7


def test_a_value_made_in_python_is_checked_alike():
    check_limits(Inner(share=0.5))
    with pytest.raises(PlacedError, match="share: must be at least 0 below 1, found 1"):
        check_limits(Inner(share=1.0))
