import math

import pytest

from automtl.results import EpochReport, Objective, Pick, TrialRecord, TrialStatus
from automtl_dashboards.figures.curves import (
    LineRole,
    draw_curves,
    fill_losses,
    fill_objectives,
)
from automtl_dashboards.standing import standing_of

OBJECTIVES = (
    Objective(metric="depth/error", goal="minimize", unit="m"),
    Objective(metric="cost/latency_ms", goal="minimize", unit="ms"),
)


def trial(number: int, errors: list[float | None], **changes: object) -> TrialRecord:
    reports = tuple(
        EpochReport.model_construct(
            attempt=1,
            epoch=epoch,
            values={"cost/latency_ms": 5.0, "loss/depth": 1 / epoch}
            | ({} if error is None else {"depth/error": error}),
            time_s=float(epoch),
        )
        for epoch, error in enumerate(errors, 1)
    )
    last = errors[-1]
    plain = {
        "number": number,
        "point": {},
        "config": {},
        "config_digest": "",
        "status": TrialStatus.COMPLETED,
        "values": {"cost/latency_ms": 5.0, "depth/error": last},
    }
    return TrialRecord.model_validate({**plain, **changes}).model_copy(update={"reports": reports})


HISTORY = [
    trial(0, [9.0, 5.0, 4.0]),
    trial(1, [8.0, 3.0, 2.0]),
    trial(2, [7.0, 4.0], status="stopped"),
    trial(3, [6.0, 1.5], origin="baseline:depth"),
    trial(4, [9.5, None, 3.0]),
]


def test_lines_and_roles() -> None:
    picks = [Pick(number=4, rule="knee", reason="")]
    figure = fill_objectives(HISTORY, standing_of(HISTORY, OBJECTIVES, picks, None))
    assert figure is not None
    (panel,) = figure.panels  # latency does not change with training
    assert panel.title == "depth/error [m] ↓"
    assert panel.single_task == 1.5
    assert [(line.number, line.role) for line in panel.lines] == [
        (0, LineRole.OTHER),
        (1, LineRole.BEST),
        (2, LineRole.OTHER),
        (4, LineRole.PICK),
    ]
    assert panel.lines[3].epochs == (1, 3)
    assert panel.lines[3].values == (9.5, 3.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_left_out(bad: float) -> None:
    broken = trial(5, [1.0, 2.0]).model_copy(
        update={
            "reports": (
                EpochReport.model_construct(
                    attempt=1, epoch=1, values={"depth/error": bad}, time_s=0.0
                ),
            )
        }
    )
    figure = fill_objectives([broken], standing_of([broken], OBJECTIVES, [], None))
    assert figure is None


def test_lines_of_one_trace_do_not_touch() -> None:
    figure = fill_objectives(HISTORY, standing_of(HISTORY, OBJECTIVES, [], None))
    assert figure is not None
    drawn = draw_curves(figure)
    others = next(trace for trace in drawn.data if trace.name == LineRole.OTHER.value)
    assert list(others.x) == [1, 2, 3, None, 1, 2, None, 1, 3, None]
    assert list(others.y) == [9.0, 5.0, 4.0, None, 7.0, 4.0, None, 9.5, 3.0, None]
    assert others.text[4] == "trial 2"
    dashed = next(trace for trace in drawn.data if trace.name == "single-task network")
    assert list(dashed.y) == [1.5, 1.5]


def test_losses_have_a_panel_each(synthetic) -> None:
    standing = standing_of(synthetic.history, synthetic.study.objectives, synthetic.picks, None)
    figure = fill_losses(synthetic.history, standing)
    assert figure is not None
    assert [panel.title for panel in figure.panels] == [
        "loss/detection",
        "loss/segmentation",
        "loss/tracking",
    ]
    assert len(draw_curves(figure).layout.annotations) == 3
    assert fill_losses([], standing) is None


@pytest.mark.parametrize("n_epochs", [1, 2, 40])
def test_epochs_are_whole_and_lone_points_are_seen(n_epochs: int) -> None:
    begun = [trial(n, [float(n)] * n_epochs, status="running", values={}) for n in (1, 2)]
    figure = fill_losses(begun, standing_of(begun, OBJECTIVES, [], None))
    assert figure is not None
    drawn = draw_curves(figure)
    assert drawn.layout.xaxis.dtick == (None if n_epochs == 40 else 1)
    assert {trace.marker.size for trace in drawn.data} == {6 if n_epochs == 1 else 4}
