"""The live page without a browser: what is read when, what filters keep, what is compared."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.results import Objective, TrialRecord
from automtl_dashboards.figures.studies import draw_studies, fill_studies
from automtl_dashboards.labels import MISSING, number
from automtl_dashboards.live.compare import differences, values_of
from automtl_dashboards.live.feed import REST, Feed, Source
from automtl_dashboards.live.filters import KINDS, choices_of, filtered, traits_of, tree_words
from automtl_dashboards.report import ANCHORS
from automtl_dashboards.snapshot import Snapshot


class Study:
    """A source whose facts a test moves on."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot, self.n_facts, self.n_loads = snapshot, 1, 0

    def load(self) -> Snapshot:
        self.n_loads += 1
        return self.snapshot

    @property
    def source(self) -> Source:
        return Source(pulse=lambda: self.n_facts, load=self.load, close=lambda: None)


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_study_is_read_again_only_when_something_happened(synthetic) -> None:
    study = Study(synthetic.snapshot())
    feed = Feed(sources={"s": study.source}, clock=Clock())
    assert feed.snapshot("s") is feed.snapshot("s")
    assert study.n_loads == 1
    study.n_facts += 1
    feed.snapshot("s")
    assert study.n_loads == 2
    assert feed.names == ("s",)


def test_after_a_long_reading_comes_a_longer_rest(synthetic) -> None:
    clock = Clock()
    study = Study(synthetic.snapshot())

    def slowly() -> Snapshot:
        clock.now_s += 2.0
        return study.load()

    feed = Feed(sources={"s": replace(study.source, load=slowly)}, clock=clock)
    old = feed.snapshot("s")
    study.n_facts, study.snapshot = 2, replace(old, notes={"new": "fact"})
    clock.now_s += 2.0 * REST - 0.1
    assert feed.pulse("s") == 1
    assert feed.snapshot("s") is old
    clock.now_s += 0.2
    assert feed.pulse("s") == 2
    assert feed.snapshot("s").notes == {"new": "fact"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_filter_keeps_the_trials_with_its_value_and_all_baselines(synthetic, kind: str) -> None:
    snapshot = synthetic.snapshot()
    value = choices_of(snapshot.history)[kind][0]
    shown = filtered(snapshot, {kind: [value]})
    searched = [r for r in shown.history if r.competes]
    assert {traits_of(record)[kind] for record in searched} == {value}
    assert 0 < len(searched) < sum(r.competes for r in snapshot.history)
    assert [r for r in shown.history if not r.competes] == [
        r for r in snapshot.history if not r.competes
    ]
    assert {a.number for a in shown.attempts} <= {r.number for r in shown.history}
    assert filtered(snapshot, {kind: []}) is snapshot


def test_a_tree_is_named_by_its_groups(synthetic) -> None:
    config = synthetic.history[0].config
    sharing = {"order": ["detection", "segmentation", "tracking"], "split_after": [1, 3]}
    record = synthetic.history[0].model_copy(update={"config": {**config, "sharing": sharing}})
    assert tree_words(record) == "1x det+seg+tra > 2x det | seg+tra > 1x det | seg | tra"


def test_two_trials_differ_in_what_is_not_equal() -> None:
    first = TrialRecord(number=0, point={}, config={"a": {"x": 1, "y": 2}}, config_digest="")
    second = first.model_copy(update={"config": {"a": {"x": 1, "y": 3}, "b": True}})
    assert differences(first, second) == [("a.y", "2", "3"), ("b", MISSING, "yes")]
    assert differences(first, first) == []
    other = second.model_copy(update={"values": {"q": 0.25}})
    assert ("q", MISSING, "0.250") in values_of(first, other, ("q",))


@given(one=st.floats(1e-6, 1e6), by=st.floats(1e-12, 10))
def test_what_differs_is_rounded_as_in_the_report_and_never_looks_the_same(
    one: float, by: float
) -> None:
    first = TrialRecord(number=0, point={}, config={"a": {"x": one}}, config_digest="")
    second = first.model_copy(update={"config": {"a": {"x": one + by}}})
    found = differences(first, second)
    assert bool(found) == (one + by != one)
    for _, left, right in found:
        assert left != right
        assert (left, right) in {
            (number(one), number(one + by)),
            (repr(one), repr(one + by)),
        }


def test_a_long_number_is_short_within_a_list_too() -> None:
    first = TrialRecord(
        number=0,
        point={},
        config={"lr": 0.004696715692239528, "w": [1, 0.1234567]},
        config_digest="",
    )
    second = first.model_copy(update={"config": {"lr": 0.01, "w": [1, 2]}})
    assert differences(first, second) == [("lr", "0.0047", "0.01"), ("w", "[1, 0.123]", "[1, 2]")]


def test_studies_are_compared_by_one_reference_point(synthetic) -> None:
    snapshot = synthetic.snapshot()
    half = replace(snapshot, history=synthetic.history[:8])
    cost = (Objective(metric="detection/mAP", goal="minimize"),)
    strange = replace(snapshot, study=snapshot.study.model_copy(update={"objectives": cost}))
    figure = fill_studies({"<all>": snapshot, "half": half, "strange": strange})
    assert figure is not None
    every, some = figure.growths
    assert (every.name, some.name) == ("&lt;all&gt;", "half")
    assert every.values[: len(some.values)] == some.values
    assert every.values[-1] >= some.values[-1]
    assert figure.left_out == ("strange",)
    assert {trace.name for trace in draw_studies(figure).data} == {"&lt;all&gt;", "half"}
    assert fill_studies({"none": replace(snapshot, history=())}) is None


def ask(app: Any, host: str) -> int:
    return int(app.server.test_client().get("/", headers={"Host": host}).status_code)


def test_the_page_loads_nothing_from_elsewhere_and_answers_to_its_own_name_alone(
    synthetic,
) -> None:
    pytest.importorskip("dash")
    from automtl_dashboards.live.app import make_app

    feed = Feed(sources={"s": Study(synthetic.snapshot()).source})
    app = make_app(feed)
    assert ask(app, "127.0.0.1:8050") == 200
    assert ask(app, "localhost") == 200
    assert ask(app, "[::1]:8050") == 200
    assert ask(app, "[::1]") == 200
    assert ask(app, "127.0.0.1.elsewhere.example:80") == 403
    assert ask(app, "elsewhere.example") == 403
    answer = app.server.test_client().get("/", headers={"Host": "localhost"})
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    page = answer.text
    assert "http://" not in page
    assert "https://" not in page
    assert "--paper" in page
    assert ask(make_app(feed, only_loopback=False), "elsewhere.example") == 200


def ids_of(part: Any) -> list[str]:
    """All names within a part of the page."""
    own = [part.id] if getattr(part, "id", None) else []
    children = getattr(part, "children", None)
    inner = children if isinstance(children, list) else [children]
    return own + [name for child in inner if child is not None for name in ids_of(child)]


def test_no_part_of_the_page_has_the_name_of_another(synthetic) -> None:
    """Two parts of one name make the browser read one's value from the other."""
    pytest.importorskip("dash")
    from automtl_dashboards.live.layout import layout

    names = ids_of(layout(["s"]))
    assert len(names) == len(set(names)) > 25
    assert set(ANCHORS) <= set(names)


def test_facts_and_pick_are_those_of_all_trials_whatever_is_shown(synthetic) -> None:
    pytest.importorskip("dash")
    from automtl_dashboards.live.app import drawn_sections

    snapshot = synthetic.snapshot()
    every, some = (drawn_sections(snapshot, wanted) for wanted in ({}, {"state": ["failed"]}))
    assert [s.body for s in every[:2]] == [s.body for s in some[:2]]
    shown = [{section.anchor: section.body for section in sections} for sections in (every, some)]
    assert "id='trial-0'" in shown[0]["trials"]
    assert "id='trial-0'" not in shown[1]["trials"]


def test_a_section_that_is_not_there_is_hidden_and_a_figure_as_high_as_it_says(synthetic) -> None:
    pytest.importorskip("dash")
    from automtl_dashboards.live.app import drawn_sections
    from automtl_dashboards.live.parts import HIDDEN, frame_outputs, frame_values

    sections = drawn_sections(synthetic.snapshot(), {})
    assert [s.anchor for s in sections] == [
        a for a in ANCHORS if a in {s.anchor for s in sections}
    ]
    for section in (None, *sections):
        values = frame_values(section)
        assert len(values) == len(frame_outputs("a"))
        assert (values[0] == HIDDEN) is (section is None)
        if section is not None and section.figure is not None:
            assert values[3] == {"height": f"{section.figure.layout.height}px"}
