"""What only the in-process dispatcher promises."""

import pytest

from automtl.dispatch.in_process import InProcessDispatcher
from automtl.testing.scripted_study import ScriptedController


def test_an_interrupt_passes_through_and_the_trial_is_left_for_resume(tmp_path):
    def train(order, report):
        report(1, {"x": 1.0})
        if order.number == 1:
            raise KeyboardInterrupt

    controller = ScriptedController(points=[{}] * 3, folder=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        InProcessDispatcher().run(controller, train)
    assert [end.number for end in controller.ends] == [0]
    assert [order.number for order in controller.orders] == [0, 1]


def test_no_question_after_a_stop_request(tmp_path):
    controller = ScriptedController(points=[{}], folder=tmp_path, stop_requested=True)
    InProcessDispatcher().run(controller, print)
    assert controller.orders == []
