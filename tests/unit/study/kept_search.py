"""A search with baselines whose trainings are a formula, and what it ordered."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from automtl.ledger.store import Ledger
from automtl.results import EpochReport, TrialOrder, TrialRecord
from automtl.space.recipe import Recipe
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.kept import kept_for
from automtl.study.observer import Silent
from automtl.study.prepared import Prepared
from automtl.study.search import create, held, opened

EPOCHS = 2
PLAIN: dict[str, Any] = {
    "name": "one",
    "data": {
        "train": [{"kind": "shapes", "clips": 2, "seed": 1}],
        "validation": [{"kind": "shapes", "clips": 2, "seed": 2}],
    },
    "objectives": [
        {"metric": "detection/mAP", "goal": "maximize"},
        {"metric": "tracking/IDF1", "goal": "maximize"},
    ],
    "base": {
        "backbone": {"name": "tiny", "image_size": [64, 96]},
        "sharing": {"order": ["detection", "tracking"]},
        "optimizer": {"epochs": EPOCHS},
    },
    "parameters": {
        "optimizer.lr": {"type": "float", "min": 1e-3, "max": 1e-2, "log": True},
        "sharing.split_after.0": {"type": "int", "min": 0, "max": 4, "default": 1},
    },
    "baselines": {
        "single_task": {"tasks": ["detection", "tracking"], "trials": 3},
        "equal_weights": True,
    },
    "budget": {"trials": 3},
}
N_BASELINES = 7


class Heard(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


def recipe(**changes: Any) -> Recipe:
    return Recipe.model_validate({**PLAIN, **changes})


def values_of(order: TrialOrder, epoch: int) -> dict[str, float]:
    """What a training gives: a function of configuration, seed and epoch."""
    rate = order.config["optimizer"]["lr"]  # type: ignore[index]
    found = epoch / (1 + abs(rate - 0.006)) + order.seed / 7e9
    return {"detection/mAP": found, "tracking/IDF1": found / 3}


class Search:
    """A study and the trainings that it ordered."""

    def __init__(self, folder: Path, found: Recipe, *, identity: str = "data", slots: int = 1):
        self.place, self.recipe, self.slots = StudyFolder(folder), found, slots
        self.heard, self.orders = Heard(), list[TrialOrder]()
        self.prepared = Prepared(trainable=lambda *_: None, identity=identity)
        self.settings = Settings()
        self.clock: Callable[[], float] = count(1_000_000.0).__next__

    def create(self) -> "Search":
        create(self.recipe, self.place, self.settings)
        return self

    def desk(self, ledger: Ledger) -> StudyController:
        kept = kept_for(self.recipe, self.place, self.settings, self.prepared, self.heard.message)
        return StudyController(
            recipe=self.recipe,
            ledger=ledger,
            folder=self.place,
            observer=self.heard,
            kept=kept,
            clock=self.clock,
        )

    def run(self) -> "Search":
        with opened(self.place) as ledger, held(ledger):
            desk = self.desk(ledger)
            running: list[TrialOrder] = []
            while True:
                while len(running) < self.slots and (order := desk.next_order()) is not None:
                    running.append(order)
                    self.orders.append(order)
                if not running:
                    break
                self.train(desk, running.pop())
            assert desk.is_over
            assert ledger.check() == []
            self.history, self.notes = ledger.history(), ledger.notes()
        return self

    def train(self, desk: StudyController, order: TrialOrder) -> None:
        for epoch in range(1, EPOCHS + 1):
            values = values_of(order, epoch)
            told = EpochReport(
                attempt=order.attempt, epoch=epoch, values=values, time_s=self.clock()
            )
            desk.on_report(order.number, told)
        desk.on_end(order.number, order.attempt, None)

    @property
    def baselines(self) -> list[TrialRecord]:
        return [r for r in self.history if r.origin.startswith("baseline:")]

    @property
    def trained(self) -> set[int]:
        """Baselines that were trained here."""
        return {order.number for order in self.orders} & {r.number for r in self.baselines}


def told(record: TrialRecord) -> tuple[object, ...]:
    reports = [(r.epoch, dict(r.values)) for r in record.reports]
    point, values = dict(record.point), dict(record.values)
    return record.origin, record.seed, point, record.config, values, record.best_epoch, reports
