"""What is done for a device changes nothing but the time."""

import threading
from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from automtl.config import BackboneConfig, OptimizerConfig, TrialConfig
from automtl.data.held import bytes_of, hold
from automtl.data.load import load_data
from automtl.data.sampling import BatchSampler
from automtl.results import Decision
from automtl.sources import DataConfig, ShapesSource
from automtl.training import device as device_module
from automtl.training import epoch as epoch_module
from automtl.training.device import (
    HELD_SHARE,
    DevicePlan,
    has_bfloat16,
    holds_frames,
    plan_for,
    precision_of,
)
from automtl.training.epoch import Feed, make_feed
from automtl.training.loop import train
from automtl.training.schedule import Phase

CPU = torch.device("cpu")
GPU = torch.device("cuda", 0)
SIZE = (32, 48)
PHASE = Phase(tasks=("detection", "tracking"), block=1)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")


@pytest.fixture(scope="module")
def data():
    source = ShapesSource(clips=3, frames=3, n_objects=(2, 3))
    config = DataConfig(train=(source,), validation=(ShapesSource(clips=1, frames=2, seed=1),))
    return load_data(config, image_size=SIZE, root=None).splits


def feed_of(data, n_ahead, held=None):
    sampler = BatchSampler(data.train, batch_size=4, seed=7)
    plan = DevicePlan(device=CPU, channels_last=False, n_ahead=n_ahead)
    return Feed(table=data.train, sampler=sampler, seed=7, plan=plan, held=held)


def assert_same(one, other):
    """Compare every field of two batches to the bit, types and shapes included."""
    for field in fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name == "views":
            assert mine == theirs
            continue
        if isinstance(mine, dict):
            assert mine.keys() == theirs.keys()
            mine, theirs = tuple(mine.values()), tuple(theirs[name] for name in mine)
        mine = mine if isinstance(mine, tuple) else (mine,)
        theirs = theirs if isinstance(theirs, tuple) else (theirs,)
        for tensor, twin in zip(mine, theirs, strict=True):
            assert tensor.dtype == twin.dtype
            assert torch.equal(tensor.cpu(), twin.cpu())


@pytest.mark.parametrize("n_ahead", [1, 2, 9])
def test_batches_made_ahead_are_the_same_in_the_same_order(data, n_ahead):
    plain = list(feed_of(data, 0).batches(PHASE, range(3, 8)))
    ahead = list(feed_of(data, n_ahead).batches(PHASE, range(3, 8)))
    assert len(plain) == len(ahead) == 5
    for one, other in zip(plain, ahead, strict=True):
        assert_same(one, other)


def test_a_training_that_breaks_off_leaves_no_thread(data):
    batches = feed_of(data, 2).batches(PHASE, range(100))
    next(batches)
    batches.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("batches")]


def test_a_cpu_makes_nothing_ahead_and_a_gpu_does():
    assert plan_for(CPU, OptimizerConfig()).n_ahead == 0
    gpu = plan_for(GPU, OptimizerConfig())
    assert (gpu.channels_last, gpu.n_ahead) == (True, 2)


def test_frames_that_are_held_give_the_same_batches(data):
    held = hold(data.train, CPU)
    fetched, kept = feed_of(data, 0), feed_of(data, 0, held)
    for step in range(12):
        assert_same(fetched.batch(step, PHASE.tasks), kept.batch(step, PHASE.tasks))


def test_a_batch_of_held_frames_is_memory_of_its_own(data):
    held = hold(data.train, CPU)
    for batch in (held.batch(np.array([0, 1])), feed_of(data, 0, held).batch(0, PHASE.tasks)):
        batch.images.zero_()
        for boxes in batch.boxes:
            boxes.zero_()
    assert_same(held.batch(np.arange(4)), hold(data.train, CPU).batch(np.arange(4)))


def test_what_holding_takes_is_known_before(data):
    held = hold(data.train, CPU)
    taken = sum(column.numel() * column.element_size() for column in held.columns.values())
    assert taken == bytes_of(data.train)


@given(n=st.integers(1, 2**40), free=st.integers(0, 2**40), share=st.floats(0.01, 8))
def test_frames_are_held_within_a_quarter_of_the_trials_share_of_what_is_free(n, free, share):
    held = holds_frames(n, free=free, gpu_share=share)
    assert held == (n <= HELD_SHARE * min(share, 1) * free)
    assert not (held and n > free / 4)


def test_on_a_cpu_frames_stay_where_they_are(data):
    sampler = BatchSampler(data.train, batch_size=4, seed=7)
    plan = plan_for(CPU, OptimizerConfig())
    feed = make_feed(data.train, sampler, seed=7, plan=plan, gpu_share=0.0, micro_batches=1)
    assert feed.held is None


@pytest.mark.parametrize(
    ("free", "gpu_share", "is_held"), [(10**9, 1.0, 1.0), (1000, 1.0, 0.0), (10**9, 1e-6, 0.0)]
)
def test_a_training_says_whether_its_frames_were_held_and_ends_the_same(
    data, monkeypatch, free, gpu_share, is_held
):
    plain = reports_of(data, OptimizerConfig(batch_size=4, epochs=1, steps_per_epoch=3), CPU)
    monkeypatch.setattr(epoch_module, "free_bytes", lambda device: free)
    settings = OptimizerConfig(batch_size=4, epochs=1, steps_per_epoch=3)
    found = reports_of(data, settings, CPU, gpu_share=gpu_share)
    assert found["device/frames_held"] == is_held
    assert lasting(plain) == lasting(found)


def lasting(values):
    """Leave out what differs between two equal trainings, and where the frames were."""
    passing = ("cost/train_s", "cost/peak_memory_mb", "cost/latency_ms", "device/")
    return {name: value for name, value in values.items() if not name.startswith(passing)}


@pytest.mark.parametrize("native", [True, False])
def test_auto_is_bfloat16_where_it_is_native_and_the_rest_is_as_asked(native):
    assert precision_of("auto", native=native) == ("bfloat16" if native else "float32")
    assert precision_of("float32", native=native) == "float32"
    assert precision_of("bfloat16", native=native) == "bfloat16"


@pytest.mark.parametrize("native", [True, False])
def test_the_plan_for_a_gpu_asks_the_gpu(monkeypatch, native):
    monkeypatch.setattr(device_module, "has_bfloat16", lambda device: native)
    plan = plan_for(GPU, OptimizerConfig(precision="auto"))
    assert plan.precision == ("bfloat16" if native else "float32")
    assert plan.facts(frames_held=True) == {
        "device/gpu": 1.0,
        "device/bfloat16": float(native),
        "device/compiled": 0.0,
        "device/frames_held": 1.0,
    }


def test_auto_on_a_cpu_is_float32_to_the_bit(data):
    assert not has_bfloat16(CPU)
    settings = OptimizerConfig(batch_size=4, epochs=1, steps_per_epoch=3)
    plain = reports_of(data, settings, CPU)
    auto = reports_of(data, settings.model_copy(update={"precision": "auto"}), CPU)
    assert lasting(plain) == lasting(auto)
    assert auto["device/bfloat16"] == 0.0


def test_bfloat16_is_reported_where_it_was_asked_for(data):
    settings = OptimizerConfig(batch_size=4, epochs=1, steps_per_epoch=1, precision="bfloat16")
    assert reports_of(data, settings, CPU)["device/bfloat16"] == 1.0


def reports_of(data, optimizer, device, **more):
    """Train one epoch and return what it reported."""
    config = TrialConfig(backbone=BackboneConfig(image_size=SIZE), optimizer=optimizer)
    reports = []

    def report(epoch, values):
        reports.append(values)
        return Decision.CONTINUE

    train(config, data, report, seed=1, folder=None, device=device, **more)
    return reports[0]


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "auto"])
def test_a_gpu_trains(data, precision):
    optimizer = OptimizerConfig(batch_size=4, epochs=1, steps_per_epoch=3, precision=precision)
    values = reports_of(data, optimizer, GPU)
    assert values["cost/optimizer_steps"] == 3.0
    assert (values["device/gpu"], values["device/frames_held"]) == (1.0, 1.0)
    expected = precision == "bfloat16" or (precision == "auto" and has_bfloat16(GPU))
    assert values["device/bfloat16"] == float(expected)


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("n_ahead", [0, 2])
@pytest.mark.parametrize("is_held", [True, False])
def test_a_gpu_gets_the_batches_of_a_cpu(data, is_held, n_ahead):
    plan = DevicePlan(device=GPU, channels_last=True, n_ahead=n_ahead)
    sampler = BatchSampler(data.train, batch_size=4, seed=7)
    held = hold(data.train, GPU) if is_held else None
    feed = Feed(table=data.train, sampler=sampler, seed=7, plan=plan, held=held)
    plain = list(feed_of(data, 0).batches(PHASE, range(8)))
    for one, other in zip(plain, feed.batches(PHASE, range(8)), strict=True):
        assert other.images.device == other.boxes[0].device == GPU
        assert_same(one, other)
