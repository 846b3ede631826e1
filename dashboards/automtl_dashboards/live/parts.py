"""Sections and figures of a report as parts of a live page."""

from typing import Any

import plotly.graph_objects as go
from dash import dcc, html

from automtl_dashboards.page import Section

CONFIG: Any = {
    "displaylogo": False,
    # plotly.js offers by default to upload a chart; a study is private.
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}

HOVER = {"bgcolor": "#1c222b", "bordercolor": "#5b6675", "font": {"color": "#f1f4f8"}}


def section_part(section: Section) -> html.Section:
    """Return a section of the report. Its texts are HTML already, escaped where they were made."""
    parts: list[Any] = [html.H2(section.title)]
    if section.intro:
        parts.append(_as_it_is(section.intro, "intro"))
    if section.figure is not None:
        parts.append(graph(f"figure-{section.anchor}", section.figure))
    if section.body:
        parts.append(_as_it_is(section.body, ""))
    return html.Section(parts, id=section.anchor, key=section.anchor)


def graph(name: str, figure: go.Figure) -> dcc.Graph:
    """Return a figure that keeps the reader's zoom when it is drawn anew."""
    figure.update_layout(hoverlabel=HOVER, uirevision=name)
    height = {"height": f"{int(figure.layout.height)}px"}
    return dcc.Graph(id=name, figure=figure, config=CONFIG, style=height, responsive=True)


def _as_it_is(text: str, css: str) -> dcc.Markdown:
    # A block of HTML ends at an empty line, which none of the report's texts has.
    return dcc.Markdown(f"<div>{text}</div>", dangerously_allow_html=True, className=css)
