from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from automtl.errors import RecipeError
from automtl.space.yaml_lines import MAX_BYTES, parse_yaml, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("4E+2", 400.0),
        ("-1.5e3", -1500.0),
        (".5", 0.5),
        ("1_000", 1000),
        ("3.", 3.0),
        ("-7", -7),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("none", "none"),
        ("null", None),
        ("1:30", "1:30"),
        ("2024-01-02", "2024-01-02"),
        ("'1e-3'", "1e-3"),
        ("010", "010"),
        ("e3", "e3"),
        ("1e", "1e"),
    ],
)
def test_plain_words_mean_what_they_say(text: str, value: object) -> None:
    found = parse_yaml(f"a: {text}", "f").value["a"]
    assert found == value
    assert type(found) is type(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_written_float_comes_back(number: float) -> None:
    assert parse_yaml(f"a: {number!r}", "f").value["a"] == number


def test_lines_of_keys_and_entries() -> None:
    located = parse_yaml("a: 1\nb:\n  c: {d: 2,\n    e: 3}\n  f:\n    - 1\n    - {g: 2}\n", "f")
    assert located.value == {"a": 1, "b": {"c": {"d": 2, "e": 3}, "f": [1, {"g": 2}]}}
    expected = {
        ("a",): 1,
        ("b",): 2,
        ("b", "c"): 3,
        ("b", "c", "d"): 3,
        ("b", "c", "e"): 4,
        ("b", "f"): 5,
        ("b", "f", 0): 6,
        ("b", "f", 1): 7,
        ("b", "f", 1, "g"): 7,
    }
    assert dict(located.lines) == expected
    assert located.line_of(("b", "f", 1, "missing")) == 7
    assert located.line_of(("missing",)) == 1


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "`a` is given twice (first on line 1)"),
        ("a:\n  b: 1\n\n  b: 2\n", 4, "`b` is given twice"),
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "not YAML"),
        ("a:\n\t- 1\n", 2, "not YAML"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", 2, "not allowed"),
        ("a: 1\nb: !!python/name:os.system x\n", 2, "not YAML"),
        ("a: 1\n? [1, 2]\n: 3\n", 2, "a key must be a plain word"),
        ("a: 1\n1.5: 2\n", 2, "a key must be a word or a number"),
        ("a: \x07\n", 1, "forbids"),
        ("a: " + "1" * 5000, 1, "cannot be read"),
        ("a: 1\nb: !!bool x\n", 2, "cannot be read"),
        ("a: 1\nb: !!int ''\n", 2, "cannot be read"),
        ("a: 1\nb: !!float ''\n", 2, "cannot be read"),
        ("a: 1\nb: !!timestamp x\n", 2, "cannot be read"),
        ("", 1, "empty"),
        ("a: 1\n---\nb: 2\n", 2, "not YAML"),
        ("a: &x [*x]\n", 1, "aliases"),
        ("[" * 40 + "]" * 40, 1, "nested deeper"),
        ("a: &x 1\nb: [" + "*x, " * 101 + "]", 2, "more than 100 aliases"),
    ],
)
def test_refusals_name_the_line(text: str, line: int, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_yaml(text, "r.yaml")
    assert caught.value.where == f"r.yaml:{line}"
    assert words in str(caught.value)


def test_aliases_that_multiply_are_stopped_early() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 10) + "]" for i in range(1, 10)]
    with pytest.raises(RecipeError, match="aliases"):
        parse_yaml("\n".join(lines), "f")


def test_a_merge_key_is_no_silent_feature() -> None:
    assert "<<" in parse_yaml("a: &a {b: 1}\nc: {<<: *a}\n", "f").value["c"]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    large, binary = tmp_path / "large.yaml", tmp_path / "binary.yaml"
    large.write_text("#" * (MAX_BYTES + 1))
    binary.write_bytes(b"a: \xff\xfe")
    for path, words in (
        (large, "more than"),
        (binary, "not UTF-8 at byte 3"),
        (tmp_path, "not a file"),
        (tmp_path / "missing.yaml", "cannot be read"),
    ):
        with pytest.raises(RecipeError, match=words) as caught:
            read_yaml(path)
        assert caught.value.where == str(path)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text("abn oe1.-:", max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), plain))
def test_what_a_safe_writer_writes_is_read_back(document: dict[str, object]) -> None:
    assert parse_yaml(yaml.safe_dump(document), "f").value == document
