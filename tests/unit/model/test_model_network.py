"""The network: a stage exists once per group, runs once, and only if needed."""

import sys
from types import SimpleNamespace

import pytest
import torch
from pydantic import ValidationError

from automtl.config import BackboneConfig, HeadsConfig, SharingConfig, TrialConfig
from automtl.config.backbones import N_STAGES, channels_of
from automtl.errors import AutomtlError
from automtl.model.backbones import build_stages
from automtl.model.cost import count_flops, count_parameters, latency_ms
from automtl.model.network import build_network, same_tensors
from automtl.tasks.choose import task_named
from automtl.testing.task_contract import INFO, SIZE

ALL = ("detection", "segmentation", "tracking")
IMAGES = torch.randint(0, 256, (2, 3, *SIZE), dtype=torch.uint8)


def network(*splits: int, seed: int = 0, **backbone: str):
    config = TrialConfig(
        backbone=BackboneConfig(**backbone),
        sharing=SharingConfig(order=ALL, split_after=splits),
        heads=HeadsConfig(channels=16),
    )
    return build_network(config, INFO, generator_seed=seed)


def calls(net, tasks):
    seen = []
    for name, stage in net.stages.items():
        stage.register_forward_hook(lambda *_, name=name: seen.append(name))
    net(IMAGES, tasks)
    return sorted(seen)


def test_each_stage_runs_once_per_group():
    assert calls(network(99, 99), None) == [f"{i}-detection+segmentation+tracking" for i in "1234"]
    net = network(2, 4)
    assert calls(net, None) == sorted(net.stages)
    assert len(net.stages) == 2 + 2 * 2


def test_only_needed_branches_run():
    assert calls(network(1, 0), ["tracking"]) == [f"{i}-tracking" for i in "1234"]
    assert set(network(1, 0)(IMAGES, ["tracking"])) == {"tracking"}


@pytest.mark.parametrize("splits", [(0, 0), (2, 4), (99, 99)])
@pytest.mark.parametrize("tasks", [ALL, ("detection", "tracking"), ("segmentation",)])
def test_parameters_are_those_with_a_gradient_path(splits, tasks):
    net = network(*splits)
    users: dict[int, set[str]] = {id(p): set() for p in net.parameters()}
    for task in tasks:
        net.zero_grad(set_to_none=True)
        sum(v.sum() for v in net(IMAGES, [task])[task].values()).backward()
        for p in net.parameters():
            if p.grad is not None:
                users[id(p)].add(task)
    shared = [id(p) for p in net.shared_parameters(tasks)]
    assert sorted(shared) == sorted(k for k, u in users.items() if len(u) >= 2)
    for task in tasks:
        own = [id(p) for p in net.task_parameters(task, tasks)]
        assert sorted(own) == sorted(k for k, u in users.items() if u == {task})
    every = [id(p) for p in net.parameters_of(tasks)]
    assert sorted(every) == sorted(k for k, u in users.items() if u)


def test_the_seed_decides_the_start_and_the_tree_does_not():
    assert same_tensors(network(2, 2).state_dict(), network(2, 2).state_dict())
    assert not same_tensors(network(2, 2).state_dict(), network(2, 2, seed=1).state_dict())
    apart, together = network(0, 0).eval(), network(99, 99).eval()
    first, second = apart(IMAGES), together(IMAGES)
    for task in ALL:
        for name, value in first[task].items():
            torch.testing.assert_close(value, second[task][name])


def test_building_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    network(2, 2)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("name", N_STAGES)
def test_every_backbone_doubles_its_stride_and_runs(name):
    stages = build_stages(BackboneConfig(name=name))
    assert len(stages.modules) == N_STAGES[name]
    assert stages.channels == channels_of(name, width=1.0)
    assert all(b == 2 * a for a, b in zip(stages.strides, stages.strides[1:], strict=False))
    x = torch.zeros(1, 3, *SIZE)
    for stage, channels, stride in zip(
        stages.modules, stages.channels, stages.strides, strict=True
    ):
        x = stage.eval()(x)
        assert x.shape == (1, channels, SIZE[0] // stride, SIZE[1] // stride)


@pytest.mark.frames
def test_every_copy_gets_the_pretrained_weights(torch_home, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(torch_home))
    net = network(0, 0, name="mobilenet_v2", weights="imagenet")
    first, second = (net.stages[f"1-{t}"].state_dict() for t in ALL[:2])
    stored = torch.load(
        torch_home / "hub" / "checkpoints" / "mobilenet_v2-b0353104.pth", weights_only=True
    )
    assert same_tensors(first, second)
    assert torch.equal(first["0.0.weight"], stored["features.0.0.weight"])


def test_cost_counts_what_is_there_and_leaves_the_mode():
    apart, together = network(0, 0), network(99, 99)
    assert count_parameters(apart) > count_parameters(together)
    assert count_flops(apart, SIZE) > count_flops(together, SIZE)
    threads = torch.get_num_threads()
    assert latency_ms(together, SIZE, repeats=3) > 0
    assert torch.get_num_threads() == threads
    assert together.training


def test_flops_of_one_convolution_are_exact():
    conv = torch.nn.Conv2d(3, 4, 3, padding=1, bias=False)
    cast = torch.nn.Sequential(_Float(), conv)
    assert count_flops(cast, (8, 8)) == 2 * 8 * 8 * 4 * 3 * 9


class _Float(torch.nn.Module):
    def forward(self, x):
        return x.float()


def test_an_unknown_task_is_one_line_with_the_closest():
    with pytest.raises(AutomtlError) as caught:
        task_named("detektion")
    assert "'detection'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_backbone_is_refused_where_it_is_written():
    with pytest.raises(ValidationError, match="did you mean 'mobilenet_v2'"):
        BackboneConfig(name="mobilenet_v22")
    with pytest.raises(ValidationError, match="known: tiny, mobilenet_v2"):
        BackboneConfig(name="x")


@pytest.mark.parametrize("name", ["no_such_module:Thing", "json:Thing"])
def test_what_cannot_be_imported_is_said(name):
    with pytest.raises(AutomtlError, match="cannot be imported"):
        task_named(name)
    with pytest.raises(AutomtlError, match="cannot be imported"):
        build_stages(BackboneConfig(name=name))


def test_a_backbone_of_ones_own_that_breaks_is_one_line(monkeypatch):
    def angry(config):
        msg = f"no {config.name}"
        raise LookupError(msg)

    module = SimpleNamespace(angry=angry, number=lambda config: 3)
    monkeypatch.setitem(sys.modules, "own_backbones", module)
    with pytest.raises(AutomtlError, match=r"cannot be built \(LookupError: no own_backbones:"):
        build_stages(BackboneConfig(name="own_backbones:angry"))
    with pytest.raises(AutomtlError, match=r"returned int instead of Stages.*BackboneConfig"):
        build_stages(BackboneConfig(name="own_backbones:number"))


def test_weights_that_do_not_fit_are_named(tmp_path):
    path = tmp_path / "w.pt"
    with pytest.raises(AutomtlError, match=str(path)):
        build_stages(BackboneConfig(weights=str(path)))
    torch.save({"0.0.weight": torch.zeros(1)}, path)
    with pytest.raises(AutomtlError, match="do not fit") as caught:
        build_stages(BackboneConfig(weights=str(path)))
    assert "\n" not in str(caught.value)
