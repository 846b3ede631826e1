"""Through Ray with two slots, every trial trains its own configuration."""

import json
from itertools import combinations
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from automtl.results import TrialStatus
from automtl.study.folder import StudyFolder
from automtl.study.search import opened

pytestmark = [pytest.mark.slow, pytest.mark.ray]


def test_trials_side_by_side_are_what_the_ledger_says(
    mini_recipe: Path, tmp_path: Path, automtl
) -> None:
    folder = StudyFolder(tmp_path / "study")
    done = automtl("search", mini_recipe, "--folder", folder.root, "--slots", 2)
    assert done.code == 0, done
    with opened(folder) as ledger:
        history = ledger.history()
        assert ledger.check() == []
    assert [r.number for r in history] == [0, 1, 2, 3]
    assert {r.status for r in history} == {TrialStatus.COMPLETED}
    for record in history:
        model = json.loads((folder.trial(record.number) / "model.json").read_text())
        assert model["config"] == record.config
    weights = [load_file(folder.trial(r.number) / "best.safetensors") for r in history]
    for left, right in combinations(weights, 2):
        shared = [k for k in left if k in right and left[k].shape == right[k].shape]
        assert set(left) != set(right) or any((left[k] != right[k]).any() for k in shared)
