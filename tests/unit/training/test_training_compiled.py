"""Compiled training steps: the same training up to rounding, the same names, the same counts."""

import pytest
import torch
from torch._dynamo.backends.registry import lookup_backend

from automtl.config import (
    BackboneConfig,
    FixedWeighting,
    OptimizerConfig,
    SharingConfig,
    TrialConfig,
)
from automtl.config.gradient_weighting import UPGradWeighting
from automtl.config.weighting import FAMOWeighting
from automtl.data.load import load_data
from automtl.model.network import build_network, same_tensors
from automtl.results import Decision
from automtl.sources import DataConfig, ShapesSource
from automtl.training import compiled as compiled_module
from automtl.training.artifacts import load_model
from automtl.training.compiled import call_for, missing_tool
from automtl.training.loop import train

CPU = torch.device("cpu")
SIZE = (32, 48)
TASKS = ("detection", "segmentation")
NO_COMPILER = missing_tool(gpu=False)


@pytest.fixture(scope="module")
def data():
    source = ShapesSource(clips=3, frames=3, n_objects=(2, 3))
    config = DataConfig(train=(source,), validation=(ShapesSource(clips=1, frames=2, seed=1),))
    return load_data(config, image_size=SIZE, root=None).splits


def config_of(*, compiled, weighting=None, n_shared=99, epochs=1):
    return TrialConfig(
        backbone=BackboneConfig(image_size=SIZE),
        sharing=SharingConfig(order=TASKS, split_after=(n_shared,)),
        weighting=weighting or FixedWeighting(),
        optimizer=OptimizerConfig(
            # AdamW makes much of the sign of a gradient that is nearly 0.
            name="sgd",
            lr=0.01,
            batch_size=4,
            epochs=epochs,
            steps_per_epoch=3,
            compile=compiled,
        ),
    )


def trained(config, data, *, folder=None, resume=False, stop_after=None, device=CPU):
    reports = []

    def report(epoch, values):
        reports.append(values)
        return Decision.STOP if epoch == stop_after else Decision.CONTINUE

    model = train(config, data, report, seed=1, folder=folder, device=device, resume=resume)
    return model, reports


def counts(values):
    return {k: v for k, v in values.items() if k.startswith("cost/") and "passes" in k}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("weighting", "atol"),
    [
        pytest.param(FixedWeighting(), 1e-5, id="fixed"),
        pytest.param(UPGradWeighting(at="parameters"), 1e-5, id="upgrad-parameters"),
        pytest.param(UPGradWeighting(at="features"), 1e-5, id="upgrad-features"),
        # Here a training that is not compiled goes just as far astray (2.01e-5, in the same
        # weight of the detection head) when its first weights are moved by one rounding.
        pytest.param(FAMOWeighting(), 3e-5, id="famo"),
    ],
)
def test_it_is_the_same_training_up_to_rounding(data, monkeypatch, weighting, atol):
    monkeypatch.setattr(compiled_module, "BACKEND", "aot_eager")
    plain, (expected,) = trained(config_of(compiled=False, weighting=weighting), data)
    other, (found,) = trained(config_of(compiled=True, weighting=weighting), data)
    assert (expected["device/compiled"], found["device/compiled"]) == (0.0, 1.0)
    assert counts(found) == counts(expected)
    for task in TASKS:
        assert found[f"loss/{task}"] == pytest.approx(expected[f"loss/{task}"], rel=1e-4)
    mine, theirs = plain.network.state_dict(), other.network.state_dict()
    assert mine.keys() == theirs.keys()
    for name, tensor in mine.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-3, atol=atol)


def test_each_part_is_compiled_once_and_evaluation_is_not(data, monkeypatch):
    graphs = []

    def counting(graph, inputs):
        graphs.append(graph)
        return lookup_backend("eager")(graph, inputs)

    monkeypatch.setattr(compiled_module, "BACKEND", counting)
    # Nothing shared: more parts than variants of one piece of code are kept.
    config = config_of(compiled=True, n_shared=0, epochs=2)
    model, reports = trained(config, data)
    assert len(reports) == 2
    assert len(graphs) == len(model.network.stages) + len(model.network.heads) > 8


@pytest.mark.slow
def test_a_resumed_training_ends_with_the_same_bits(data, monkeypatch, tmp_path):
    monkeypatch.setattr(compiled_module, "BACKEND", "aot_eager")
    config = config_of(compiled=True, epochs=2)
    whole, _ = trained(config, data, folder=tmp_path / "whole")
    trained(config, data, folder=tmp_path / "torn", stop_after=1)
    resumed, reports = trained(config, data, folder=tmp_path / "torn", resume=True)
    assert len(reports) == 1
    assert same_tensors(whole.network.state_dict(), resumed.network.state_dict())
    saved = load_model(tmp_path / "torn")
    assert same_tensors(saved.state, resumed.network.state_dict())
    assert not [name for name in saved.state if "_orig_mod" in name]


@pytest.mark.slow
@pytest.mark.skipif(bool(NO_COMPILER), reason=f"lacks {NO_COMPILER}")
def test_inductor_computes_a_stage_and_differentiates_it_twice(data):
    network = build_network(config_of(compiled=True), data.info, generator_seed=0)
    stage = next(iter(network.stages.values()))
    found, expected = (
        gradients_of(stage, call_for(network, compiled=compiled)) for compiled in (True, False)
    )
    for one, other in zip(found, expected, strict=True):
        # Relative to the whole: a gradient behind a batch norm is a sum of much that cancels.
        assert float((one - other).norm()) < 1e-3 * float(other.norm())


def gradients_of(stage, call):
    """Return the gradients of two losses of one pass, as a weighting at parameters takes them."""
    picture = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    output = call(stage, picture)
    first = torch.autograd.grad(output.sum(), list(stage.parameters()), retain_graph=True)
    second = torch.autograd.grad(output.square().sum(), list(stage.parameters()))
    return (output.detach(), *first, *second)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
@pytest.mark.parametrize("at", ["parameters", "features"])
def test_inductor_trains_on_a_gpu(data, at):
    device = torch.device("cuda", 0)
    weighting = UPGradWeighting(at=at)
    _, (expected,) = trained(config_of(compiled=False, weighting=weighting), data, device=device)
    _, (found,) = trained(config_of(compiled=True, weighting=weighting), data, device=device)
    for task in TASKS:
        assert found[f"loss/{task}"] == pytest.approx(expected[f"loss/{task}"], rel=1e-2)


def test_a_missing_compiler_is_named(monkeypatch):
    from torch._inductor import cpp_builder
    from torch._inductor.exc import InvalidCxxCompiler

    def none_found():
        raise InvalidCxxCompiler

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", none_found)
    monkeypatch.setattr(compiled_module.Path, "exists", lambda self: True)
    assert "g++" in missing_tool(gpu=False)


@pytest.mark.parametrize(
    ("has_triton", "compilers", "words"),
    [(False, ("gcc",), "triton"), (True, (), "gcc"), (True, ("clang",), "")],
)
def test_what_a_gpu_lacks_is_named(monkeypatch, has_triton, compilers, words):
    monkeypatch.setattr(compiled_module.Path, "exists", lambda self: True)
    monkeypatch.setattr(compiled_module, "find_spec", lambda name: name if has_triton else None)
    monkeypatch.setattr(
        compiled_module.shutil, "which", lambda name: name if name in compilers else None
    )
    found = missing_tool(gpu=True)
    assert words in found
    assert bool(words) == bool(found)


@pytest.mark.parametrize("gpu", [True, False])
def test_missing_headers_are_named(monkeypatch, gpu):
    monkeypatch.setattr(compiled_module.Path, "exists", lambda self: False)
    assert "python3-dev" in missing_tool(gpu=gpu)
