"""The parts of a report, each from what the ledger says."""

import html
from collections.abc import Mapping, Sequence

from automtl.analysis.replicates import is_trained_once, replication_of
from automtl.results import TrialRecord
from automtl_dashboards.choices import choices_table, fill_choices
from automtl_dashboards.figures.curves import draw_curves, fill_losses, fill_objectives
from automtl_dashboards.figures.front import fill_front
from automtl_dashboards.figures.front_drawing import draw_front
from automtl_dashboards.figures.hypervolume import draw_hypervolume, fill_hypervolume
from automtl_dashboards.figures.members import draw_members, fill_members
from automtl_dashboards.figures.parallel import draw_parallel, fill_parallel
from automtl_dashboards.figures.replicates import draw_replicates, fill_replicates
from automtl_dashboards.figures.timeline import draw_timeline, fill_timeline
from automtl_dashboards.gallery import gallery_html
from automtl_dashboards.labels import with_code
from automtl_dashboards.lessons import lessons_table, lessons_words
from automtl_dashboards.page import Section
from automtl_dashboards.replicates import once_words, replicates_table, replicates_words
from automtl_dashboards.runs import run_words
from automtl_dashboards.snapshot import Snapshot
from automtl_dashboards.standing import Standing, notable
from automtl_dashboards.summary import facts_of, reference_words
from automtl_dashboards.tables import facts_list, glance_table, trials_table
from automtl_dashboards.wrongs import failures_table, left_out_table, notes_table

CURVE_TRIALS = 400
"""Trials whose curves are drawn besides those of the front; more would hide one another."""

SHOWN_MEMBERS = 5
"""Members of the front whose networks are drawn; a sixth would be on the next page."""


def glance_section(snapshot: Snapshot, standing: Standing) -> Section:
    """Return the pick's objectives beside what they are to be compared with."""
    body = glance_table(snapshot.history, standing)
    return Section(anchor="glance", title="At a glance", body=body)


def study_section(snapshot: Snapshot, standing: Standing) -> Section:
    """Return the facts of the study, and commands for the reader."""
    body = facts_list(facts_of(snapshot, standing))
    if snapshot.notes:
        notes = snapshot.notes.items()
        commands = [(name, f"<code>{html.escape(text)}</code>") for name, text in notes]
        body += f"<div class='commands'>{facts_list(commands)}</div>"
    return Section(anchor="study", title="The study", body=body)


def front_section(snapshot: Snapshot, standing: Standing) -> Section:
    """Return every pair of objectives."""
    again = replication_of(snapshot.history, standing.objectives)
    deltas = snapshot.lessons.deltas.deltas
    figure = fill_front(snapshot.history, standing, deltas, again, snapshot.runs)
    if figure is None:
        return _empty("front", "The front", "No trial has a value for every objective yet.")
    return Section(
        anchor="front",
        title="The front",
        intro="Blue trials are dominated by no other trial in all objectives taken together; "
        "grey ones are. The star is the pick; a diamond is a baseline of all tasks. "
        "A click on a trial leads to its row in the table"
        + (" and there to its run in MLflow" if snapshot.runs.page else "")
        + ". Arrows in the titles show what is better. A line that would lie outside the picture "
        "is left out; its value stands under At a glance.",
        figure=draw_front(figure),
    )


def replicates_sections(snapshot: Snapshot, standing: Standing) -> list[Section]:
    """Return what new seeds say of the front, where there are any."""
    again = replication_of(snapshot.history, standing.objectives)
    if again is None:
        command = snapshot.notes.get("New seeds")
        if not command or not is_trained_once(snapshot.history, standing.objectives):
            return []
        return [_empty("replicates", "New seeds", once_words(command))]
    figure = fill_replicates(snapshot.history, again, standing.objectives)
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


def members_sections(snapshot: Snapshot, standing: Standing) -> list[Section]:
    """Return the networks of the front: what they share, what trained when, how it was weighed.

    Trials of another program's training code have no such networks, and no such section.
    """
    chosen = notable(snapshot.history, standing, limit=SHOWN_MEMBERS)
    figure = fill_members(chosen, standing)
    if figure is None:
        return []
    rest = len(standing.front) - len(figure.members)
    return [
        Section(
            anchor="members",
            title="The networks of the front",
            intro="Left: which stages of the backbone the tasks share, from the picture to the "
            "heads; the number in a box is its channels, and a box in one task's colour is that "
            "task's own. Middle: what trained when; a bar is as dark as the task's share of the "
            "epoch's steps. Right: the weight of each task's loss in its steps."
            + (
                f" The pick and the best of each objective first; {rest} more." if rest > 0 else ""
            ),
            figure=draw_members(figure),
        )
    ]


def gallery_sections(snapshot: Snapshot, standing: Standing) -> list[Section]:
    """Return the same frames as several trials see them, where they were drawn."""
    if snapshot.gallery is None:
        return []
    return [
        Section(
            anchor="pictures",
            title="What they see",
            intro="Frames that no trial was trained on: left the labels, then what members of the "
            "front predict. Tracks are numbered and coloured by each on its own. A click on a "
            "picture enlarges it.",
            body=gallery_html(snapshot.gallery, standing),
        )
    ]


def hypervolume_section(snapshot: Snapshot) -> Section:
    """Return how the search's hypervolume grew."""
    objectives = snapshot.study.objectives
    figure = fill_hypervolume(snapshot.history, objectives)
    if figure is None:
        return _empty("hypervolume", "Hypervolume", "It begins with the first completed trial.")
    words = reference_words(objectives, figure.reference, figure.is_stated)
    return Section(
        anchor="hypervolume",
        title="Hypervolume",
        intro=f"How much of the objectives' space the front covers: it rises while the search "
        f"still finds better trade-offs, and a long flat end says that more trials will add "
        f"little. {words}",
        figure=draw_hypervolume(figure),
    )


def parallel_section(snapshot: Snapshot, standing: Standing) -> Section:
    """Return parameters beside objectives."""
    title = "Parameters and objectives"
    log = log_parameters(snapshot.study.recipe)
    figure = fill_parallel(snapshot.history, standing, log=log, runs=snapshot.runs)
    if figure is None:
        return _empty("parallel", title, "It takes two trials with values to compare.")
    return Section(
        anchor="parallel",
        title=title,
        intro="Each line is a trial. Parameters that all trials share are left out; a line below "
        "the axes does not have that parameter. On the objectives (bold) up is better.",
        figure=draw_parallel(figure),
    )


def choices_section(snapshot: Snapshot, standing: Standing) -> Section:
    """Return medians by value of each choice."""
    title = "What the choices gave"
    choices = fill_choices(snapshot.history, standing)
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


def lessons_section(snapshot: Snapshot, standing: Standing) -> Section:
    """Return which choices had an effect beyond chance."""
    lessons = snapshot.lessons
    table = lessons_table(lessons.effects) if lessons.effects else ""
    return Section(
        anchor="learned",
        title="What was learned",
        intro="Whether sharing, weighting, schedule and each parameter went with better or worse "
        "trials by more than chance gives; numbers are compared in thirds. The search was not a "
        "designed experiment: to be sure, train two configurations that differ in one thing, with "
        "several seeds.",
        body=lessons_words(lessons, standing.objectives) + table,
    )


def curve_sections(snapshot: Snapshot, standing: Standing) -> list[Section]:
    """Return objectives and losses by epoch."""
    shown = _shown_curves(snapshot.history, standing)
    objectives = fill_objectives(shown, standing)
    losses = fill_losses(shown, standing)
    rest = len(snapshot.history) - len(shown)
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


def trials_section(snapshot: Snapshot, standing: Standing) -> Section:
    """Return the table of all trials."""
    compared = snapshot.lessons.deltas
    if not snapshot.history:
        return _empty("trials", "Trials", "There is none yet.")
    return Section(
        anchor="trials",
        title="Trials",
        intro="★ pick, ● on the front; the best value of each objective is bold. A click on a "
        "heading sorts; a heading tells its full name when the mouse rests on it."
        + run_words(snapshot.runs)
        + (f" No Δm: {with_code(compared.why_none)}." if compared.why_none else "")
        + (f" {compared.caution}." if compared.caution else ""),
        body=trials_table(snapshot.history, standing, compared.deltas, snapshot.runs),
    )


def failures_section(snapshot: Snapshot) -> Section:
    """Return the executions that failed, what others said, and what of the data is not used."""
    body = (
        failures_table(snapshot.history)
        + notes_table(snapshot.trial_notes)
        + left_out_table(snapshot.left_out)
    )
    return Section(anchor="failures", title="Failures and notes", body=body)


def timeline_section(snapshot: Snapshot) -> Section:
    """Return which worker ran which trial when."""
    figure = fill_timeline(snapshot.attempts, snapshot.history, snapshot.study.objectives)
    if figure is None:
        return _empty("timeline", "Workers", "No trial has started yet.")
    return Section(
        anchor="timeline",
        title="Workers",
        intro="Which worker ran which trial when; a trial that paused or was lost has several "
        f"bars. A trial ran in {figure.busy_share:.0%} of the workers' time.",
        figure=draw_timeline(figure),
    )


def log_parameters(recipe: Mapping[str, object]) -> frozenset[str]:
    """Return the names of the recipe's parameters whose scale is logarithmic."""
    parameters = recipe.get("parameters")
    if not isinstance(parameters, Mapping):
        return frozenset()
    return frozenset(
        str(name)
        for name, parameter in parameters.items()
        if isinstance(parameter, Mapping) and parameter.get("log") is True
    )


def _empty(anchor: str, title: str, sentence: str) -> Section:
    return Section(anchor=anchor, title=title, body=f"<p class='calm'>{sentence}</p>")


def _shown_curves(history: Sequence[TrialRecord], standing: Standing) -> list[TrialRecord]:
    kept = {record.number for record in history[-CURVE_TRIALS:]} | standing.front
    return [r for r in history if r.number in kept or r.number == standing.pick]
