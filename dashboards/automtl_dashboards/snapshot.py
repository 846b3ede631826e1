"""What a ledger says of a study at one moment: all that a report or a live page is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from automtl.analysis.effects import Lessons
from automtl.analysis.rung_standing import RungStanding
from automtl.attempts import Attempt
from automtl.left_out import LeftOut
from automtl.results import Note, Pick, StudyInfo, TrialRecord
from automtl_dashboards.gallery import Gallery
from automtl_dashboards.runs import Runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A study, running or ended.

    Attributes:
        study: The study.
        history: All trials by number.
        picks: All picks; the newest counts.
        floors: By trivial predictor, its metrics.
        lessons: What the choices had to do with each objective, and what sharing gained.
        attempts: Executions of the trials.
        gallery: The same frames as several trials see them, if they were drawn.
        runs: The trials' runs in MLflow.
        notes: Commands for the reader by title, e.g. how to open MLflow.
        trial_notes: What attempts had to say besides numbers.
        left_out: What of the data is not used, or was mended.
        rungs: What early stopping did, lowest rung first; none without it.
    """

    study: StudyInfo
    history: Sequence[TrialRecord]
    picks: Sequence[Pick] = ()
    floors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    lessons: Lessons = field(default_factory=Lessons)
    attempts: Sequence[Attempt] = ()
    gallery: Gallery | None = None
    runs: Runs = field(default_factory=Runs)
    notes: Mapping[str, str] = field(default_factory=dict)
    trial_notes: Sequence[Note] = ()
    left_out: Sequence[LeftOut] = ()
    rungs: Sequence[RungStanding] = ()
