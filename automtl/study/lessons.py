"""What a study's trials say about its choices: sharing, weighting, schedule, any parameter."""

from collections.abc import Mapping, Sequence

from automtl.analysis.effects import Lessons, effects, is_comparable
from automtl.analysis.levels import levels_of
from automtl.config import TrialConfig
from automtl.results import Objective, TrialRecord
from automtl.study.deltas import deltas_of
from automtl.study.words import kind_of, n_stages

SHARING = "sharing"
WEIGHTING = "weighting"
SCHEDULE = "schedule"

WRITES_CHOICES = ("sharing.", "weighting.kind", "schedule.kind")
"""Beginnings of the parameters that the three choices stand for."""


def lessons_of(history: Sequence[TrialRecord], objectives: Sequence[Objective]) -> Lessons:
    """Measure what each choice and each parameter had to do with each objective.

    Only trials that were trained to the end take part; baselines do not. In a search of automtl's
    own networks sharing, weighting and schedule come first, as what they are and not as the
    parameters that write them; code of the user's own has parameters alone.
    """
    trials = [r for r in history if r.is_candidate and r.vector(objectives) is not None]
    configs = {r.number: config for r in trials if (config := _config_of(r)) is not None}
    is_own_code = bool(trials) and not configs
    if not is_own_code:
        trials = [record for record in trials if record.number in configs]
    choices = {} if is_own_code else _three_choices(trials, configs)
    choices |= _parameters(trials)
    of_objectives = {o.metric: [record.values[o.metric] for record in trials] for o in objectives}
    return Lessons(
        effects=tuple(
            effect
            for objective in objectives
            for effect in effects(
                choices,
                objective.metric,
                of_objectives[objective.metric],
                maximize=objective.maximize,
                interactions=() if is_own_code else ((SHARING, SCHEDULE),),
            )
        ),
        too_few=tuple(name for name, levels in choices.items() if not is_comparable(levels)),
        constant=tuple(
            m for m, values in of_objectives.items() if len(set(values)) == 1 < len(values)
        ),
        n_trials=len(trials),
        deltas=deltas_of(history),
    )


def _three_choices(
    trials: Sequence[TrialRecord], configs: Mapping[int, TrialConfig]
) -> dict[str, list[str]]:
    return {
        SHARING: [sharing_level(configs[record.number]) for record in trials],
        WEIGHTING: [kind_of(record, WEIGHTING) for record in trials],
        SCHEDULE: [kind_of(record, SCHEDULE) for record in trials],
    }


def _parameters(trials: Sequence[TrialRecord]) -> dict[str, list[str]]:
    """Return the levels of each parameter that is no part of the three choices."""
    names = dict.fromkeys(name for record in trials for name in record.point)
    return {
        name: levels_of([record.point.get(name) for record in trials])
        for name in names
        if not name.startswith(WRITES_CHOICES)
    }


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
