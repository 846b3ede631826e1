"""What is done for a device changes nothing but the time."""

import threading

import numpy as np
import pytest
import torch

from automtl.config import BackboneConfig, OptimizerConfig, TrialConfig
from automtl.data.load import load_data
from automtl.data.sampling import BatchSampler
from automtl.results import Decision
from automtl.sources import DataConfig, ShapesSource
from automtl.training.device import DevicePlan, plan_for
from automtl.training.epoch import Feed
from automtl.training.loop import train
from automtl.training.schedule import Phase

CPU = torch.device("cpu")
SIZE = (32, 48)
PHASE = Phase(tasks=("detection", "tracking"), block=1)


@pytest.fixture(scope="module")
def data():
    source = ShapesSource(clips=3, frames=3, n_objects=(2, 3))
    config = DataConfig(train=(source,), validation=(ShapesSource(clips=1, frames=2, seed=1),))
    return load_data(config, image_size=SIZE, root=None).splits


def feed_of(data, n_ahead):
    sampler = BatchSampler(data.train, batch_size=4, seed=7)
    plan = DevicePlan(device=CPU, channels_last=False, n_ahead=n_ahead)
    return Feed(table=data.train, sampler=sampler, seed=7, plan=plan)


@pytest.mark.parametrize("n_ahead", [1, 2, 9])
def test_batches_made_ahead_are_the_same_in_the_same_order(data, n_ahead):
    plain = list(feed_of(data, 0).batches(PHASE, range(3, 8)))
    ahead = list(feed_of(data, n_ahead).batches(PHASE, range(3, 8)))
    assert len(plain) == len(ahead) == 5
    for one, other in zip(plain, ahead, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.semantic, other.semantic)
        assert np.array_equal(one.frame.numpy(), other.frame.numpy())


def test_a_training_that_breaks_off_leaves_no_thread(data):
    batches = feed_of(data, 2).batches(PHASE, range(100))
    next(batches)
    batches.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("batches")]


def test_a_cpu_makes_nothing_ahead_and_a_gpu_does():
    assert plan_for(CPU).n_ahead == 0
    gpu = plan_for(torch.device("cuda", 0))
    assert (gpu.channels_last, gpu.n_ahead) == (True, 2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_gpu_trains(data, precision):
    optimizer = OptimizerConfig(batch_size=4, epochs=1, steps_per_epoch=3, precision=precision)
    config = TrialConfig(backbone=BackboneConfig(image_size=SIZE), optimizer=optimizer)
    reports = []

    def report(epoch, values):
        reports.append(values)
        return Decision.CONTINUE

    train(config, data, report, seed=1, folder=None, device=torch.device("cuda", 0))
    assert reports[0]["cost/optimizer_steps"] == 3.0
