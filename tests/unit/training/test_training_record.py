"""The last line of a benchmark."""

import json
import sys

import pytest

from benchmarks.record import Goal, print_record


@pytest.mark.parametrize(
    ("value", "sense", "met"),
    [(1.0, "<=", True), (1.2, "<=", False), (1.0, ">=", True), (1.2, ">=", True)],
)
def test_last_line_is_one_object_that_says_whether_a_goal_was_met(capsys, value, sense, met):
    sys.stdout.write("other output\n")
    print_record({"step_ms": 2.5}, {"ratio": Goal(value, 1.05 if sense == "<=" else 1.0, sense)})
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(last) == {"figures", "goals", "machine", "versions"}
    assert last["figures"] == {"step_ms": 2.5}
    assert last["goals"]["ratio"]["met"] is met
    assert last["goals"]["ratio"]["sense"] == sense
    assert last["versions"]["torch"]
