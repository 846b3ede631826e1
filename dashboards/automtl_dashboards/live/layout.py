"""What stands where on the live page. No part may have the name of a section of the report."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from dash import dcc, html

from automtl_dashboards.live.filters import KINDS
from automtl_dashboards.live.parts import hidden_graph, section_frame
from automtl_dashboards.report import ANCHORS

REFRESH_MS = 3_000
"""How often a page asks whether something happened."""

SIDES = ("a", "b")

_INDEX = """<!DOCTYPE html>
<html lang="en">
<head>{%metas%}<meta name="color-scheme" content="light dark"><title>{%title%}</title>
{%favicon%}{%css%}<style>STYLE</style></head>
<body>{%app_entry%}<script>SCRIPT</script>
<footer>{%config%}{%scripts%}{%renderer%}</footer></body>
</html>
"""


def index() -> str:
    """Return the page's frame, style and script inside it."""
    style = _read(("page.css",), ("live", "live.css"))
    return _INDEX.replace("STYLE", style).replace("SCRIPT", script())


def script() -> str:
    """Return what runs in the browser besides Dash."""
    return _read(("interact.js",), ("live", "live.js"))


def layout(names: Sequence[str]) -> html.Div:
    """Return the page before anything is read.

    Args:
        names: Studies; the first one is shown.
    """
    return html.Div(
        [
            _header(names),
            html.Main([*map(section_frame, ANCHORS), _two_trials(), _several_studies(names)]),
            dcc.Interval(id="live-tick", interval=REFRESH_MS),
            dcc.Store(id="live-pulse"),
            dcc.Store(id="live-pair"),
        ]
    )


def _header(names: Sequence[str]) -> html.Header:
    filters = [_labelled(kind, dcc.Dropdown(id=f"filter-{kind}", multi=True)) for kind in KINDS]
    return html.Header(
        [
            html.P("automtl, live", className="kicker"),
            dcc.Dropdown(id="live-study", options=list(names), value=names[0], clearable=False),
            html.P(id="live-notice", className="notice"),
            html.Div(id="live-headline", className="verdict"),
            html.Nav(id="live-nav"),
            html.P("Show only the trials with", className="calm"),
            html.Div(filters, className="filters"),
        ]
    )


def _two_trials() -> html.Section:
    chosen = [_labelled(f"trial {side}", dcc.Dropdown(id=f"compare-{side}")) for side in SIDES]
    outputs = [html.Div(id="live-comparison")]
    return _part("compare-trials", "Two trials side by side", chosen, outputs)


def _several_studies(names: Sequence[str]) -> html.Section:
    chosen = dcc.Dropdown(id="live-compared", options=list(names), value=list(names), multi=True)
    note = html.P(id="live-studies-note", className="calm")
    outputs = [hidden_graph("studies-figure"), note]
    return _part("compare-studies", "Studies on one scale", [chosen], outputs)


def _labelled(text: str, control: dcc.Dropdown) -> html.Label:
    return html.Label([text, control], className="filter")


def _part(
    anchor: str, title: str, controls: Sequence[Any], outputs: Sequence[Any]
) -> html.Section:
    chosen = html.Div(list(controls), className="filters")
    return html.Section([html.H2(title), chosen, *outputs], id=anchor)


def _read(*places: Sequence[str]) -> str:
    package = files("automtl_dashboards")
    return "\n".join(package.joinpath(*place).read_text(encoding="utf-8") for place in places)
