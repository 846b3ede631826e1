"""The built-in tasks satisfy the shipped contract."""

import pytest
import torch

from automtl.config import BUILT_IN_TASKS
from automtl.tasks.choose import task_named
from automtl.testing.task_contract import TaskContract, contract_table


class TestDetection(TaskContract):
    @pytest.fixture
    def task(self):
        return task_named("detection")

    @pytest.fixture
    def perfect(self):
        table = contract_table("detection")
        heat = torch.full((6, 2, 8, 12), -12.0)
        # Centres lie in the middle of a cell, and every side is one stride away: log 1 = 0.
        for i in range(6):
            for box, kind in zip(
                table.boxes[table.objects(i)], table.classes[table.objects(i)], strict=True
            ):
                x, y = (box[:2] + box[2:]) / 2
                heat[i, int(kind), int(y // 8), int(x // 8)] = 12.0
        return {"heat": heat, "box": torch.zeros(6, 4, 8, 12)}


class TestSegmentation(TaskContract):
    @pytest.fixture
    def task(self):
        return task_named("segmentation")

    @pytest.fixture
    def perfect(self):
        small = torch.from_numpy(contract_table("segmentation").semantic[:, ::4, ::4]).long()
        return {"logits": torch.nn.functional.one_hot(small, 2).movedim(-1, 1).float()}


class TestTracking(TaskContract):
    @pytest.fixture
    def task(self):
        return task_named("tracking")

    @pytest.fixture
    def perfect(self):
        embedding = torch.zeros(6, 4, 8, 12)
        # The first object stays in the upper half, the second in the lower.
        embedding[:, 0, :4] = 1.0
        embedding[:, 1, 4:] = 1.0
        return {"embedding": embedding}


class TestClassification(TaskContract):
    @pytest.fixture
    def task(self):
        return task_named("classification")

    @pytest.fixture
    def perfect(self):
        classes = torch.from_numpy(contract_table("classification").targets["classification"])
        return {"logits": torch.nn.functional.one_hot(classes, 2).float()}


class TestDepth(TaskContract):
    @pytest.fixture
    def task(self):
        return task_named("depth")

    @pytest.fixture
    def perfect(self):
        depth = torch.from_numpy(contract_table("depth").targets["depth"])
        # The middle of a cell of four pixels lies between its second and third.
        middle = (depth[:, ::4, 1::4] + depth[:, ::4, 2::4]) / 2
        return {"log": middle.log()[:, None]}


def test_every_built_in_task_is_tested_here():
    tested = {c.__name__.removeprefix("Test").lower() for c in TaskContract.__subclasses__()}
    assert set(BUILT_IN_TASKS) <= tested
