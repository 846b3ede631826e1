import base64
import hashlib
import json
import re
from importlib.resources import files

import plotly.graph_objects as go
from hypothesis import given
from hypothesis import strategies as st
from plotly.offline import get_plotlyjs

from automtl.results import TrialStatus
from automtl_dashboards.page import Section, figure_data, render_page, script_json
from automtl_dashboards.palette import STATUS_COLORS

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=12,
)


@given(value=JSON)
def test_json_in_a_script_is_the_same_value_and_cannot_end_the_script(value: object) -> None:
    text = script_json(value)
    assert json.loads(text) == value
    assert "<" not in text
    assert ">" not in text


def test_hover_texts_are_stored_once_and_found_again() -> None:
    texts = ["one", "two", "one"]
    figures = {
        "a": go.Figure(go.Scatter(x=[1, 2, 3], y=[1, 2, 3], text=texts)),
        "b": go.Figure(go.Bar(x=[1, 2], y=[1, 2], hovertext=["two", "three"])),
    }
    data = json.loads(script_json(figure_data(figures)))
    assert data["texts"] == ["one", "two", "three"]
    (a,), (b,) = data["figures"]["a"]["data"], data["figures"]["b"]["data"]
    assert [data["texts"][i] for i in a["textRef"]] == texts
    assert [data["texts"][i] for i in b["hovertextRef"]] == ["two", "three"]
    assert "text" not in a
    assert "hovertext" not in b


def test_nan_reaches_the_browser_as_null() -> None:
    figure = go.Figure(go.Scatter(x=[1, 2], y=[float("nan"), 1.0]))
    data = json.loads(script_json(figure_data({"a": figure})))
    assert data["figures"]["a"]["data"][0]["y"] == [None, 1.0]


def test_the_policy_allows_exactly_the_scripts_of_the_page() -> None:
    page = render_page(title="t", header="", sections=[Section(anchor="a", title="A")], footer="")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert scripts[0] == get_plotlyjs()
    assert len(scripts) == 2
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].split(";"))
    assert rules["default-src"] == "'none'"
    assert "connect-src" not in rules
    sums = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    assert rules["script-src"].split() == [f"'sha256-{value}'" for value in sums]


def test_titles_are_escaped() -> None:
    page = render_page(
        title="<i>", header="", sections=[Section(anchor="a", title="<u>")], footer=""
    )
    assert "<title>&lt;i&gt;</title>" in page
    assert "<h2>&lt;u&gt;</h2>" in page


def test_small_numbers_at_an_axis_are_no_micros(full_page: str) -> None:
    data = full_page.partition('id="figure-data">')[2].partition("</script>")[0]
    figures = json.loads(data)["figures"]
    axes = [
        axis
        for figure in ("front", "hypervolume", "curves", "losses")
        for name, axis in figures[figure]["layout"].items()
        if re.fullmatch(r"[xy]axis\d*", name)
    ]
    assert len(axes) > 8
    assert {axis.get("exponentformat") for axis in axes} == {"e"}


def test_nothing_offers_to_upload_a_chart() -> None:
    script = files("automtl_dashboards").joinpath("page.js").read_text(encoding="utf-8")
    assert "showSendToCloud: false" in script
    # The name that plotly.js knows: were it renamed, the line above would do nothing.
    assert "showSendToCloud" in get_plotlyjs()


def test_a_state_has_one_colour_in_figures_and_tables() -> None:
    style = files("automtl_dashboards").joinpath("page.css").read_text(encoding="utf-8")
    default = re.search(r"\.state::before \{[^}]*background: (#\w+)", style)
    assert default is not None
    for status in TrialStatus:
        own = re.search(rf"\.state\.{status.value}::before {{ background: (#\w+)", style)
        color = own[1] if own else default[1]
        assert color.lower() == STATUS_COLORS[status].lower(), status
