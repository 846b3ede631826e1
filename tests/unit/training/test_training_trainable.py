"""What a dispatcher runs: an order, in its folder, with its share of the machine."""

import cloudpickle
import pytest
import torch

from automtl.errors import DeviceError
from automtl.results import TrialOrder
from automtl.testing.small_training import Reports, small_config, small_splits
from automtl.training import trainable as trainable_module
from automtl.training.artifacts import load_model
from automtl.training.trainable import make_trainable


@pytest.fixture(scope="module")
def data():
    return small_splits()


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def order(tmp_path, config, **changes):
    plain = {
        "number": 7,
        "attempt": 1,
        "point": {},
        "config": config.to_plain(),
        "seed": 1,
        "folder": str(tmp_path / "trial-7"),
    }
    return TrialOrder(**{**plain, **changes})


@pytest.mark.parametrize("provided", [False, True])
def test_trainable_trains_the_order_in_its_folder(tmp_path, data, provided):
    config = small_config()
    sent = cloudpickle.dumps(make_trainable((lambda: data) if provided else data))
    trainable = cloudpickle.loads(sent)
    first, rest = Reports(end_at=1), Reports()
    trainable(order(tmp_path, config), first)
    trainable(order(tmp_path, config, attempt=2, resume=True), rest)
    assert (sorted(first.values), sorted(rest.values)) == ([1], [2, 3])
    assert load_model(tmp_path / "trial-7").config == config


@pytest.mark.parametrize(("cpu", "n_threads"), [(0.5, 1), (1, 1), (3, 3)])
def test_a_trial_uses_its_share_of_the_cores(monkeypatch, tmp_path, data, cpu, n_threads):
    seen = []
    monkeypatch.setattr(
        trainable_module, "train", lambda *args, **more: seen.append(torch.get_num_threads())
    )
    asked = order(tmp_path, small_config(), resources={"cpu": cpu, "gpu": 0})
    make_trainable(data)(asked, Reports())
    assert seen == [n_threads]
    assert torch.get_num_threads() == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_one_line(tmp_path, data):
    asked = order(tmp_path, small_config(), resources={"cpu": 1, "gpu": 0.5})
    with pytest.raises(DeviceError, match=r"trial 7 asks for 0.5 of a GPU.*gpu: 0"):
        make_trainable(data)(asked, Reports())
