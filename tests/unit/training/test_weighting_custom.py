"""A weighting by import path: found, handed its options, checked, and explained when wrong."""

import sys
from types import ModuleType

import pytest
import torch

from automtl.config import CustomWeighting
from automtl.errors import AutomtlError
from automtl.training.weighting import build_weighting
from automtl.training.weighting.losses import Fixed

CPU = torch.device("cpu")


@pytest.fixture
def own(monkeypatch):
    """A module of the user's own, as if installed."""
    module = ModuleType("own_package")
    monkeypatch.setitem(sys.modules, "own_package", module)
    return module


def build(name, **options):
    config = CustomWeighting(path=f"own_package:{name}", options=options)
    return build_weighting(config, ("a", "b"), seed=7, device=CPU)


def test_factory_is_told_everything(own):
    heard = {}

    def factory(*, tasks, seed, device, options):
        heard.update(tasks=tasks, seed=seed, device=device, options=options)
        return Fixed(dict.fromkeys(tasks, 2.0))

    own.factory = factory
    assert isinstance(build("factory", power=0.5, mode="soft"), Fixed)
    assert heard == {
        "tasks": ("a", "b"),
        "seed": 7,
        "device": CPU,
        "options": {"power": 0.5, "mode": "soft"},
    }


def test_path_that_leads_nowhere(own):
    with pytest.raises(AutomtlError, match="'own_package:missing' cannot be imported"):
        build("missing")
    config = CustomWeighting(path="no_such_package:factory")
    with pytest.raises(AutomtlError, match="No module named 'no_such_package'"):
        build_weighting(config, ("a",), seed=0, device=CPU)


def test_factory_with_other_arguments(own):
    own.factory = lambda tasks: Fixed(dict.fromkeys(tasks, 1.0))
    with pytest.raises(AutomtlError, match=r"TypeError.*It is called as factory\(tasks"):
        build("factory")


def test_what_is_no_weighting_is_told_what_it_lacks(own):
    class Half:
        needs_boundary = False
        needs_new_losses = False

        def backward(self, losses, graph):
            return dict.fromkeys(losses, 1.0)

        def parameters(self, task):
            return []

    own.factory = lambda **_: Half()
    with pytest.raises(AutomtlError, match="lacks after_step, diagnostics, end_epoch, load_state"):
        build("factory")


def test_whatever_the_factory_or_its_module_raises_is_explained(own, tmp_path, monkeypatch):
    def factory(**_):
        msg = "no such mode"
        raise RuntimeError(msg)

    own.factory = factory
    with pytest.raises(AutomtlError, match=r"failed .RuntimeError: no such mode"):
        build("factory")
    (tmp_path / "broken_package.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    config = CustomWeighting(path="broken_package:factory")
    with pytest.raises(AutomtlError, match=r"cannot be imported \(ZeroDivisionError"):
        build_weighting(config, ("a",), seed=0, device=CPU)


@pytest.mark.parametrize(
    "path", ["factory", "package.module", "a b:c", ":f", "m:", "m:f.g", "1:f"]
)
def test_path_is_checked_with_the_recipe(path):
    with pytest.raises(ValueError, match=r"write package\.module:factory"):
        CustomWeighting(path=path)
