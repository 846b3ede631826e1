"""A search of a vision recipe, trial by trial, for the tests of what is proposed."""

import random
from typing import Any

from automtl.controller.propose import Proposal, propose
from automtl.results import Failure, FailureKind, TrialRecord, TrialStatus
from automtl.space.recipe import Recipe

S = TrialStatus


def recipe(**parts: Any) -> Recipe:
    plain: dict[str, Any] = {
        "name": "test",
        "seed": 3,
        "data": {"train": [{"kind": "shapes"}], "validation": [{"kind": "shapes", "seed": 1}]},
        "objectives": [
            {"metric": "detection/mAP", "goal": "maximize"},
            {"metric": "cost/latency_ms", "goal": "minimize"},
        ],
        "parameters": {
            "optimizer.lr": {"type": "float", "min": 1e-3, "max": 1e-2, "log": True},
            "optimizer.warmup": {"type": "float", "min": 0, "max": 0.5, "step": 0.2},
            "optimizer.batch_size": {"type": "int", "min": 2, "max": 9, "step": 2},
            "sharing.split_after.0": {"type": "int", "min": 0, "max": 4},
            "weighting.kind": {"type": "categorical", "values": ["fixed", "upgrad"]},
            "weighting.weights.detection": {
                "type": "float",
                "min": 0.3,
                "max": 30,
                "log": True,
                "when": {"weighting.kind": "fixed"},
            },
            "schedule.kind": {"type": "categorical", "values": ["joint", "alternating"]},
            "schedule.block": {
                "type": "int",
                "min": 1,
                "max": 8,
                "log": True,
                "when": {"schedule.kind": "alternating"},
            },
        },
        "enqueue": [{"weighting.kind": "upgrad"}, {}, {"weighting.weights.detection": 10}],
        "constraints": [{"metric": "cost/latency_ms", "max": 0.9}],
        "baselines": {"single_task": ["detection", "tracking"], "equal_weights": True},
        "budget": {"trials": 50},
    }
    return Recipe.model_validate({**plain, **parts})


def record(
    proposal: Proposal,
    status: TrialStatus = S.COMPLETED,
    values: dict[str, float] | None = None,
    failure: FailureKind | None = None,
) -> TrialRecord:
    return TrialRecord(
        number=proposal.number,
        point=proposal.point,
        config=proposal.config.to_plain(),
        config_digest=proposal.config.digest,
        origin=proposal.origin,
        seed=proposal.seed,
        status=status,
        values=values or {},
        failure=None if failure is None else Failure(kind=failure, message="x"),
    )


def ended(proposal: Proposal, rng: random.Random) -> TrialRecord:
    """One of all the ways in which a trial can stand."""
    whole = {"detection/mAP": rng.random(), "cost/latency_ms": rng.random()}
    return rng.choice(
        [
            record(proposal, S.COMPLETED, whole),
            record(proposal, S.COMPLETED, whole),
            record(proposal, S.COMPLETED, {"detection/mAP": 1.0}),
            record(proposal, S.STOPPED, whole),
            record(proposal, S.INFEASIBLE, {"detection/mAP": 0.5, "cost/latency_ms": 1.5}),
            record(proposal, S.INFEASIBLE, {"cost/latency_ms": 1.5}),
            record(proposal, S.INFEASIBLE),
            record(proposal, S.FAILED, failure=FailureKind.OUT_OF_MEMORY),
            record(proposal, S.RUNNING),
            record(proposal, S.PAUSED),
            record(proposal, S.QUEUED),
        ]
    )


def search(found: Recipe, n: int, seed: int = 0) -> list[TrialRecord]:
    history: list[TrialRecord] = []
    rng = random.Random(seed)
    for _ in range(n):
        proposal = propose(found, history)
        assert proposal is not None
        history.append(ended(proposal, rng))
    return history
