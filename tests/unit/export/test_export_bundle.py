"""A bundle gives the same outputs to the bit, or one line that says why it cannot."""

import json
import os
from pathlib import Path

import pytest
import safetensors.torch
import torch

from automtl.config import BackboneConfig, SharingConfig
from automtl.errors import AutomtlError, BundleError
from automtl.export.bundle import load_bundle
from automtl.export.files import CHECKSUMS, CONFIG, METRICS, MODEL, write_checksums, write_json
from automtl.model.network import build_network, same_tensors
from automtl.testing.small_bundle import CONFIG_TREE, INFO, PICK, trained_state, write


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("bundles") / "bundle")


def test_every_file_is_on_the_disk_before_the_bundle_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "bundle"
    early: set[int] = set()
    real = os.fsync

    def fsync(handle: int) -> None:
        if not place.exists():
            early.add(os.fstat(handle).st_ino)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write(place)
    assert {path.stat().st_ino for path in place.iterdir()} <= early


@pytest.fixture
def copied(written: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "bundle"
    copy.mkdir()
    for path in written.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


def change_json(path: Path, **changes: object) -> None:
    write_json(path, {**json.loads(path.read_text()), **changes})
    (path.parent / CHECKSUMS).unlink()
    write_checksums(path.parent)


def change_tensors(folder: Path, change) -> None:
    state = safetensors.torch.load_file(folder / MODEL)
    change(state)
    safetensors.torch.save_file(state, folder / MODEL)
    write_checksums(folder)


def test_every_tensor_comes_back_to_the_bit(written: Path):
    bundle = load_bundle(written)
    assert same_tensors(bundle.network.state_dict(), trained_state())
    assert (bundle.config, bundle.info) == (CONFIG_TREE, INFO)
    assert bundle.manifest.config_digest == CONFIG_TREE.digest
    assert not bundle.network.training


def test_the_same_pictures_give_the_same_raw_outputs(written: Path):
    plain = CONFIG_TREE.model_copy(
        update={"backbone": BackboneConfig(width=0.5, image_size=(64, 96))}
    )
    network = build_network(plain, INFO, generator_seed=1)
    network.load_state_dict(trained_state())
    pictures = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    with torch.inference_mode():
        expected, found = network.eval()(pictures), load_bundle(written).network(pictures)
    for task in CONFIG_TREE.tasks:
        assert same_tensors(expected[task], found[task])


def test_metrics_tell_parity_latency_and_the_pick(written: Path):
    metrics = load_bundle(written).metrics
    assert metrics["parity"]["max_abs_difference"] == 0.0
    assert metrics["parity"]["tensors"] >= 3
    assert metrics["latency"]["median_ms"] > 0
    assert metrics["pick"]["reason"] == PICK.reason
    assert metrics["validation"] == {"detection/mAP": 0.5, "loss/tracking": None}
    assert metrics["test"] is None


def test_the_folder_holds_safetensors_json_and_a_card(written: Path):
    names = {path.name for path in written.iterdir()}
    assert names == {MODEL, CONFIG, METRICS, "MODEL_CARD.md", CHECKSUMS}
    assert "disc" in (written / "MODEL_CARD.md").read_text()


def test_a_pickle_in_the_folder_is_never_opened(copied: Path, tmp_path: Path):
    import pickle

    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    for name in ("model.pt", "pytorch_model.bin", "model.pkl"):
        (copied / name).write_bytes(pickle.dumps(Trap()))
    load_bundle(copied)
    (copied / MODEL).write_bytes(pickle.dumps(Trap()))
    write_checksums(copied)
    with pytest.raises(BundleError, match="not safetensors"):
        load_bundle(copied)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", [MODEL, CONFIG, METRICS])
def test_a_changed_byte_is_found(copied: Path, name: str):
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copied / name).write_bytes(bytes(content))
    with pytest.raises(BundleError, match=f"{name}.*checksum"):
        load_bundle(copied)


@pytest.mark.parametrize("name", [MODEL, CONFIG, METRICS, CHECKSUMS])
def test_a_missing_or_cut_file_is_named(copied: Path, name: str):
    whole = (copied / name).read_bytes()
    (copied / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BundleError, match=name) as cut:
        load_bundle(copied)
    (copied / name).unlink()
    with pytest.raises(BundleError, match=name) as missing:
        load_bundle(copied)
    assert "\n" not in f"{cut.value}{missing.value}"


def test_a_cut_model_with_fitting_checksums_is_found(copied: Path):
    whole = (copied / MODEL).read_bytes()
    (copied / MODEL).write_bytes(whole[:-100])
    write_checksums(copied)
    with pytest.raises(BundleError, match="cut off"):
        load_bundle(copied)


HEAD = "heads.detection."


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda state, name: state.pop(name), "missing {name}"),
        (lambda state, name: state.update({"more": torch.zeros(1)}), "unknown more"),
        (
            lambda state, name: state.update({"other": state.pop(name)}),
            "missing {name}; unknown other",
        ),
        (
            lambda state, name: state.update({name: torch.zeros(3, 3)}),
            r"{name} is float32 \[3, 3\]",
        ),
        (lambda state, name: state.update({name: state[name].half()}), "{name} is float16"),
    ],
)
def test_each_tensor_that_does_not_fit_is_named(copied: Path, change, named: str):
    name = next(key for key in trained_state() if key.startswith(HEAD))
    change_tensors(copied, lambda state: change(state, name))
    with pytest.raises(BundleError, match=named.format(name=name)):
        load_bundle(copied)


def test_a_newer_schema_is_refused(copied: Path):
    change_json(copied / CONFIG, schema_version=2, quantised=True)
    with pytest.raises(BundleError, match=r"schema 2.*\+quantised"):
        load_bundle(copied)


def test_code_of_others_is_imported_only_if_it_is_allowed(copied: Path):
    name = "colorsys:no_such_factory"
    backbone = CONFIG_TREE.backbone.model_copy(update={"name": name})
    config = CONFIG_TREE.model_copy(update={"backbone": backbone})
    change_json(copied / CONFIG, config=config.to_plain(), config_digest=config.digest)
    with pytest.raises(BundleError, match=r"allow_imports=\['colorsys:no_such_factory'\]"):
        load_bundle(copied)
    with pytest.raises(BundleError, match="allow_imports"):
        load_bundle(copied, allow_imports=["colorsys"])
    with pytest.raises(AutomtlError) as tried:
        load_bundle(copied, allow_imports=[name])
    assert "allow_imports" not in str(tried.value)


def test_a_task_of_others_is_imported_only_if_it_is_allowed(copied: Path):
    sharing = SharingConfig(order=("own",), split_after=())
    path = "no_such_package:Own"
    config = CONFIG_TREE.model_copy(update={"sharing": sharing, "imports": {"own": path}})
    change_json(
        copied / CONFIG, config=config.to_plain(), config_digest=config.digest, tasks=["own"]
    )
    with pytest.raises(BundleError, match=r"allow_imports=\['no_such_package:Own'\]"):
        load_bundle(copied)
    with pytest.raises(AutomtlError, match="cannot be imported"):
        load_bundle(copied, allow_imports=[path])


def test_a_backbone_of_timm_needs_no_leave_unless_it_is_fetched(tmp_path: Path):
    pytest.importorskip("timm", reason="the extra `timm` is not installed")
    timm = CONFIG_TREE.backbone.model_copy(update={"name": "timm:resnet10t", "weights": "none"})
    config = CONFIG_TREE.model_copy(update={"backbone": timm})
    bundle = load_bundle(write(tmp_path / "b", config=config, state=trained_state(config)))
    assert bundle.config == config
    fetched = timm.model_copy(update={"name": "timm:hf_hub:some/model"})
    foreign = config.model_copy(update={"backbone": fetched})
    change_json(tmp_path / "b" / CONFIG, config=foreign.to_plain(), config_digest=foreign.digest)
    with pytest.raises(BundleError, match=r"needs code of yours: timm:hf_hub:some/model"):
        load_bundle(tmp_path / "b")


def test_a_state_that_does_not_fit_is_refused_before_anything_is_written(tmp_path: Path):
    state = trained_state()
    state.pop(next(iter(state)))
    with pytest.raises(BundleError, match="missing"):
        write(tmp_path / "bundle", state=state)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_gives_nan_is_refused(tmp_path: Path):
    state = trained_state()
    name = next(key for key in state if key.startswith(HEAD) and key.endswith("weight"))
    state[name] = torch.full_like(state[name], float("nan"))
    with pytest.raises(BundleError, match="outputs"):
        write(tmp_path / "bundle", state=state)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_bundle_is_kept_unless_told(copied: Path):
    before = load_bundle(copied).digest
    with pytest.raises(BundleError, match="--overwrite"):
        write(copied, seed=10)
    assert load_bundle(copied).digest == before
    assert load_bundle(write(copied, seed=10, overwrite=True)).manifest.seed == 10


@pytest.mark.parametrize("order", [("segmentation",), ("detection",), ("detection", "tracking")])
def test_any_set_of_tasks_can_be_carried(tmp_path: Path, order: tuple[str, ...]):
    sharing = SharingConfig(order=order, split_after=(3,) * (len(order) - 1))
    config = CONFIG_TREE.model_copy(update={"sharing": sharing})
    bundle = load_bundle(write(tmp_path / "b", config=config, state=trained_state(config)))
    (result,) = bundle.predict(torch.zeros(1, 3, 64, 96, dtype=torch.uint8), score_threshold=0.0)
    assert (result.mask is not None) == ("segmentation" in order)
    assert (len(result.boxes) > 0) == ("detection" in order)
    assert (result.ids >= 0).any() == (("detection" in order) and ("tracking" in order))
