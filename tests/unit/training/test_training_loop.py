"""The loop: reproducible, resumable to the bit, and true to its configuration."""

import json
import math

import pytest
import torch

from automtl.config import (
    AlternatingSchedule,
    FixedWeighting,
    OptimizerConfig,
    ProportionalSchedule,
    StagedSchedule,
    UncertaintyWeighting,
    UntilPlateauSchedule,
    UPGradWeighting,
)
from automtl.data.load import load_data
from automtl.errors import AutomtlError, BundleError, DataError
from automtl.results import Decision
from automtl.sources import DataConfig, ShapesSource
from automtl.storage.names import MODEL
from automtl.tasks.choose import task_named
from automtl.testing.small_training import CPU, SIZE, Reports, small_config, small_splits
from automtl.training.artifacts import load_model
from automtl.training.checkpoint_files import kept_checkpoints
from automtl.training.loop import train

ONE_AT_A_TIME = [
    AlternatingSchedule(),
    ProportionalSchedule(rates={"tracking": 2.0}),
    UntilPlateauSchedule(patience=1),
    StagedSchedule(stages="detection for 1; segmentation freeze trunk for 1; tracking"),
]


@pytest.fixture(scope="module")
def data():
    return small_splits()


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run(config, data, report=None, *, folder=None, seed=1, **more):
    return train(config, data, report or Reports(), seed=seed, folder=folder, device=CPU, **more)


def same(one, other):
    return set(one) == set(other) and all(torch.equal(one[name], other[name]) for name in one)


def final_state(folder):
    content = torch.load(kept_checkpoints(folder)[0], weights_only=True)
    return content["network"], content["weighting"], content["optimizers"]


@pytest.mark.parametrize("decision", [Decision.PAUSE, Decision.STOP])
def test_pause_and_stop_leave_a_state_to_go_on_from(tmp_path, data, decision):
    config = small_config()
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
    run(small_config(weighting=weighting, schedule=AlternatingSchedule()), data, reports)
    last = reports.values[3]
    for name in ("cost/forward_passes", "cost/backward_passes", "cost/optimizer_steps"):
        assert f"{name}/tracking" not in last
        by_task = [last[f"{name}/{task}"] for task in ("detection", "segmentation")]
        assert last[name] == sum(by_task) == 9.0
    assert "loss/tracking" not in last
    assert math.isfinite(last["tracking/IDF1"])


def test_a_finished_training_resumed_gives_its_model_without_a_report(tmp_path, data):
    model = run(small_config(), data, folder=tmp_path)
    again = Reports()
    resumed = run(small_config(), data, again, folder=tmp_path, resume=True)
    assert again.values == {}
    assert (resumed.epochs, resumed.best_epoch) == (model.epochs, model.best_epoch)
    assert same(model.network.state_dict(), resumed.network.state_dict())


def test_resume_without_a_checkpoint_starts_over_and_no_resume_ignores_one(tmp_path, data):
    reports = Reports()
    run(small_config(), data, reports, folder=tmp_path, resume=True)
    assert sorted(reports.values) == [1, 2, 3]
    again = Reports()
    run(small_config(), data, again, folder=tmp_path, resume=False)
    assert sorted(again.values) == [1, 2, 3]


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path, data):
    run(small_config(), data, Reports(end_at=1), folder=tmp_path)
    with pytest.raises(AutomtlError, match="belongs to another training"):
        run(small_config(weighting=UPGradWeighting()), data, folder=tmp_path, resume=True)


def test_same_seed_same_bits_other_seed_or_values_other_weights(data):
    config = small_config()
    torch.manual_seed(11)
    first = run(config, data).network.state_dict()
    torch.manual_seed(12)
    assert same(first, run(config, data).network.state_dict())
    assert not same(first, run(config, data, seed=2).network.state_dict())
    other = small_config(weighting=FixedWeighting(weights={"detection": 5.0}))
    assert not same(first, run(other, data).network.state_dict())


def test_the_global_random_stream_is_left_alone(data):
    torch.manual_seed(4)
    before = torch.get_rng_state()
    run(small_config(), data, Reports(end_at=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_report_has_every_metric_loss_weight_and_cost(data):
    reports = Reports()
    config = small_config(weighting=FixedWeighting(weights={"detection": 2.0}))
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
    run(small_config(schedule=schedule), data, reports)
    values = reports.values[3]
    for name in ("steps", "forward_passes", "backward_passes", "optimizer_steps"):
        assert values[f"cost/{name}"] == 9.0
    assert sum(values.get(f"cost/optimizer_steps/{t}", 0.0) for t in small_config().tasks) == 9.0


def test_the_ledger_of_costs_adds_up(data):
    reports = Reports()
    run(small_config(), data, reports)
    values = reports.values[3]
    tasks = small_config().tasks
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
    config = small_config(schedule=schedule, optimizer=optimizer)
    reports, again = Reports(), Reports()
    model = run(config, data, reports, folder=tmp_path)
    curve = [reports.values[epoch]["tracking/IDF1"] for epoch in sorted(reports.values)]
    last = next(i for i in range(1, len(curve)) if curve[i] <= max(curve[:i]))
    assert model.epochs == len(curve) == last + 1 < 9
    assert run(config, data, again, folder=tmp_path, resume=True).epochs == model.epochs
    assert again.values == {}


def test_folder_holds_the_best_epoch_and_the_given_configuration(tmp_path, data):
    reports = Reports()
    config = small_config(weighting=UPGradWeighting())
    model = run(config, data, reports, folder=tmp_path)
    scores = {epoch: values["score"] for epoch, values in reports.values.items()}
    best = min(e for e, s in scores.items() if s == max(scores.values()))
    saved = load_model(tmp_path)
    assert model.best_epoch == saved.epoch == best
    assert model.values == saved.values == reports.values[best]
    assert same(model.network.state_dict(), saved.state)
    assert json.loads((tmp_path / MODEL).read_text())["config"] == config.to_plain()
    assert (saved.config, saved.info) == (config, data.info)


def test_an_attempt_that_gets_no_answer_writes_nothing(tmp_path, data):
    """One that was given up for lost, and lives: its successor's files are not its to write."""

    class Unanswered(BaseException):
        pass

    def files():
        return {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    found = {}

    def report(epoch, _):
        found[epoch] = files()
        if epoch == 2:
            raise Unanswered
        return Decision.CONTINUE

    with pytest.raises(Unanswered):
        run(small_config(), data, report, folder=tmp_path)
    assert found[1] == {}
    assert files() == found[2]
    assert load_model(tmp_path).epoch == 1


def test_uncertainty_learns_in_the_loop(data):
    reports = Reports()
    optimizer = OptimizerConfig(lr=0.05, batch_size=4, epochs=3, steps_per_epoch=3)
    run(small_config(weighting=UncertaintyWeighting(), optimizer=optimizer), data, reports)
    for task in small_config().tasks:
        weights = [reports.values[epoch][f"weight/{task}"] for epoch in (1, 2, 3)]
        assert len(set(weights)) == 3


def test_bfloat16_trains_and_reports_finite_numbers(data):
    reports = Reports(end_at=1)
    optimizer = OptimizerConfig(batch_size=4, epochs=3, steps_per_epoch=3, precision="bfloat16")
    model = run(small_config(optimizer=optimizer), data, reports)
    assert all(math.isfinite(value) for value in reports.values[1].values())
    assert {p.dtype for p in model.network.parameters()} == {torch.float32}


def test_a_frozen_trunk_keeps_its_bits_and_the_heads_learn(data):
    start = run(small_config(), data, Reports(end_at=1)).network.state_dict()
    initial = {name: tensor.clone() for name, tensor in start.items()}
    frozen = run(small_config(), data, initial=initial, frozen=("trunk",), seed=5)
    after = frozen.network.state_dict()
    trunk = [name for name in initial if name.startswith("stages.")]
    heads = [name for name in initial if name.startswith("heads.")]
    assert trunk
    assert heads
    assert all(torch.equal(initial[name], after[name]) for name in trunk)
    assert any(not torch.equal(initial[name], after[name]) for name in heads)


def test_a_free_trunk_starts_from_the_given_weights(data):
    initial = run(small_config(), data, Reports(end_at=1)).network.state_dict()
    initial = {name: tensor.clone() for name, tensor in initial.items()}
    one = run(small_config(), data, initial=initial, seed=5).network.state_dict()
    assert not same(one, run(small_config(), data, seed=5).network.state_dict())
    assert any(not torch.equal(one[n], initial[n]) for n in initial if n.startswith("stages."))


def test_weights_that_do_not_fit_are_named(data):
    initial = dict(run(small_config(), data, Reports(end_at=1)).network.state_dict())
    name = min(initial)
    initial[name] = torch.zeros(1, 2, 3)
    initial["spam"] = initial.pop(max(initial))
    with pytest.raises(BundleError, match=r"missing.*spam is unknown.*expected") as caught:
        run(small_config(), data, initial=initial)
    assert name in str(caught.value)


def test_a_task_without_labels_is_refused_before_training(data):
    bare = ShapesSource(clips=3, frames=3, label_dropout={"tracking": 1.0})
    config = DataConfig(train=(bare,), validation=(ShapesSource(clips=1, frames=3, seed=1),))
    unlabelled = load_data(config, image_size=SIZE, root=None).splits
    reports = Reports()
    with pytest.raises(DataError, match="no training clip has two frames with ids"):
        run(small_config(), unlabelled, reports)
    assert reports.values == {}
