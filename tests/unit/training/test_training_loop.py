"""The loop: reproducible, resumable to the bit, and true to its configuration."""

import json
import math

import cloudpickle
import pytest
import torch

from automtl.config import (
    AlternatingSchedule,
    BackboneConfig,
    FixedWeighting,
    HeadsConfig,
    OptimizerConfig,
    ProportionalSchedule,
    SharingConfig,
    StagedSchedule,
    TrialConfig,
    UncertaintyWeighting,
    UntilPlateauSchedule,
    UPGradWeighting,
)
from automtl.data.load import load_data
from automtl.errors import AutomtlError, BundleError, DataError, DeviceError, TrialFailedError
from automtl.results import Decision, TrialOrder
from automtl.sources import DataConfig, ShapesSource
from automtl.tasks.choose import task_named
from automtl.training import learner as learner_module
from automtl.training import trainable as trainable_module
from automtl.training.artifacts import MODEL, load_model
from automtl.training.checkpoint_files import kept_checkpoints
from automtl.training.loop import train
from automtl.training.trainable import make_trainable

CPU = torch.device("cpu")
SIZE = (32, 48)
ONE_AT_A_TIME = [
    AlternatingSchedule(),
    ProportionalSchedule(rates={"tracking": 2.0}),
    UntilPlateauSchedule(patience=1),
    StagedSchedule(stages="detection for 1; segmentation freeze trunk for 1; tracking"),
]


@pytest.fixture(scope="module")
def data():
    train_source = ShapesSource(clips=3, frames=3, n_objects=(2, 3))
    validation_source = ShapesSource(clips=1, frames=3, seed=1, n_objects=(2, 3))
    config = DataConfig(train=(train_source,), validation=(validation_source,))
    return load_data(config, image_size=SIZE, root=None).splits


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_config(**changes) -> TrialConfig:
    base = {
        "backbone": BackboneConfig(image_size=SIZE, width=0.25),
        "sharing": SharingConfig(split_after=(3, 1)),
        "heads": HeadsConfig(channels=8, embedding_dim=4),
        "optimizer": OptimizerConfig(batch_size=4, epochs=3, steps_per_epoch=3),
    }
    return TrialConfig(**{**base, **changes})


class Reports:
    """Records reports; ends or breaks off a training at an epoch."""

    def __init__(self, *, end_at=None, decision=Decision.STOP, kill_at=None) -> None:
        self.values = {}
        self._end_at, self._decision, self._kill_at = end_at, decision, kill_at

    def __call__(self, epoch, values):
        if epoch == self._kill_at:
            raise KeyboardInterrupt
        self.values[epoch] = dict(values)
        return self._decision if epoch == self._end_at else Decision.CONTINUE


def run(config, data, report=None, *, folder=None, seed=1, **more):
    return train(config, data, report or Reports(), seed=seed, folder=folder, device=CPU, **more)


def same(one, other):
    return set(one) == set(other) and all(torch.equal(one[name], other[name]) for name in one)


def final_state(folder):
    content = torch.load(kept_checkpoints(folder)[0], weights_only=True)
    return content["network"], content["weighting"], content["optimizers"]


@pytest.mark.parametrize("decision", [Decision.PAUSE, Decision.STOP])
def test_pause_and_stop_leave_a_state_to_go_on_from(tmp_path, data, decision):
    config = make_config()
    whole, first, second = Reports(), Reports(end_at=1, decision=decision), Reports()
    run(config, data, whole, folder=tmp_path / "whole")
    assert run(config, data, first, folder=tmp_path / "part").epochs == 1
    run(config, data, second, folder=tmp_path / "part", resume=True)
    assert (sorted(first.values), sorted(second.values)) == ([1], [2, 3])
    assert same(final_state(tmp_path / "whole")[0], final_state(tmp_path / "part")[0])
    assert second.values[3]["cost/train_s"] > first.values[1]["cost/train_s"]
    assert second.values[3]["cost/latency_ms"] == first.values[1]["cost/latency_ms"]


def test_a_task_of_weight_0_costs_nothing_and_is_measured_all_the_same(data):
    reports = Reports()
    weighting = FixedWeighting(weights={"tracking": 0.0})
    run(make_config(weighting=weighting, schedule=AlternatingSchedule()), data, reports)
    last = reports.values[3]
    for name in ("cost/forward_passes", "cost/backward_passes", "cost/optimizer_steps"):
        assert f"{name}/tracking" not in last
        by_task = [last[f"{name}/{task}"] for task in ("detection", "segmentation")]
        assert last[name] == sum(by_task) == 9.0
    assert "loss/tracking" not in last
    assert math.isfinite(last["tracking/IDF1"])


def test_a_finished_training_resumed_gives_its_model_without_a_report(tmp_path, data):
    model = run(make_config(), data, folder=tmp_path)
    again = Reports()
    resumed = run(make_config(), data, again, folder=tmp_path, resume=True)
    assert again.values == {}
    assert (resumed.epochs, resumed.best_epoch) == (model.epochs, model.best_epoch)
    assert same(model.network.state_dict(), resumed.network.state_dict())


def test_resume_without_a_checkpoint_starts_over_and_no_resume_ignores_one(tmp_path, data):
    reports = Reports()
    run(make_config(), data, reports, folder=tmp_path, resume=True)
    assert sorted(reports.values) == [1, 2, 3]
    again = Reports()
    run(make_config(), data, again, folder=tmp_path, resume=False)
    assert sorted(again.values) == [1, 2, 3]


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path, data):
    run(make_config(), data, Reports(end_at=1), folder=tmp_path)
    with pytest.raises(AutomtlError, match="belongs to another training"):
        run(make_config(weighting=UPGradWeighting()), data, folder=tmp_path, resume=True)


def test_same_seed_same_bits_other_seed_or_values_other_weights(data):
    config = make_config()
    torch.manual_seed(11)
    first = run(config, data).network.state_dict()
    torch.manual_seed(12)
    assert same(first, run(config, data).network.state_dict())
    assert not same(first, run(config, data, seed=2).network.state_dict())
    other = make_config(weighting=FixedWeighting(weights={"detection": 5.0}))
    assert not same(first, run(other, data).network.state_dict())


def test_the_global_random_stream_is_left_alone(data):
    torch.manual_seed(4)
    before = torch.get_rng_state()
    run(make_config(), data, Reports(end_at=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_report_has_every_metric_loss_weight_and_cost(data):
    reports = Reports()
    config = make_config(weighting=FixedWeighting(weights={"detection": 2.0}))
    run(config, data, reports)
    values = reports.values[2]
    tasks = [task_named(name) for name in config.tasks]
    expected = {metric for task in tasks for metric in task.metrics}
    expected |= {f"{kind}/{name}" for kind in ("loss", "weight") for name in config.tasks}
    expected |= {"score", "cost/parameters", "cost/flops", "cost/latency_ms", "cost/train_s"}
    expected |= {"cost/steps", "cost/forward_passes", "tracking/HOTA"}
    assert expected <= set(values)
    assert all(math.isfinite(value) for value in values.values())
    assert values["score"] == pytest.approx(sum(values[t.primary] for t in tasks) / 3)
    assert (values["cost/steps"], values["cost/forward_passes"]) == (6.0, 18.0)
    assert values["weight/detection"] == 2.0
    assert values["weight/tracking"] == 1.0


@pytest.mark.parametrize("schedule", ONE_AT_A_TIME, ids=lambda s: s.kind)
def test_one_task_at_a_time_passes_one_branch_a_step(data, schedule):
    reports = Reports()
    run(make_config(schedule=schedule), data, reports)
    values = reports.values[3]
    for name in ("steps", "forward_passes", "backward_passes", "optimizer_steps"):
        assert values[f"cost/{name}"] == 9.0
    assert sum(values.get(f"cost/optimizer_steps/{t}", 0.0) for t in make_config().tasks) == 9.0


def test_the_ledger_of_costs_adds_up(data):
    reports = Reports()
    run(make_config(), data, reports)
    values = reports.values[3]
    tasks = make_config().tasks
    for name in ("forward_passes", "backward_passes"):
        assert [values[f"cost/{name}/{task}"] for task in tasks] == [9.0] * 3
        assert values[f"cost/{name}"] == 27.0
    assert values["cost/trunk_forward_passes"] == values["cost/trunk_backward_passes"] == 9.0
    assert values["cost/optimizer_steps"] == values["cost/optimizer_steps/tracking"] == 9.0
    seconds = sum(values[f"cost/train_s/{task}"] for task in tasks)
    assert seconds == pytest.approx(values["cost/train_s"])
    peaks = {values[f"cost/peak_memory_mb/{task}"] for task in tasks}
    assert peaks == {values["cost/peak_memory_mb"]}
    assert reports.values[1]["cost/forward_passes"] == 9.0


def test_until_plateau_ends_early_after_its_rounds(data, tmp_path):
    schedule = UntilPlateauSchedule(patience=1, rounds=1, order=("tracking",))
    optimizer = OptimizerConfig(batch_size=4, epochs=9, steps_per_epoch=1, lr=1e-8)
    config = make_config(schedule=schedule, optimizer=optimizer)
    reports, again = Reports(), Reports()
    model = run(config, data, reports, folder=tmp_path)
    curve = [reports.values[epoch]["tracking/IDF1"] for epoch in sorted(reports.values)]
    last = next(i for i in range(1, len(curve)) if curve[i] <= max(curve[:i]))
    assert model.epochs == len(curve) == last + 1 < 9
    assert run(config, data, again, folder=tmp_path, resume=True).epochs == model.epochs
    assert again.values == {}


def test_folder_holds_the_best_epoch_and_the_given_configuration(tmp_path, data):
    reports = Reports()
    config = make_config(weighting=UPGradWeighting())
    model = run(config, data, reports, folder=tmp_path)
    scores = {epoch: values["score"] for epoch, values in reports.values.items()}
    best = min(e for e, s in scores.items() if s == max(scores.values()))
    saved = load_model(tmp_path)
    assert model.best_epoch == saved.epoch == best
    assert model.values == saved.values == reports.values[best]
    assert same(model.network.state_dict(), saved.state)
    assert json.loads((tmp_path / MODEL).read_text())["config"] == config.to_plain()
    assert (saved.config, saved.info) == (config, data.info)


def test_uncertainty_learns_in_the_loop(data):
    reports = Reports()
    optimizer = OptimizerConfig(lr=0.05, batch_size=4, epochs=3, steps_per_epoch=3)
    run(make_config(weighting=UncertaintyWeighting(), optimizer=optimizer), data, reports)
    for task in make_config().tasks:
        weights = [reports.values[epoch][f"weight/{task}"] for epoch in (1, 2, 3)]
        assert len(set(weights)) == 3


def test_bfloat16_trains_and_reports_finite_numbers(data):
    reports = Reports(end_at=1)
    optimizer = OptimizerConfig(batch_size=4, epochs=3, steps_per_epoch=3, precision="bfloat16")
    model = run(make_config(optimizer=optimizer), data, reports)
    assert all(math.isfinite(value) for value in reports.values[1].values())
    assert {p.dtype for p in model.network.parameters()} == {torch.float32}


class Sick:
    """A task whose loss is not a number at some of its steps."""

    def __init__(self, task, sick_calls) -> None:
        self._task, self._sick, self._calls = task, sick_calls, 0

    def __getattr__(self, name):
        return getattr(self._task, name)

    def loss(self, output, batch, info):
        self._calls += 1
        factor = math.nan if self._calls - 1 in self._sick else 1.0
        return self._task.loss(output, batch, info) * factor


def sicken(monkeypatch, calls):
    def named(name, imports):
        task = task_named(name, imports)
        return Sick(task, calls) if name == "segmentation" else task

    monkeypatch.setattr(learner_module, "task_named", named)


def test_three_losses_in_a_row_that_are_not_numbers_fail_the_trial(monkeypatch, data):
    sicken(monkeypatch, {2, 3, 4})
    with pytest.raises(TrialFailedError, match="loss of segmentation is nan at step 4") as caught:
        run(make_config(), data)
    assert caught.value.kind == "non_finite"


def test_fewer_are_steps_not_taken(monkeypatch, data):
    sicken(monkeypatch, {1, 2, 4, 5})
    reports = Reports()
    model = run(make_config(), data, reports)
    assert model.epochs == 3
    assert all(math.isfinite(value) for value in reports.values[1].values())
    assert all(torch.isfinite(p).all() for p in model.network.parameters())


def test_strikes_are_counted_across_a_resume(monkeypatch, tmp_path, data):
    sicken(monkeypatch, {1, 2})
    run(make_config(), data, Reports(end_at=1), folder=tmp_path)
    sicken(monkeypatch, {0})
    with pytest.raises(TrialFailedError, match="at step 3"):
        run(make_config(), data, folder=tmp_path, resume=True)


def test_a_frozen_trunk_keeps_its_bits_and_the_heads_learn(data):
    start = run(make_config(), data, Reports(end_at=1)).network.state_dict()
    initial = {name: tensor.clone() for name, tensor in start.items()}
    frozen = run(make_config(), data, initial=initial, freeze_trunk=True, seed=5)
    after = frozen.network.state_dict()
    trunk = [name for name in initial if name.startswith("stages.")]
    heads = [name for name in initial if name.startswith("heads.")]
    assert trunk
    assert heads
    assert all(torch.equal(initial[name], after[name]) for name in trunk)
    assert any(not torch.equal(initial[name], after[name]) for name in heads)


def test_a_free_trunk_starts_from_the_given_weights(data):
    initial = run(make_config(), data, Reports(end_at=1)).network.state_dict()
    initial = {name: tensor.clone() for name, tensor in initial.items()}
    one = run(make_config(), data, initial=initial, seed=5).network.state_dict()
    assert not same(one, run(make_config(), data, seed=5).network.state_dict())
    assert any(not torch.equal(one[n], initial[n]) for n in initial if n.startswith("stages."))


def test_weights_that_do_not_fit_are_named(data):
    initial = dict(run(make_config(), data, Reports(end_at=1)).network.state_dict())
    name = min(initial)
    initial[name] = torch.zeros(1, 2, 3)
    initial["spam"] = initial.pop(max(initial))
    with pytest.raises(BundleError, match=r"missing.*spam is unknown.*expected") as caught:
        run(make_config(), data, initial=initial)
    assert name in str(caught.value)


def test_a_task_without_labels_is_refused_before_training(data):
    bare = ShapesSource(clips=3, frames=3, label_dropout={"tracking": 1.0})
    config = DataConfig(train=(bare,), validation=(ShapesSource(clips=1, frames=3, seed=1),))
    unlabelled = load_data(config, image_size=SIZE, root=None).splits
    reports = Reports()
    with pytest.raises(DataError, match="no training clip has two frames with ids"):
        run(make_config(), unlabelled, reports)
    assert reports.values == {}


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
    config = make_config()
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
    asked = order(tmp_path, make_config(), resources={"cpu": cpu, "gpu": 0})
    make_trainable(data)(asked, Reports())
    assert seen == [n_threads]
    assert torch.get_num_threads() == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_one_line(tmp_path, data):
    asked = order(tmp_path, make_config(), resources={"cpu": 1, "gpu": 0.5})
    with pytest.raises(DeviceError, match=r"trial 7 asks for 0.5 of a GPU.*gpu: 0"):
        make_trainable(data)(asked, Reports())
