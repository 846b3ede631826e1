"""A trial's files become a bundle only if they are what the ledger says."""

from pathlib import Path

import pytest
import torch

from automtl.config import TrialConfig
from automtl.errors import AutomtlError
from automtl.export.bundle import load_bundle
from automtl.results import Decision, Pick, StudyInfo, TrialRecord, TrialStatus
from automtl.space.recipe import Recipe
from automtl.space.search import search_digest
from automtl.study.carry import Picked, export_record
from automtl.study.folder import Settings, StudyFolder, save_settings
from automtl.study.vision import read_data
from automtl.training.loop import train

SOURCE = {"kind": "shapes", "clips": 1, "frames": 3}
RECIPE = Recipe.model_validate(
    {
        "name": "tiny",
        "data": {"train": [{**SOURCE, "seed": 1}], "validation": [{**SOURCE, "seed": 2}]},
        "objectives": [{"metric": "segmentation/mIoU", "goal": "maximize"}],
        "base": {
            "backbone": {"image_size": [32, 48], "width": 0.25},
            "heads": {"channels": 8},
            "sharing": {"order": ["segmentation"]},
            "optimizer": {"epochs": 1, "steps_per_epoch": 1, "batch_size": 2},
        },
        "parameters": {"optimizer.lr": {"type": "float", "min": 1e-3, "max": 0.1}},
        "budget": {"trials": 1},
    }
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyFolder, Picked]:
    folder = StudyFolder(tmp_path_factory.mktemp("study"))
    save_settings(folder, Settings(study="tiny"))
    config = RECIPE.space.config_of(RECIPE.space.default_point())
    model = train(
        config,
        read_data(RECIPE, None).splits,
        lambda epoch, values: Decision.CONTINUE,
        seed=0,
        folder=folder.trial(0),
        device=torch.device("cpu"),
    )
    record = TrialRecord(
        number=0,
        point={},
        config=config.to_plain(),
        config_digest=config.digest,
        status=TrialStatus.COMPLETED,
        values=model.values,
        best_epoch=model.best_epoch,
    )
    study = StudyInfo(
        name="tiny",
        objectives=RECIPE.objectives,
        recipe=RECIPE.to_plain(),
        recipe_digest=search_digest(RECIPE),
        seed=0,
        created_s=0.0,
    )
    pick = Pick(number=0, rule="knee", reason="It is alone.")
    return folder, Picked(study=study, record=record, pick=pick)


def changed(picked: Picked, **keys: object) -> Picked:
    config = {**picked.record.config, **keys}
    config = {key: value for key, value in config.items() if value is not None}
    record = picked.record.model_copy(update={"config": config})
    return Picked(study=picked.study, record=record, pick=picked.pick)


def test_a_study_begun_before_a_key_existed_is_exported(trained, tmp_path: Path) -> None:
    folder, picked = trained
    older = changed(picked, imports=None)
    assert older.record.config != picked.record.config
    path = export_record(folder, older, out=tmp_path / "bundle", overwrite=False)
    assert load_bundle(path).config == TrialConfig.from_plain(picked.record.config)


def test_files_of_another_configuration_are_refused(trained, tmp_path: Path) -> None:
    folder, picked = trained
    other = changed(picked, heads={"channels": 16})
    with pytest.raises(AutomtlError, match="another configuration than the ledger"):
        export_record(folder, other, out=tmp_path / "bundle", overwrite=False)
    assert not (tmp_path / "bundle").exists()


def test_weights_of_another_epoch_than_the_values_are_refused(trained, tmp_path: Path) -> None:
    folder, picked = trained
    record = picked.record.model_copy(update={"best_epoch": 2})
    other = Picked(study=picked.study, record=record, pick=picked.pick)
    with pytest.raises(AutomtlError, match=r"of epoch 1, and the ledger's values are of epoch 2"):
        export_record(folder, other, out=tmp_path / "bundle", overwrite=False)
    assert not (tmp_path / "bundle").exists()


def test_a_configuration_of_another_version_says_what_differs(trained, tmp_path: Path) -> None:
    folder, picked = trained
    newer = changed(picked, quantised=True)
    with pytest.raises(AutomtlError, match=r"trial 0 was written by another version.*quantised"):
        export_record(folder, newer, out=tmp_path / "bundle", overwrite=False)
