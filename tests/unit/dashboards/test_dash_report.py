import json
import re
from html.parser import HTMLParser

import pytest
from plotly.offline import get_plotlyjs
from typing_extensions import override

from automtl.analysis.delta import Comparison, DeltaM
from automtl.analysis.effects import Effect, Lessons, Level
from automtl.results import EpochReport, Failure, FailureKind, Note, Objective, Pick, TrialStatus
from automtl_dashboards.labels import number
from automtl_dashboards.report import report_html

SECTIONS = (
    "glance",
    "study",
    "front",
    "members",
    "hypervolume",
    "parallel",
    "choices",
    "curves",
    "losses",
    "trials",
    "failures",
    "timeline",
)
VOID = {"meta", "br", "wbr", "link", "img", "hr", "input"}


class Balanced(HTMLParser):
    """Checks that every element is closed in turn; collects scripts, ids and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.n_scripts = 0

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.n_scripts += tag == "script"
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def render(synthetic, floors=None, notes=None, **changes) -> str:
    snapshot = synthetic.snapshot(floors=floors or {}, notes=notes or {}, **changes)
    return report_html(snapshot)


def own_part(page: str) -> str:
    """The page without plotly.js."""
    assert page.count(get_plotlyjs()) == 1
    return page.replace(get_plotlyjs(), "")


def parsed(page: str) -> Balanced:
    parser = Balanced()
    parser.feed(own_part(page))
    parser.close()
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))
    # Data, plotly.js and our own: whoever smuggles a script in makes it four.
    assert parser.n_scripts == 3
    has_front = "id='members'" in page
    expected = [s for s in SECTIONS if has_front or s != "members"]
    assert [s for s in parser.ids if s in SECTIONS] == expected
    return parser


def figures_of(page: str) -> dict[str, object]:
    found = re.search(r'id="figure-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    figures = json.loads(found[1])["figures"]
    assert isinstance(figures, dict)
    return figures


def words_of(page: str) -> str:
    return re.sub(r"<[^>]+>", "", own_part(page).split("<main>")[0].split("<header>")[1])


def test_a_full_study_has_every_section_and_figure(full_page: str) -> None:
    page = full_page
    parsed(page)
    expected = {"front", "members", "hypervolume", "parallel", "curves", "losses", "timeline"}
    assert set(figures_of(page)) == expected
    for name in expected:
        assert f"data-figure='{name}'" in page


def test_nothing_is_requested_from_anywhere(full_page: str) -> None:
    own = own_part(full_page)
    assert not re.search(r"https?:", own)
    assert "@import" not in own
    assert "url(" not in own
    attributes = parsed(full_page).attributes
    assert not {name for name, _ in attributes} & {"src", "srcset", "data", "action", "poster"}
    assert all(value.startswith("#") for name, value in attributes if name == "href")


def test_the_top_says_what_to_take_and_why(synthetic, full_page: str) -> None:
    pick = synthetic.picks[0]
    words = words_of(full_page)
    assert f"Take trial {pick.number}. {pick.reason}" in words
    record = synthetic.history[pick.number]
    change = record.values["segmentation/mIoU"] / 0.63 - 1
    assert f"mIoU {change:+.1%}" in words


def test_the_top_warns_where_no_trial_beats_a_trivial_predictor(synthetic, floors) -> None:
    learned = "nothing was learned there yet"
    assert learned not in words_of(render(synthetic, floors=floors))
    known = floors | {"<b>guess": {"segmentation/mIoU": 1.0}}
    words = words_of(render(synthetic, floors=known))
    assert "No trial beats &lt;b&gt;guess in segmentation/mIoU (1)" in words
    page = render(synthetic, floors=known).partition("<main>")[0]
    assert "<code>epochs</code>" in page
    assert "`" not in page.partition("<body>")[2]
    assert words.count(learned) == 1


def test_delta_m_stands_in_the_table_and_under_the_mouse(synthetic, full_page: str) -> None:
    number = next(r.number for r in synthetic.history if r.vector(synthetic.study.objectives))
    delta = DeltaM(per_metric=1.25, per_task=-2.5, primary=3.75)
    lessons = Lessons(deltas=Comparison(deltas={number: delta}))
    page = own_part(render(synthetic, lessons=lessons))
    assert all(f">Δm {name}" in page for name in ("per metric", "per task", "primary"))
    assert all(f">{value}<" in page for value in ("+1.2", "-2.5", "+3.8"))
    assert "-2.5 % per task" in page  # hover texts are stored once, beside the figures
    assert ">Δm" not in full_page
    why = "the recipe has <no> baselines"
    told = own_part(render(synthetic, lessons=Lessons(deltas=Comparison(missing={0: why}))))
    assert "No Δm: the recipe has &lt;no&gt; baselines." in told


def test_foreign_text_is_shown_and_never_run(synthetic, floors) -> None:
    bad = "<script>alert(1)</script>"
    attribute = "\" onmouseover='alert(1)"
    metric = f"segmentation/IoU/{bad}"  # a class name becomes part of a metric's name
    objectives = (*synthetic.study.objectives[:2], Objective(metric=metric, goal="maximize"))
    history = tuple(
        record.model_copy(
            update={
                "point": {**record.point, bad + attribute: bad, "other": record.number},
                "values": {**record.values, metric: 0.1} if record.values else {},
                "worker": bad,
                "origin": "enqueued" if record.number == 2 else record.origin,
                "failure": record.failure
                and Failure(kind=FailureKind.ERROR, message=bad + attribute),
            }
        )
        for record in synthetic.history
    )
    study = synthetic.study.model_copy(
        update={
            "name": bad,
            "objectives": objectives,
            "data_digest": bad,
            "recipe": {"description": bad, "budget": {bad: bad}},
        }
    )
    level = Level(value=bad, n=4, mean=0.5, low=0.4, high=0.6)
    pick = Pick(number=0, rule=bad, reason=bad, inputs={bad: [bad, {bad: bad}]})
    snapshot = synthetic.snapshot(
        study=study,
        history=history,
        picks=[pick],
        floors={bad: {metric: 0.05, **floors["mean box"]}},
        lessons=Lessons(
            effects=tuple(
                Effect(choice=bad, objective=metric, levels=(level,), explained=0.5, p=p_value)
                for p_value in (0.01, 0.5)
            ),
            too_few=(bad,),
        ),
        notes={bad: bad + attribute},
    )
    page = report_html(snapshot)
    names = {name for name, _ in parsed(page).attributes}
    assert not [name for name in names if name.startswith("on")]
    assert bad not in own_part(page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_what_the_pick_gives_up_is_in_the_first_table(synthetic, full_page: str) -> None:
    table = full_page.split("<table class='glance'>")[1].split("</table>", maxsplit=1)[0]
    row = table.split("<b>segmentation/mIoU</b>")[1].split("</tr>")[0]
    reached = [r.values["segmentation/mIoU"] for r in synthetic.history if r.is_candidate]
    picked = synthetic.history[synthetic.picks[0].number].values["segmentation/mIoU"]
    cells = [re.sub(r"<[^>]+>", "", cell) for cell in row.split("<td")[1:]]
    best = max(reached)
    assert f">{number(picked)}" in cells[0]
    assert f">{number(best)} trial" in cells[1]
    assert f">{number(best - picked)}" in cells[2]
    assert ">0.630" in cells[3]
    assert ">0.190 majority class" in cells[4]


def test_an_empty_study_says_so(synthetic) -> None:
    page = render(synthetic, history=(), picks=())
    parsed(page)
    assert "This study has no trial yet." in words_of(page)
    assert figures_of(page) == {}


def test_all_failed_says_so_and_names_the_reason(synthetic) -> None:
    failed = tuple(record for record in synthetic.history if record.failure is not None)
    page = render(synthetic, history=failed, picks=())
    parsed(page)
    assert "No trial gave a result: all 2 failed" in words_of(page)
    assert "CUDA out of memory" in page


def test_one_running_trial_says_so(synthetic) -> None:
    running = synthetic.history[0].model_copy(
        update={"status": TrialStatus.RUNNING, "values": {}, "ended_s": None, "best_epoch": None}
    )
    page = render(synthetic, history=(running,), picks=())
    parsed(page)
    assert "No trial has ended with a value for every objective yet (1 running)." in words_of(page)
    assert set(figures_of(page)) == {"curves", "losses", "timeline"}


def test_a_front_without_a_pick_names_its_members(synthetic) -> None:
    page = render(synthetic, history=synthetic.history[:1], picks=())
    parsed(page)
    assert "One trial is not dominated by any other (0)" in words_of(page)


def test_a_pick_that_is_not_in_the_history_is_told(synthetic) -> None:
    stranger = Pick(number=999, rule="knee", reason="It was good.")
    page = render(synthetic, picks=(stranger,))
    parsed(page)
    assert "Trial 999 is not in this history." in words_of(page)


def test_values_that_are_not_finite_give_a_page(synthetic) -> None:
    nan = float("nan")
    report_ = EpochReport.model_construct(
        attempt=1, epoch=1, values={"detection/mAP": nan, "loss/detection": nan}, time_s=nan
    )
    broken = synthetic.history[1].model_copy(
        update={"values": {"detection/mAP": nan}, "reports": (report_,)}
    )
    page = render(synthetic, history=(synthetic.history[0], broken), picks=())
    parsed(page)
    assert "NaN" not in own_part(page).replace("isNaN", "")


@pytest.mark.parametrize("n_objectives", [1, 2, 3, 4])
def test_any_number_of_objectives(synthetic, floors, n_objectives: int) -> None:
    study = synthetic.study.model_copy(
        update={"objectives": synthetic.study.objectives[:n_objectives]}
    )
    page = render(synthetic, floors, study=study)
    parsed(page)
    assert "front" in figures_of(page)


def test_the_table_holds_every_trial_with_its_values(synthetic, full_page: str) -> None:
    page = own_part(full_page)
    table = page.split("<table class='trials sortable'>")[1].split("</table>")[0]
    rows = table.split("<tbody>")[1].split("</tr>")[:-1]
    assert len(rows) == len(synthetic.history)
    for row, record in zip(rows, synthetic.history, strict=True):
        assert f'data-v="{record.number}"' in row
        assert record.status.value in row
        for objective in synthetic.study.objectives:
            if objective.metric in record.values:
                assert f'data-v="{record.values[objective.metric]!r}"' in row
    assert table.count("class='is-pick'") == 1


def test_what_attempts_said_stands_below_the_failures(synthetic) -> None:
    notes = (Note(number=3, attempt=2, text="half <batches>"), Note(number=4, attempt=1, text="b"))
    page = render(synthetic, trial_notes=notes)
    (section,) = re.findall(r"<section id='failures'>.*?</section>", page, re.DOTALL)
    assert "half &lt;batches&gt;" in section
    assert section.count("<table") == 2
    assert "class='said" not in render(synthetic)
