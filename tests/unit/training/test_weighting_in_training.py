"""Weightings with a state in a real training: in force, reported, and exact after a kill."""

import pytest
import torch

from automtl.config import (
    BackboneConfig,
    CustomWeighting,
    DBMTLWeighting,
    DWAWeighting,
    FAMOWeighting,
    FixedWeighting,
    GradNormWeighting,
    HeadsConfig,
    IMTLLWeighting,
    OptimizerConfig,
    RLWWeighting,
    SharingConfig,
    TrialConfig,
)
from automtl.data.load import load_data
from automtl.results import Decision
from automtl.sources import DataConfig, ShapesSource
from automtl.training.checkpoint_files import kept_checkpoints
from automtl.training.loop import train
from automtl.training.weighting.dwa import DWA

SIZE = (32, 48)
EPOCHS = 3  # The weights of DWA move in the third.


def own_weighting(*, tasks, seed, device, options):
    return DWA(tasks, temperature=options["temperature"])


@pytest.fixture(scope="module")
def data():
    # Half of the frames lack masks: a task without labels in a batch is part of the training.
    train_sources = (
        ShapesSource(clips=2, frames=3, n_objects=(2, 3)),
        ShapesSource(
            clips=2, frames=3, seed=2, n_objects=(2, 3), label_dropout={"segmentation": 1}
        ),
    )
    validation_source = ShapesSource(clips=1, frames=3, seed=1, n_objects=(2, 3))
    config = DataConfig(train=train_sources, validation=(validation_source,))
    return load_data(config, image_size=SIZE, root=None).splits


def values_of(weighting, data, folder, *, kill_at=None, resume=False):
    config = TrialConfig(
        backbone=BackboneConfig(image_size=SIZE, width=0.25),
        sharing=SharingConfig(split_after=(3, 1)),
        heads=HeadsConfig(channels=8, embedding_dim=4),
        optimizer=OptimizerConfig(batch_size=2, epochs=EPOCHS, steps_per_epoch=3),
        weighting=weighting,
    )
    found = {}

    def report(epoch, values):
        if epoch == kill_at:
            raise KeyboardInterrupt
        found[epoch] = {k: v for k, v in values.items() if not k.startswith("cost/")}
        return Decision.CONTINUE

    cpu = torch.device("cpu")
    try:
        train(config, data, report, seed=1, folder=folder, device=cpu, resume=resume)
    except KeyboardInterrupt:
        assert kill_at is not None
    return found


@pytest.mark.parametrize(
    "weighting",
    [
        DWAWeighting(temperature=0.1),
        FAMOWeighting(),
        GradNormWeighting(),
        pytest.param(GradNormWeighting(at="parameters"), marks=pytest.mark.slow),
        pytest.param(DBMTLWeighting(at="features"), marks=pytest.mark.slow),
        pytest.param(DBMTLWeighting(every=4), marks=pytest.mark.slow),
        pytest.param(GradNormWeighting(every=4), marks=pytest.mark.slow),
        pytest.param(IMTLLWeighting(), marks=pytest.mark.slow),
        pytest.param(RLWWeighting(), marks=pytest.mark.slow),
    ],
    ids=lambda w: w.kind,
)
def test_killed_in_the_last_epoch_and_resumed_is_exact(tmp_path, data, weighting):
    whole = values_of(weighting, data, tmp_path / "whole")
    first = values_of(weighting, data, tmp_path / "killed", kill_at=EPOCHS)
    second = values_of(weighting, data, tmp_path / "killed", resume=True)
    assert {**first, **second} == whole
    states = [
        torch.load(kept_checkpoints(tmp_path / name)[0], weights_only=True)
        for name in ("whole", "killed")
    ]
    for part in ("network", "weighting", "optimizers"):
        torch.testing.assert_close(states[0][part], states[1][part], rtol=0, atol=0)
    weights = [whole[EPOCHS][f"weight/{task}"] for task in ("detection", "segmentation")]
    assert weights != pytest.approx([1.0, 1.0], abs=1e-3), "the method is in force"


def test_a_user_finds_the_same_training_by_import_path_and_by_kind(tmp_path, data):
    own = CustomWeighting(path=f"{__name__}:own_weighting", options={"temperature": 0.1})
    one = values_of(own, data, tmp_path / "one")
    other = values_of(DWAWeighting(temperature=0.1), data, tmp_path / "other")
    fixed = values_of(FixedWeighting(), data, tmp_path / "fixed")
    assert one == other
    assert one[EPOCHS] != fixed[EPOCHS]
