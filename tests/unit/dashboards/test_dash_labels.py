import doctest

from hypothesis import given
from hypothesis import strategies as st

from automtl.results import Objective, TrialRecord
from automtl_dashboards import labels, palette

TEXT = st.text(alphabet=st.sampled_from("ab<>&\"'/ "), max_size=30)


def test_examples_in_docstrings_hold() -> None:
    for module in (labels, palette):
        outcome = doctest.testmod(module)
        assert outcome.attempted > 0
        assert outcome.failed == 0


@given(name=TEXT, value=TEXT, metric=TEXT.filter(bool))
def test_hover_text_holds_no_foreign_markup(name: str, value: str, metric: str) -> None:
    objective = Objective(metric=metric, goal="maximize")
    record = TrialRecord(
        number=1, point={name: value}, config={}, config_digest="", values={metric: 0.5}
    )
    text = labels.trial_text(record, [objective])
    own = text.replace("<br>", "").replace("<b>", "").replace("</b>", "")
    assert "<" not in own
    assert ">" not in own
    assert "<" not in labels.axis_title(objective)


def test_hover_text_says_how_many_parameters_it_leaves_out() -> None:
    record = TrialRecord(
        number=1, point={f"p{i}": i for i in range(20)}, config={}, config_digest=""
    )
    text = labels.trial_text(record, [], n_parameters=14)
    assert "p13 = 13" in text
    assert "p14" not in text
    assert text.endswith("and 6 more")


@given(value=st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12))
def test_numbers_are_near_what_they_show(value: float) -> None:
    shown = float(labels.number(value).replace(",", ""))
    assert abs(shown - value) <= max(0.006 * abs(value), 5e-324)


def test_a_parameter_that_some_trials_lack_varies() -> None:
    same = {"a": 1, "b": 2}
    history = [
        TrialRecord(number=0, point=same, config={}, config_digest=""),
        TrialRecord(number=1, point={"a": 1}, config={}, config_digest=""),
    ]
    assert labels.varying(history) == ("b",)
    assert labels.varying(history[:1]) == ()
