"""The live page: the report's own sections, drawn anew when something happened in a study.

Everything it needs is served by this process: no style, script or font comes from elsewhere.
"""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update
from flask import abort, request

from automtl_dashboards.figures.studies import draw_studies, fill_studies
from automtl_dashboards.live.compare_view import comparison
from automtl_dashboards.live.feed import Feed
from automtl_dashboards.live.filters import KINDS, choices_of, filtered
from automtl_dashboards.live.parts import graph, section_part
from automtl_dashboards.report import sections_of
from automtl_dashboards.snapshot import Snapshot
from automtl_dashboards.standing import standing_of
from automtl_dashboards.summary import headline

REFRESH_MS = 3_000
"""How often a page asks whether something happened."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})

_INDEX = """<!DOCTYPE html>
<html lang="en">
<head>{%metas%}<title>{%title%}</title>{%favicon%}{%css%}<style>STYLE</style></head>
<body>{%app_entry%}<footer>{%config%}{%scripts%}{%renderer%}</footer></body>
</html>
"""


def make_app(feed: Feed, *, only_loopback: bool = True) -> Dash:
    """Return the page's application.

    Args:
        feed: The studies.
        only_loopback: Whether to refuse requests that name another host: a page from elsewhere
            could otherwise reach this one through a name that it points here.
    """
    style = "\n".join(
        files("automtl_dashboards").joinpath(*place).read_text(encoding="utf-8")
        for place in (("page.css",), ("live", "live.css"))
    )
    app = Dash(
        "automtl_dashboards",
        title="automtl",
        update_title="",
        include_assets_files=False,
        serve_locally=True,
        index_string=_INDEX.replace("STYLE", style),
    )
    app.layout = _layout(feed)
    _connect(app, feed)
    if only_loopback:
        app.server.before_request(_refuse_other_hosts)
    return app


def _refuse_other_hosts() -> None:
    if request.host.rsplit(":", 1)[0] not in LOOPBACK:
        abort(403)


def _layout(feed: Feed) -> html.Div:
    names = list(feed.names)
    filters = [
        html.Label([kind, dcc.Dropdown(id=f"filter-{kind}", multi=True)], className="filter")
        for kind in KINDS
    ]
    trials = [
        html.Label([f"trial {side}", dcc.Dropdown(id=f"trial-{side}")], className="filter")
        for side in ("a", "b")
    ]
    return html.Div(
        [
            html.Header(
                [
                    html.P("automtl, live", className="kicker"),
                    dcc.Dropdown(id="study", options=names, value=names[0], clearable=False),
                    html.Div(id="headline", className="verdict"),
                    html.Div(filters, className="filters"),
                ]
            ),
            html.Main(
                [
                    _part("compare-trials", "Two trials side by side", trials, "comparison"),
                    _part("compare-studies", "Studies on one scale", [_picker(names)], "studies"),
                    html.Div(id="sections"),
                ]
            ),
            dcc.Interval(id="tick", interval=REFRESH_MS),
            dcc.Store(id="pulse"),
        ]
    )


def _picker(names: Sequence[str]) -> dcc.Dropdown:
    return dcc.Dropdown(id="studies-shown", options=list(names), value=list(names), multi=True)


def _part(anchor: str, title: str, controls: Sequence[Any], output: str) -> html.Section:
    body = [html.H2(title), html.Div(list(controls), className="filters"), html.Div(id=output)]
    return html.Section(body, id=anchor)


def _connect(app: Dash, feed: Feed) -> None:
    """Say what follows what: a tick finds news, news and choices draw."""
    filters = [Input(f"filter-{kind}", "value") for kind in KINDS]

    @app.callback(
        Output("pulse", "data"),
        Input("tick", "n_intervals"),
        Input("study", "value"),
        State("pulse", "data"),
    )
    def _look(_n: int | None, name: str, known: list[Any] | None) -> Any:  # a value or no_update
        if name not in feed.names:  # a page of before that the browser kept
            return no_update
        news = [name, feed.pulse(name)]
        return no_update if news == known else news

    @app.callback(
        Output("headline", "children"),
        Output("sections", "children"),
        Input("pulse", "data"),
        *filters,
        prevent_initial_call=True,
    )
    def _draw(pulse: list[Any], *wanted: list[str] | None) -> tuple[Any, list[Any]]:
        snapshot = feed.snapshot(pulse[0])
        return _drawn(snapshot, dict(zip(KINDS, (w or [] for w in wanted), strict=True)))

    _offer(app, feed)

    @app.callback(
        Output("comparison", "children"),
        Input("pulse", "data"),
        Input("trial-a", "value"),
        Input("trial-b", "value"),
        prevent_initial_call=True,
    )
    def _compare(pulse: list[Any], first: int | None, second: int | None) -> Any:
        return comparison(feed.snapshot(pulse[0]), first, second)

    @app.callback(
        Output("studies", "children"),
        Input("pulse", "data"),
        Input("studies-shown", "value"),
        prevent_initial_call=True,
    )
    def _compare_studies(_pulse: list[Any], names: list[str] | None) -> Any:
        return _studies({name: feed.snapshot(name) for name in names or []})


def _offer(app: Dash, feed: Feed) -> None:
    """Offer what occurs in the study: values to filter by, trials to compare."""

    @app.callback(
        *(Output(f"filter-{kind}", "options") for kind in KINDS),
        Output("trial-a", "options"),
        Output("trial-b", "options"),
        Input("pulse", "data"),
        prevent_initial_call=True,
    )
    def _options(pulse: list[Any]) -> tuple[Any, ...]:
        history = feed.snapshot(pulse[0]).history
        choices = choices_of(history)
        trials = [{"label": f"trial {r.number}", "value": r.number} for r in history]
        return *(choices[kind] for kind in KINDS), trials, trials


def _drawn(snapshot: Snapshot, wanted: dict[str, list[str]]) -> tuple[Any, list[Any]]:
    study = snapshot.study
    # Who is on the front is a matter of all trials, not of those that are shown.
    standing = standing_of(snapshot.history, study.objectives, snapshot.picks, snapshot.floors)
    words = headline(snapshot.history, standing, snapshot.picks)
    shown = filtered(snapshot, wanted)
    top = dcc.Markdown(words, dangerously_allow_html=True)
    return top, [section_part(section) for section in sections_of(shown, standing)]


def _studies(snapshots: dict[str, Snapshot]) -> Any:
    figure = fill_studies(snapshots)
    if figure is None:
        return html.P("No study has a completed trial yet.", className="calm")
    out = ", ".join(figure.left_out)
    note = [html.P(f"Other objectives, or no trial yet: {out}", className="calm")] if out else []
    return [graph("studies-figure", draw_studies(figure)), *note]
