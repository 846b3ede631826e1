"""The report of a study: one static HTML file that works without any network."""

import html
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from automtl.analysis.delta import Comparison
from automtl.analysis.effects import Lessons
from automtl.analysis.replicates import replication_of
from automtl.results import Pick, StudyInfo, TrialRecord
from automtl_dashboards.choices import choices_table, fill_choices
from automtl_dashboards.figures.curves import draw_curves, fill_losses, fill_objectives
from automtl_dashboards.figures.front import draw_front, fill_front
from automtl_dashboards.figures.hypervolume import draw_hypervolume, fill_hypervolume
from automtl_dashboards.figures.parallel import draw_parallel, fill_parallel
from automtl_dashboards.figures.replicates import draw_replicates, fill_replicates
from automtl_dashboards.figures.timeline import draw_timeline, fill_timeline
from automtl_dashboards.lessons import lessons_table, lessons_words
from automtl_dashboards.page import Section, render_page
from automtl_dashboards.replicates import replicates_table, replicates_words
from automtl_dashboards.standing import Standing, standing_of
from automtl_dashboards.summary import description_of, facts_of, headline, reference_words
from automtl_dashboards.tables import facts_list, failures_table, glance_table, trials_table

CURVE_TRIALS = 400
"""Trials whose curves are drawn besides those of the front; more would hide one another."""


def write_report(
    path: Path,
    *,
    study: StudyInfo,
    history: Sequence[TrialRecord],
    picks: Sequence[Pick],
    floors: Mapping[str, Mapping[str, float]] | None,
    lessons: Lessons,
    notes: Mapping[str, str],
) -> Path:
    """Write the report of a study, running or ended, and return its path.

    The file appears whole or not at all: a reader never sees half of one.

    Args:
        path: Where to write; the folder is made if it is missing.
        study: The study.
        history: All trials, ordered by number.
        picks: All picks; the newest counts.
        floors: By trivial predictor, its metrics.
        lessons: What the choices had to do with each objective, and what sharing gained.
        notes: Commands for the reader by title, e.g. how to open MLflow.
    """
    text = report_html(
        study=study,
        history=history,
        picks=picks,
        floors=floors,
        lessons=lessons,
        notes=notes,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # A temporary file is private; a report is as readable as any file of the user.
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def report_html(
    *,
    study: StudyInfo,
    history: Sequence[TrialRecord],
    picks: Sequence[Pick],
    floors: Mapping[str, Mapping[str, float]] | None,
    lessons: Lessons,
    notes: Mapping[str, str],
) -> str:
    """Return the report as text; see :func:`write_report`."""
    standing = standing_of(history, study.objectives, picks, floors)
    header = (
        f"<p class='kicker'>automtl study</p><h1>{html.escape(study.name)}</h1>"
        f"{description_of(study)}"
        f"<div class='verdict'>{headline(history, standing, picks)}</div>"
    )
    sections = [
        Section(anchor="glance", title="At a glance", body=glance_table(history, standing)),
        _study_section(study, history, standing, notes),
        _front_section(history, standing, lessons.deltas),
        *_replicates_sections(history, standing),
        _hypervolume_section(study, history),
        _parallel_section(study, history, standing),
        _choices_section(history, standing),
        _lessons_section(lessons, standing),
        *_curve_sections(history, standing),
        _trials_section(history, standing, lessons.deltas),
        Section(anchor="failures", title="Failures", body=failures_table(history)),
        _timeline_section(study, history),
    ]
    footer = "<p>This file needs no network and connects to nothing.</p>"
    title = f"{study.name} · automtl"
    return render_page(title=title, header=header, sections=sections, footer=footer)


def _study_section(
    study: StudyInfo,
    history: Sequence[TrialRecord],
    standing: Standing,
    notes: Mapping[str, str],
) -> Section:
    body = facts_list(facts_of(study, history, standing))
    if notes:
        commands = [(name, f"<code>{html.escape(text)}</code>") for name, text in notes.items()]
        body += f"<div class='commands'>{facts_list(commands)}</div>"
    return Section(anchor="study", title="The study", body=body)


def _front_section(
    history: Sequence[TrialRecord], standing: Standing, compared: Comparison
) -> Section:
    figure = fill_front(history, standing, compared.deltas)
    if figure is None:
        return _empty("front", "The front", "No trial has a value for every objective yet.")
    return Section(
        anchor="front",
        title="The front",
        intro="Blue trials are dominated by no other trial in all objectives taken together; "
        "grey ones are. The star is the pick; a diamond is a baseline of all tasks. "
        "Arrows in the titles show what is better. A line "
        "that would lie outside the picture is left out; its value stands under At a glance.",
        figure=draw_front(figure),
    )


def _replicates_sections(history: Sequence[TrialRecord], standing: Standing) -> list[Section]:
    again = replication_of(history, standing.objectives)
    if again is None:
        return []
    figure = fill_replicates(history, again, standing.objectives)
    return [
        Section(
            anchor="replicates",
            title="New seeds",
            intro="A front is chosen for its best values, and some of these were luck. Here its "
            "configurations were trained again: the mean over new seeds, without the value that "
            "the search saw, and its 95 % interval (Student's t). The probability of being on "
            "the front is that of the means when seeds are drawn again (bootstrap).",
            figure=draw_replicates(figure),
            body=replicates_words(again) + replicates_table(again, standing),
        )
    ]


def _hypervolume_section(study: StudyInfo, history: Sequence[TrialRecord]) -> Section:
    figure = fill_hypervolume(history, study.objectives)
    if figure is None:
        return _empty("hypervolume", "Hypervolume", "It begins with the first completed trial.")
    words = reference_words(study.objectives, figure.reference, figure.is_stated)
    return Section(
        anchor="hypervolume",
        title="Hypervolume",
        intro=f"How much of the objectives' space the front covers: it rises while the search "
        f"still finds better trade-offs, and a long flat end says that more trials will add "
        f"little. {words}",
        figure=draw_hypervolume(figure),
    )


def _parallel_section(
    study: StudyInfo, history: Sequence[TrialRecord], standing: Standing
) -> Section:
    title = "Parameters and objectives"
    figure = fill_parallel(history, standing, log=_log_parameters(study.recipe))
    if figure is None:
        return _empty("parallel", title, "It takes two trials with values to compare.")
    return Section(
        anchor="parallel",
        title=title,
        intro="Each line is a trial. Parameters that all trials share are left out; a line below "
        "the axes does not have that parameter. On the objectives (bold) up is better.",
        figure=draw_parallel(figure),
    )


def _choices_section(history: Sequence[TrialRecord], standing: Standing) -> Section:
    title = "What the choices gave"
    choices = fill_choices(history, standing)
    if not choices:
        return _empty("choices", title, "It takes completed trials that chose differently.")
    return Section(
        anchor="choices",
        title=title,
        intro="The median of each objective over the completed trials that chose a value. Those "
        "trials differ in other ways too, and the search tries what looks good more often: this "
        "is a hint of what matters on this data, not a proof.",
        body=choices_table(choices, standing.objectives),
    )


def _lessons_section(lessons: Lessons, standing: Standing) -> Section:
    title = "What was learned"
    table = lessons_table(lessons.effects) if lessons.effects else ""
    return Section(
        anchor="learned",
        title=title,
        intro="Whether sharing, weighting and schedule went with better or worse trials by more "
        "than chance gives. The search was not a designed experiment: to be sure, train two "
        "configurations that differ in one thing, with several seeds.",
        body=lessons_words(lessons, standing.objectives) + table,
    )


def _curve_sections(history: Sequence[TrialRecord], standing: Standing) -> list[Section]:
    shown = _shown_curves(history, standing)
    objectives = fill_objectives(shown, standing)
    losses = fill_losses(shown, standing)
    rest = len(history) - len(shown)
    cut = f" The last {CURVE_TRIALS} trials and the front are drawn." if rest else ""
    alone = (
        "; the dashed line is a network trained for that task alone"
        if standing.single_task
        else ""
    )
    if objectives is None:
        curves = _empty("curves", "Curves by task", "No trial has reported an objective yet.")
    else:
        curves = Section(
            anchor="curves",
            title="Curves by task",
            intro=f"What every trial reached on the validation split, epoch by epoch{alone}.{cut}",
            figure=draw_curves(objectives),
        )
    if losses is None:
        return [curves, _empty("losses", "Losses by task", "No trial has reported a loss.")]
    intro = (
        "Raw losses show whether training went well. They select nothing: under different "
        f"weights their size says little.{cut}"
    )
    figure = draw_curves(losses)
    return [
        curves,
        Section(anchor="losses", title="Losses by task", intro=intro, figure=figure),
    ]


def _trials_section(
    history: Sequence[TrialRecord],
    standing: Standing,
    compared: Comparison,
) -> Section:
    if not history:
        return _empty("trials", "Trials", "There is none yet.")
    return Section(
        anchor="trials",
        title="Trials",
        intro="★ pick, ● on the front; the best value of each objective is bold. A click on a "
        "heading sorts; a heading tells its full name when the mouse rests on it."
        + (f" No Δm: {html.escape(compared.why_none)}." if compared.why_none else ""),
        body=trials_table(history, standing, compared.deltas),
    )


def _timeline_section(study: StudyInfo, history: Sequence[TrialRecord]) -> Section:
    figure = fill_timeline(history, study.objectives)
    if figure is None:
        return _empty("timeline", "Workers", "No trial has started yet.")
    return Section(
        anchor="timeline",
        title="Workers",
        intro=f"Which worker ran which trial when. A trial ran in {figure.busy_share:.0%} of the "
        "workers' time.",
        figure=draw_timeline(figure),
    )


def _empty(anchor: str, title: str, sentence: str) -> Section:
    return Section(anchor=anchor, title=title, body=f"<p class='calm'>{sentence}</p>")


def _shown_curves(history: Sequence[TrialRecord], standing: Standing) -> list[TrialRecord]:
    kept = {record.number for record in history[-CURVE_TRIALS:]} | standing.front
    return [r for r in history if r.number in kept or r.number == standing.pick]


def _log_parameters(recipe: Mapping[str, object]) -> frozenset[str]:
    parameters = recipe.get("parameters")
    if not isinstance(parameters, Mapping):
        return frozenset()
    return frozenset(
        str(name)
        for name, parameter in parameters.items()
        if isinstance(parameter, Mapping) and parameter.get("log") is True
    )
