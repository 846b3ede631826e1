from automtl.results import Objective, TrialRecord, TrialStatus
from automtl_dashboards.choices import choices_table, fill_choices
from automtl_dashboards.standing import standing_of

OBJECTIVES = (
    Objective(metric="q", goal="maximize"),
    Objective(metric="c", goal="minimize"),
)


def trial(number: int, point: dict[str, object], q: float, c: float, **changes) -> TrialRecord:
    plain = {
        "number": number,
        "point": point,
        "config": {},
        "config_digest": "",
        "status": TrialStatus.COMPLETED,
        "values": {"q": q, "c": c},
    }
    return TrialRecord.model_validate({**plain, **changes})


HISTORY = [
    trial(0, {"kind": "b", "depth": 10, "lr": 0.1, "on": True}, 1.0, 1.0),
    trial(1, {"kind": "a", "depth": 2, "lr": 0.2, "on": True}, 3.0, 4.0),
    trial(2, {"kind": "a", "depth": 2, "lr": 0.3, "on": True}, 4.0, 9.0),
    trial(3, {"kind": "a", "depth": 10, "lr": 0.4, "on": True}, 0.0, 5.0),
    trial(4, {"kind": "a", "depth": 10, "lr": 0.4, "on": True}, 99.0, 0.0, status="stopped"),
    trial(5, {"kind": "a"}, 99.0, 0.0, origin="baseline:q"),
]


def test_golden_medians_counts_and_best() -> None:
    choices = fill_choices(HISTORY, standing_of(HISTORY, OBJECTIVES, [], None))
    assert [(c.parameter, c.value, c.n_trials, c.n_front) for c in choices] == [
        ("kind", "a", 3, 2),
        ("kind", "b", 1, 1),
        ("depth", "2", 2, 2),
        ("depth", "10", 2, 1),
    ]
    assert [c.medians for c in choices] == [(3.0, 5.0), (1.0, 1.0), (3.5, 6.5), (0.5, 3.0)]
    assert [c.is_best for c in choices] == [
        (True, False),
        (False, True),
        (True, False),
        (False, True),
    ]


def test_a_scale_is_not_a_choice() -> None:
    history = [trial(i, {"n": i}, float(i), float(i)) for i in range(9)]
    assert fill_choices(history, standing_of(history, OBJECTIVES, [], None)) == ()
    assert len(fill_choices(history[:8], standing_of(history, OBJECTIVES, [], None))) == 8


def test_names_and_values_are_escaped() -> None:
    history = [trial(i, {"<n>": f"<{i}>"}, 1.0, 1.0) for i in range(2)]
    choices = fill_choices(history, standing_of(history, OBJECTIVES, [], None))
    table = choices_table(choices, OBJECTIVES)
    assert "&lt;n&gt;" in table
    assert "&lt;0&gt;" in table
    assert "<n>" not in table
    assert "<0>" not in table
