"""The live page: the report's own sections, drawn anew when something happened in a study.

Everything it needs is served by this process: no style, script or font comes from elsewhere.
"""

from typing import Any

from dash import Dash, Input, Output, State, html, no_update, set_props

from automtl.errors import AutomtlError
from automtl_dashboards.figures.studies import draw_studies, fill_studies
from automtl_dashboards.live.compare import states_of
from automtl_dashboards.live.compare_view import comparison
from automtl_dashboards.live.feed import Feed
from automtl_dashboards.live.filters import KINDS, Wanted, choices_of, filtered
from automtl_dashboards.live.guard import forbid_what_is_not_ours, refuse_other_names
from automtl_dashboards.live.layout import SIDES, index, layout, script
from automtl_dashboards.live.parts import (
    HIDDEN,
    as_it_is,
    frame_outputs,
    frame_values,
    height_of,
    lasting,
)
from automtl_dashboards.page import Section, script_sum
from automtl_dashboards.report import ANCHORS, answer_sections, evidence_sections
from automtl_dashboards.snapshot import Snapshot
from automtl_dashboards.standing import Standing, standing_of
from automtl_dashboards.summary import headline


def make_app(feed: Feed, *, only_loopback: bool = True) -> Dash:
    """Return the page's application.

    Args:
        feed: The studies.
        only_loopback: Whether to refuse requests that name another host.
    """
    app = Dash(
        "automtl_dashboards",
        title="automtl",
        update_title="",
        include_assets_files=False,
        serve_locally=True,
        index_string=index(),
        on_error=_tell,
    )
    app.layout = layout(feed.names)
    _follow(app, feed)
    _draw_sections(app, feed)
    _draw_comparisons(app, feed)
    if only_loopback:
        refuse_other_names(app.server)
    forbid_what_is_not_ours(app.server, [*app.csp_hashes(), script_sum(script())])
    return app


def _tell(error: Exception) -> None:
    """Say on the page what went wrong with a ledger; it is asked again at the next tick."""
    if not isinstance(error, AutomtlError):
        raise error
    set_props("live-notice", {"children": f"{error} What is shown is older."})


def _follow(app: Dash, feed: Feed) -> None:
    """Look for news at each tick; with another study, begin anew."""

    @app.callback(
        Output("live-pulse", "data"),
        Output("live-notice", "children"),
        Input("live-tick", "n_intervals"),
        Input("live-study", "value"),
        State("live-pulse", "data"),
    )
    def _look(_n: int | None, name: str, known: list[Any] | None) -> tuple[Any, str]:
        news = [name, feed.pulse(name)]
        return (no_update if news == known else news), ""

    @app.callback(
        *(Output(f"filter-{kind}", "value") for kind in KINDS),
        *(Output(f"compare-{side}", "value") for side in SIDES),
        Input("live-study", "value"),
        prevent_initial_call=True,
    )
    def _begin(_name: str) -> tuple[Any, ...]:
        return *([] for _ in KINDS), *(None for _ in SIDES)

    @app.callback(
        *(Output(f"filter-{kind}", "options") for kind in KINDS),
        *(Output(f"compare-{side}", "options") for side in SIDES),
        Input("live-pulse", "data"),
        prevent_initial_call=True,
    )
    def _offer(pulse: list[Any]) -> tuple[Any, ...]:
        history = feed.snapshot(pulse[0]).history
        choices = choices_of(history)
        trials = [
            {"label": f"trial {r.number}, {r.status.value}", "value": r.number} for r in history
        ]
        return *(choices[kind] for kind in KINDS), *(trials for _ in SIDES)


def _draw_sections(app: Dash, feed: Feed) -> None:
    @app.callback(
        Output("live-headline", "children"),
        Output("live-nav", "children"),
        *(output for anchor in ANCHORS for output in frame_outputs(anchor)),
        Input("live-pulse", "data"),
        *(Input(f"filter-{kind}", "value") for kind in KINDS),
        prevent_initial_call=True,
    )
    def _draw(pulse: list[Any], *wanted: list[str] | None) -> tuple[Any, ...]:
        by_kind = dict(zip(KINDS, (w or [] for w in wanted), strict=True))
        snapshot = feed.snapshot(pulse[0])
        sections = drawn_sections(snapshot, by_kind)
        by_anchor = {section.anchor: section for section in sections}
        values = [v for anchor in ANCHORS for v in frame_values(by_anchor.get(anchor))]
        return as_it_is(_words(snapshot)), _links(sections), *values


def drawn_sections(snapshot: Snapshot, wanted: Wanted) -> list[Section]:
    """Return the report's sections: what a study says as a whole, and what is seen of some."""
    standing = _standing(snapshot)
    some = filtered(snapshot, wanted)
    return [*answer_sections(snapshot, standing), *evidence_sections(some, standing)]


def _words(snapshot: Snapshot) -> str:
    return headline(snapshot.history, _standing(snapshot), snapshot.picks)


def _standing(snapshot: Snapshot) -> Standing:
    # Who is on the front is a matter of all trials, not of those that are shown.
    objectives = snapshot.study.objectives
    return standing_of(snapshot.history, objectives, snapshot.picks, snapshot.floors)


def _links(sections: list[Section]) -> list[Any]:
    links = [(section.anchor, section.title) for section in sections]
    links += [("compare-trials", "Two trials"), ("compare-studies", "Studies")]
    return [html.A(title, href=f"#{anchor}") for anchor, title in links]


def _draw_comparisons(app: Dash, feed: Feed) -> None:
    @app.callback(
        Output("live-comparison", "children"),
        Output("live-pair", "data"),
        Input("live-pulse", "data"),
        *(Input(f"compare-{side}", "value") for side in SIDES),
        State("live-pair", "data"),
        prevent_initial_call=True,
    )
    def _compare(
        pulse: list[Any], first: int | None, second: int | None, known: list[Any] | None
    ) -> tuple[Any, Any]:
        snapshot = feed.snapshot(pulse[0])
        pair = [pulse[0], *states_of(snapshot, first, second)]
        # What did not change is not drawn again: it would lose the reader's zoom.
        same = pair == known
        return no_update if same else comparison(snapshot, first, second), pair

    @app.callback(
        Output("studies-figure", "style"),
        Output("studies-figure", "figure"),
        Output("live-studies-note", "children"),
        Input("live-pulse", "data"),
        Input("live-compared", "value"),
        prevent_initial_call=True,
    )
    def _compare_studies(_pulse: list[Any], names: list[str] | None) -> tuple[Any, ...]:
        return _studies({name: feed.snapshot(name) for name in names or []})


def _studies(snapshots: dict[str, Snapshot]) -> tuple[Any, ...]:
    figure = fill_studies(snapshots)
    if figure is None:
        return HIDDEN, no_update, "None of these studies has a completed trial yet."
    out = ", ".join(figure.left_out)
    note = f"Other objectives, or no trial yet: {out}" if out else ""
    drawn = draw_studies(figure)
    return height_of(drawn), lasting(drawn, "studies"), note
