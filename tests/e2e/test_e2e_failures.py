"""Trials that fail in known ways: what the command line, the report and MLflow say of each."""

import json
import sqlite3
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TROUBLE = '''\
"""A weighting that breaks in the way that its options say."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import torch

from automtl.training.weighting.losses import Fixed


class Troubled(Fixed):
    def __init__(self, tasks, trouble, marker):
        super().__init__(dict.fromkeys(tasks, 1.0))
        self.trouble, self.marker = trouble, marker

    def backward(self, losses, graph):
        kind, _, once = self.trouble.partition(" ")
        if kind != "none" and not (once and self.marker.exists()):
            self.marker.touch()
            getattr(self, kind)()
        if kind == "nan":
            losses = {task: loss * float("nan") for task, loss in losses.items()}
        return super().backward(losses, graph)

    def cuda(self):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\\nMore")

    def host(self):
        np.zeros(1 << 50)

    def killed(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def hung(self):
        time.sleep(600)

    def bug(self):
        raise ZeroDivisionError("a bug of mine\\nwith a second line")

    def nan(self):
        pass


def make(*, tasks, seed, device, options):
    trouble = options["trouble"]
    return Troubled(tasks, trouble, Path(options["folder"]) / trouble.replace(" ", "-"))
'''

KINDS = (
    "  weighting.kind: {type: categorical, values: [fixed, uncertainty, upgrad, pcgrad], "
    "default: fixed}\n"
)
SPACE = """\
  weighting.options.trouble: {{type: categorical, values: {values}, default: none}}
"""


def searched(automtl, write_recipe, folder: Path, troubles: list[str], *options, **changes):
    """Run a search that tries each trouble once, and look at it from all sides."""
    folder.mkdir()
    (folder / "trouble_of_mine.py").write_text(TROUBLE)
    values = ["none", *troubles]
    options_of_mine = f"options: {{folder: '{folder}'}}"
    own = f"weighting: {{kind: custom, path: 'trouble_of_mine:make', {options_of_mine}}}"
    recipe = write_recipe(
        ("  heads: {channels: 16}\n", f"  heads: {{channels: 16}}\n  {own}\n"),
        (KINDS, SPACE.format(values=json.dumps(values))),
        ("budget: {trials: 3}", f"budget: {{trials: {len(values)}}}"),
        (
            "baselines: {single_task: [detection]}",
            f"enqueue: {json.dumps([{'weighting.options.trouble': t} for t in troubles])}",
        ),
        *changes.items(),
    )
    study = folder / "study"
    done = automtl("search", recipe, "--folder", study, *options, cwd=folder)
    assert done.code == 0, done
    assert "Traceback" not in done.out + done.err
    status = automtl("status", study, "--check")
    assert status.code == 0, status
    facts = json.loads(automtl("status", study, "--json").out)
    return study, done, status.out, facts


def tags_of(study: Path, number: int) -> dict[str, str]:
    """Read MLflow's own tables."""
    with sqlite3.connect(study / "mlflow.db") as db:
        found: dict[str, dict[str, str]] = {}
        for run, key, value in db.execute("select run_uuid, key, value from tags"):
            found.setdefault(run, {})[key] = value
    return next(t for t in found.values() if t.get("automtl.run") == f"trial:{number}")


STRIKE = "the third step in a row that could not be taken"
CUDA = "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."


def test_each_failure_is_named_where_the_user_looks(automtl, write_recipe, tmp_path) -> None:
    troubles = ["cuda once", "cuda", "host once", "nan", "bug"]
    study, done, status, facts = searched(
        automtl, write_recipe, tmp_path / "s", troubles, "--dispatcher", "local"
    )
    assert facts["trials"] == {"completed": 3, "failed": 3}
    failures = {found["trial"]: (found["kind"], found["message"]) for found in facts["failures"]}
    again = {found["trial"]: (found["kind"], found["message"]) for found in facts["tried_again"]}
    assert again[1] == again[2] == ("out_of_memory", CUDA)
    assert again[3][0] == "out_of_memory"
    assert "Unable to allocate" in again[3][1]
    assert failures == {
        2: ("out_of_memory", f"{CUDA} (attempt 2, with each batch in two halves)"),
        4: ("non_finite", f"the gradient's norm is nan at step 2, {STRIKE}"),
        5: ("error", "ZeroDivisionError: a bug of mine"),
    }
    assert f"Trial 1, attempt 1: out_of_memory: {CUDA} It is tried again" in done.out
    report = (study / "report.html").read_text()
    for number, (kind, message) in failures.items():
        assert f"failed: trial {number}, attempt" in status
        assert f"{kind}: {message}" in status
        tags = tags_of(study, number)
        assert (tags["automtl.failure"], tags["automtl.failure_message"]) == (kind, message)
        assert message.replace("'", "&#x27;") in report
    assert "tried again: trial 1, attempt 1: out_of_memory: " in status
    assert "failed by kind: 1 out_of_memory, 1 non_finite, 1 error" in status
    tags = tags_of(study, 1)
    assert tags["automtl.lost_attempt.1"] == f"1: out_of_memory: {CUDA}"
    assert (tags["automtl.micro_batches"], tags["automtl.status"]) == ("2", "completed")
    assert "tried again" in report


@pytest.mark.ray
def test_each_loss_of_a_process_is_named_where_the_user_looks(
    automtl, write_recipe, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 's'}:{Path.cwd()}:{Path.cwd() / 'dashboards'}")
    silence = {"budget: ": "resources: {max_silence_minutes: 0.25}\nbudget: "}
    troubles = ["host once", "killed once", "hung once"]
    study, _, status, facts = searched(
        automtl, write_recipe, tmp_path / "s", troubles, "--slots", "2", **silence
    )
    assert facts["trials"] == {"completed": 4}
    again = {found["trial"]: found["kind"] for found in facts["tried_again"]}
    assert again == {1: "out_of_memory", 2: "lost_worker", 3: "hung"}
    assert "hung: the training reported nothing for 15 s and was ended" in status
    assert tags_of(study, 2)["automtl.lost_attempt.1"].startswith("1: lost_worker: the process")
    assert tags_of(study, 1)["automtl.micro_batches"] == "2"
