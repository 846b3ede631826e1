"""What is said of a front before and after it was trained again with new seeds."""

from automtl.pareto import front
from automtl_dashboards.report import report_html

ONCE = "Each member of the front was trained once"
COMMAND = {"New seeds": "automtl replicate runs/a&b"}


def shown(synthetic, **changes) -> str:
    return report_html(synthetic.snapshot(**changes))


def test_a_front_that_was_trained_once_has_the_command_for_new_seeds(synthetic) -> None:
    page = shown(synthetic, notes=COMMAND)
    assert ONCE in page
    assert "<code>automtl replicate runs/a&amp;b</code> trains them again" in page
    # Code of one's own has no such command.
    assert ONCE not in shown(synthetic)


def test_a_front_that_was_trained_again_does_not_say_that_it_was_not(synthetic) -> None:
    members = front(synthetic.history, synthetic.study.objectives)
    assert len(members) > 1
    again = tuple(
        member.model_copy(update={"number": number, "origin": f"replicate:{member.number}"})
        for number, member in enumerate(members, start=len(synthetic.history))
    )
    page = shown(synthetic, notes=COMMAND, history=(*synthetic.history, *again))
    assert ONCE not in page
    assert "The hypervolume of these configurations was" in page
