"""Sections and figures of a report as parts of a live page."""

from typing import Any

import plotly.graph_objects as go
from dash import Output, dcc, html, no_update

from automtl_dashboards.page import Section

CONFIG: Any = {
    "displaylogo": False,
    # plotly.js offers by default to upload a chart; a study is private.
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}

HIDDEN = {"display": "none"}

HOVER = {"bgcolor": "#1c222b", "bordercolor": "#5b6675", "font": {"color": "#f1f4f8"}}


def section_frame(anchor: str) -> html.Section:
    """Return a section without what it says, hidden.

    Frames stay in the page when a study changes, so that a reader's zoom and place stay too.
    """
    parts = [
        html.H2(id=f"{anchor}-title"),
        html.Div(id=f"{anchor}-intro", className="intro"),
        hidden_graph(f"figure-{anchor}"),
        html.Div(id=f"{anchor}-body"),
    ]
    return html.Section(parts, id=anchor, style=HIDDEN)


def hidden_graph(name: str) -> dcc.Graph:
    """Return a graph that shows itself with its first figure."""
    return dcc.Graph(id=name, config=CONFIG, style=HIDDEN, responsive=True)


def frame_outputs(anchor: str) -> list[Output]:
    """Return what of a section's frame changes, in the order of :func:`frame_values`."""
    return [
        Output(anchor, "style"),
        Output(f"{anchor}-title", "children"),
        Output(f"{anchor}-intro", "data-html"),
        Output(f"figure-{anchor}", "style"),
        Output(f"figure-{anchor}", "figure"),
        Output(f"{anchor}-body", "data-html"),
    ]


def frame_values(section: Section | None) -> list[Any]:
    """Return what stands in a frame; a section that is not there is hidden.

    Its texts are HTML already, escaped where they were made.
    """
    if section is None:
        return [HIDDEN, *[no_update] * 5]
    figure = section.figure
    words = [{}, section.title, section.intro]
    if figure is None:
        return [*words, HIDDEN, no_update, section.body]
    return [*words, height_of(figure), lasting(figure, section.anchor), section.body]


def height_of(figure: go.Figure) -> dict[str, str]:
    """Return the style of a graph as high as its figure."""
    return {"height": f"{int(figure.layout.height)}px"}


def lasting(figure: go.Figure, name: str) -> go.Figure:
    """Let a figure keep the reader's zoom when another of the same name takes its place."""
    return figure.update_layout(hoverlabel=HOVER, uirevision=name)


def graph(name: str, figure: go.Figure) -> dcc.Graph:
    """Return a graph that is drawn once."""
    drawn = lasting(figure, name)
    return dcc.Graph(id=name, figure=drawn, config=CONFIG, style=height_of(drawn), responsive=True)


def as_it_is(text: str) -> html.Div:
    """Return HTML as a part of the page, put in place by ``live.js``."""
    named: Any = {"data-html": text}  # no name of an argument
    return html.Div(**named)
