"""What a study's trials say about its choices: sharing, weighting, schedule."""

from collections.abc import Sequence

from automtl.analysis.effects import Lessons, effects
from automtl.config import TrialConfig
from automtl.results import Objective, TrialRecord
from automtl.study.deltas import deltas_of
from automtl.study.words import kind_of, n_stages

SHARING = "sharing"
WEIGHTING = "weighting"
SCHEDULE = "schedule"


def lessons_of(history: Sequence[TrialRecord], objectives: Sequence[Objective]) -> Lessons:
    """Measure what the three choices had to do with each objective, and what sharing gained.

    Only trials that were trained to the end take part; baselines do not. Trials of another
    program's training code, whose configuration is free, give no lesson.
    """
    trials = [
        (record, config)
        for record in history
        if record.is_candidate
        and record.vector(objectives) is not None
        and (config := _config_of(record)) is not None
    ]
    choices = {
        SHARING: [sharing_level(config) for _, config in trials],
        WEIGHTING: [kind_of(record, WEIGHTING) for record, _ in trials],
        SCHEDULE: [kind_of(record, SCHEDULE) for record, _ in trials],
    }
    found = tuple(
        effect
        for objective in objectives
        for effect in effects(
            choices,
            objective.metric,
            [record.values[objective.metric] for record, _ in trials],
            maximize=objective.maximize,
            interactions=((SHARING, SCHEDULE),),
        )
    )
    measured = {effect.choice for effect in found}
    return Lessons(
        effects=found,
        too_few=tuple(c for c in choices if c not in measured),
        deltas=deltas_of(history),
    )


def sharing_level(config: TrialConfig) -> str:
    """Say in four words how much of the backbone the tasks share.

    The measure is the mean, over neighbours in the chain, of the share of stages they run
    together. Single trees are too many to compare: each has a handful of trials.

    >>> from automtl.config import SharingConfig
    >>> tree = SharingConfig(order=("detection", "tracking"), split_after=(1,))
    >>> sharing_level(TrialConfig(sharing=tree))
    'less than half'
    """
    stages = n_stages(config.backbone.name) or max(config.sharing.split_after, default=0)
    splits = [min(split, stages) for split in config.sharing.split_after]
    if not splits or not any(splits):
        return "nothing"
    share = sum(splits) / (stages * len(splits))
    if share >= 1:
        return "everything"
    return "half or more" if share >= 0.5 else "less than half"


def _config_of(record: TrialRecord) -> TrialConfig | None:
    try:
        return TrialConfig.from_plain(record.config)
    except ValueError:  # another program's trainable: its configuration is free
        return None
