"""Two trials side by side, drawn: differences, networks, curves, pictures."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import plotly.graph_objects as go
from dash import html

from automtl.results import TrialRecord
from automtl_dashboards.figures.curves import CurvesFigure, LineRole, draw_curves, fill_objectives
from automtl_dashboards.figures.members import draw_members, fill_members
from automtl_dashboards.gallery import Gallery, data_uri
from automtl_dashboards.live.compare import Row, differences, values_of
from automtl_dashboards.live.parts import graph
from automtl_dashboards.snapshot import Snapshot
from automtl_dashboards.standing import standing_of


def comparison(snapshot: Snapshot, first: int | None, second: int | None) -> list[Any]:
    """Return what two trials have in common and what not; a request while one is missing."""
    records = {record.number: record for record in snapshot.history}
    if first not in records or second not in records or first == second:
        return [html.P("Choose two trials.", className="calm")]
    pair = (records[first], records[second])
    metrics = tuple(o.metric for o in snapshot.study.objectives)
    heads = (f"trial {first}", f"trial {second}")
    found: list[Any] = [_table(("", *heads), values_of(*pair, metrics), "values")]
    rows = differences(*pair)
    found += [
        _table(("differs in", *heads), rows, "differences")
        if rows
        else html.P("The two configurations are the same.", className="calm")
    ]
    return [*found, *_figures(snapshot, pair), *_pictures(snapshot.gallery, pair)]


def _figures(snapshot: Snapshot, pair: Sequence[TrialRecord]) -> list[Any]:
    objectives = snapshot.study.objectives
    standing = standing_of(snapshot.history, objectives, snapshot.picks, snapshot.floors)
    members = fill_members(pair, standing)
    found = []
    if members is not None:
        found.append(graph("compared-members", draw_members(members)))
    # Curves leave out baselines and replicates, which here are asked for by number.
    shown = [record.model_copy(update={"origin": "compared"}) for record in pair]
    curves = fill_objectives(shown, standing)
    if curves is not None:
        found.append(graph("compared-curves", _draw_pair(curves, pair)))
    return found


def _draw_pair(curves: CurvesFigure, pair: Sequence[TrialRecord]) -> go.Figure:
    """Draw one trial in the colour of a pick, the other in that of a panel's best."""
    roles = {pair[0].number: LineRole.PICK, pair[1].number: LineRole.BEST}
    panels = tuple(
        replace(panel, lines=tuple(replace(line, role=roles[line.number]) for line in panel.lines))
        for panel in curves.panels
    )
    names = {role.value: f"trial {number}" for number, role in roles.items()}
    drawn = draw_curves(replace(curves, panels=panels))
    drawn.for_each_trace(lambda trace: trace.update(name=names.get(trace.name, trace.name)))
    return drawn


def _pictures(gallery: Gallery | None, pair: Sequence[TrialRecord]) -> list[Any]:
    drawn = () if gallery is None else gallery.trials
    shown = [record.number for record in pair if record.number in drawn]
    if gallery is None or not shown:
        which = f": {', '.join(map(str, drawn))}" if drawn else ""
        words = f"When a search ends, pictures are drawn for some trials of its front{which}."
        return [html.P(words, className="calm")]
    rows = [
        html.Tr(
            [html.Td(html.Img(src=data_uri(frame.labels), alt=f"{frame.name}: labels"))]
            + [html.Td(html.Img(src=data_uri(frame.seen[n]), alt=f"trial {n}")) for n in shown]
        )
        for frame in gallery.frames
    ]
    heads = [html.Th("labels"), *(html.Th(f"trial {number}") for number in shown)]
    return [html.Table([html.Thead(html.Tr(heads)), html.Tbody(rows)], className="gallery")]


def _table(heads: Sequence[str], rows: Sequence[Row], css: str) -> html.Div:
    head = html.Thead(html.Tr([html.Th(text) for text in heads]))
    body = html.Tbody([html.Tr([html.Td(text) for text in row]) for row in rows])
    return html.Div(html.Table([head, body], className=css), className="scroll")
