"""Values of the three first tasks on generated clips, pinned: a change of them has to be meant."""

import numpy as np
import pytest
import torch

from automtl.config import BackboneConfig, HeadsConfig, TrialConfig
from automtl.data.load import load_data
from automtl.data.table import make_batch
from automtl.model.network import build_network
from automtl.sources import DataConfig, ShapesSource
from automtl.tasks.choose import task_named
from automtl.training.floors import floors

SIZE = (64, 96)
CONFIG = TrialConfig(
    backbone=BackboneConfig(image_size=SIZE, width=0.25),
    heads=HeadsConfig(channels=8, embedding_dim=8),
)


@pytest.fixture(scope="module")
def data():
    dropout = {"detection": 0.4, "segmentation": 0.4}
    config = DataConfig(
        train=(ShapesSource(clips=6, frames=4, label_dropout=dropout),),
        validation=(ShapesSource(clips=3, frames=7, seed=1),),
    )
    return load_data(config, image_size=SIZE, root=None).splits


def test_the_digest_of_the_clips_stays(data):
    assert data.info.digest == "0b9acf2be9c89d72"


def test_trivial_predictors_score_as_ever(data):
    found = {floor.name: floor.values for floor in floors(data, CONFIG)}
    assert found["mean boxes"]["detection/mAP"] == pytest.approx(0.0007923773373477161)
    assert found["mean boxes"]["detection/mAP_50"] == pytest.approx(0.003989597782492638)
    assert found["majority class"] == {"segmentation/mIoU": pytest.approx(0.22339629807617778)}
    assert found["random embeddings"] == {"tracking/IDF1": pytest.approx(0.25806451612903225)}
    assert found["untrained network"]["tracking/IDF1"] == pytest.approx(0.4731182795698925)


@pytest.mark.parametrize(
    ("name", "loss", "norms"),
    [
        ("detection", 2.215385913848877, 3.441892776263319),
        ("segmentation", 1.4034645557403564, 1.8167524359869278),
        ("tracking", 6.4739861488342285, 62.157952009239786),
    ],
)
def test_loss_and_gradient_of_the_first_weights_stay(data, name, loss, norms):
    network = build_network(CONFIG, data.info, generator_seed=0)
    batch = make_batch(data.train, np.arange(0, 24, 3), device=torch.device("cpu"))
    found = task_named(name).loss(network(batch.images)[name], batch, data.info)
    gradients = torch.autograd.grad(found, list(network.heads[name].parameters()))
    assert found.item() == pytest.approx(loss, rel=1e-5)
    assert sum(g.norm().item() for g in gradients) == pytest.approx(norms, rel=1e-4)
