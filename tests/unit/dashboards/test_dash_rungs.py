"""What early stopping did is in the report, if there is any."""

import math

from automtl.analysis.rung_standing import RungStanding
from automtl_dashboards.labels import MISSING
from automtl_dashboards.report import report_html
from automtl_dashboards.rungs import rungs_sections

LOW = RungStanding(
    epoch=1,
    n_arrived=27,
    n_went_on=8,
    n_finished=2,
    waiting=(3, 4),
    stopped=(),
    kendall=math.nan,
    kendall_low=0.2,
    eta=3.0,
)
HIGH = RungStanding(
    epoch=4,
    n_arrived=8,
    n_went_on=3,
    n_finished=3,
    waiting=(),
    stopped=(1, 2, 5, 6, 7),
    kendall=0.625,
    kendall_low=0.125,
    eta=2.5,
)


def texts(row: str) -> list[str]:
    return [cell.partition(">")[2].partition("<")[0] for cell in row.split("<td")[1:]]


def test_each_rung_has_a_row_and_what_is_not_known_is_not_made_up(synthetic) -> None:
    (section,) = rungs_sections(synthetic.snapshot(rungs=(LOW, HIGH)))
    low, high = section.body.split("<tr")[2:]
    assert texts(low) == ["1", "27", "8", "2", "0", "3.0", "2", MISSING, MISSING]
    assert texts(high) == ["4", "8", "3", "0", "5", "2.5", "3", "0.625", "0.125"]
    assert section.title in report_html(synthetic.snapshot(rungs=(LOW, HIGH)))


def test_without_early_stopping_there_is_no_such_section(synthetic) -> None:
    assert list(rungs_sections(synthetic.snapshot())) == []
