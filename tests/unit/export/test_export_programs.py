"""A program beside the bundle is the network: for any number of frames, or it is not written."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from automtl.config import BackboneConfig, SharingConfig, TrialConfig
from automtl.errors import BundleError
from automtl.export import programs
from automtl.export.bundle import load_bundle, load_manifest
from automtl.export.decoding import decode_clip
from automtl.export.programs import (
    FILES,
    FORMATS,
    flat_outputs,
    open_program,
    parse_formats,
    proof_frames,
    write_programs,
)
from automtl.export.weights import without_pretraining
from automtl.model.network import MultiTaskNetwork, build_network
from automtl.testing.small_bundle import CONFIG_TREE, INFO, write

# The tracer of torch and the ONNX exporter warn of their own code, which is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:torch.*")
FRAMES = np.random.default_rng(0).integers(0, 256, (9, 3, *INFO.image_size), dtype=np.uint8)
GOAL = 1e-4
FAMILIES = (
    "mobilenet_v2",
    "mobilenet_v3_small",
    "resnet18",
    "efficientnet_b0",
    "regnet_y_400mf",
    "convnext_tiny",
    "swin_t",
    "timm:resnet10t",
)
"""One of each kind of backbone beside `tiny`."""


def usual_state(config: TrialConfig) -> dict[str, torch.Tensor]:
    """Weights as a training begins with, whose outputs are of the size of a trained model's."""
    state = build_network(without_pretraining(config), INFO, generator_seed=1).state_dict()
    # Scores about a half, as of a trained model's objects: surer ones are linked, others are not.
    state["heads.detection.heat.bias"].zero_()
    return state


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    folder = tmp_path_factory.mktemp("bundles") / "bundle"
    return write(folder, state=usual_state(CONFIG_TREE), formats=FORMATS, frames=FRAMES)


def opened(bundle: Path, name: str):
    return open_program(bundle, name, is_trusted=True)


def facts_of(bundle: Path) -> dict:
    return json.loads((bundle / "metrics.json").read_text())["programs"]


def raw(network: MultiTaskNetwork, frames: np.ndarray) -> dict[str, np.ndarray]:
    with torch.inference_mode():
        return {k: t.numpy() for k, t in flat_outputs(network(torch.from_numpy(frames))).items()}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("n_frames", [1, 2, 9])
def test_a_program_gives_the_outputs_of_the_network(written: Path, name, n_frames: int):
    frames = FRAMES[:n_frames]
    given = opened(written, name)(frames)
    wanted = raw(load_bundle(written).network, frames)
    assert given.keys() == wanted.keys()
    for key, values in wanted.items():
        assert given[key].dtype == np.float32
        np.testing.assert_allclose(given[key], values, rtol=0, atol=GOAL)


@pytest.mark.parametrize("name", FORMATS)
def test_its_outputs_decode_to_what_the_bundle_predicts(written: Path, name):
    program, bundle = opened(written, name), load_bundle(written)
    chunks = (program(FRAMES[start : start + 4]) for start in range(0, len(FRAMES), 4))
    given = list(decode_clip(chunks, load_manifest(written), score_threshold=0.01))
    wanted = bundle.predict(torch.from_numpy(FRAMES), score_threshold=0.01)
    assert len(given) == len(FRAMES)
    assert any((result.ids > 0).any() for result in wanted), "otherwise nothing is linked"
    for one, other in zip(given, wanted, strict=True):
        np.testing.assert_allclose(one.boxes, other.boxes, rtol=0, atol=1e-2)
        np.testing.assert_array_equal(one.ids, other.ids)
        assert one.mask is not None
        assert (one.mask == other.mask).mean() > 0.999


@pytest.mark.parametrize("name", FORMATS)
def test_the_bundle_says_how_near_and_how_fast(written: Path, name):
    facts = facts_of(written)[name]
    assert facts["file"] == FILES[name]
    assert facts["frames"] == len(FRAMES)
    assert 0 <= facts["max_abs_difference"] <= GOAL < facts["largest_output"]
    assert facts["latency_ms"] > 0 < facts["network_latency_ms"]
    sums = json.loads((written / "checksums.json").read_text())
    assert FILES[name] in sums
    card = (written / "MODEL_CARD.md").read_text()
    assert f"| `{FILES[name]}` | {len(FRAMES)} | {facts['max_abs_difference']:.4g} |" in card


def test_the_largest_difference_is_the_largest(monkeypatch: pytest.MonkeyPatch):
    wanted = {"a/x": np.zeros((9, 2), np.float32), "b/y": np.full((9, 1), 3.0, np.float32)}

    def shifted(images):
        given = {key: values[: len(images)].copy() for key, values in wanted.items()}
        given["b/y"][-1] += 1e-3
        return given

    def plain(images):
        return {key: values[: len(images)] for key, values in wanted.items()}

    facts = programs._proof("onnx", shifted, plain, FRAMES)
    assert facts["max_abs_difference"] == pytest.approx(1e-3, rel=1e-3)
    assert facts["largest_output"] == 3.0


@pytest.mark.parametrize("wrong", [5e-2, float("nan")])
def test_a_program_that_is_another_model_is_not_written(tmp_path: Path, monkeypatch, wrong):
    real = programs._program

    def off(name, content, names):
        run = real(name, content, names)
        return lambda images: {key: v + np.float32(wrong) for key, v in run(images).items()}

    monkeypatch.setattr(programs, "_program", off)
    with pytest.raises(BundleError, match="torch_export program differ by up to"):
        write(
            tmp_path / "b",
            state=usual_state(CONFIG_TREE),
            formats=("torch_export",),
            frames=FRAMES[:1],
        )
    assert not list(tmp_path.iterdir())


class Branching(nn.Module):
    """What a tracer cannot follow: which layers run depends on the picture's values."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, features):
        if features[0].mean() > 0:
            return self.inner(features)
        return {"logits": features[0]}


def test_what_cannot_be_traced_is_said_on_one_line(tmp_path: Path):
    network = build_network(without_pretraining(CONFIG_TREE), INFO, generator_seed=0).eval()
    network.heads["segmentation"] = Branching(network.heads["segmentation"])
    with pytest.raises(BundleError, match="cannot be written as torch_export") as caught:
        write_programs(network, tmp_path, ("torch_export",), FRAMES[:1])
    assert "\n" not in str(caught.value)


def test_formats_are_read_from_text():
    assert parse_formats("") == ()
    assert parse_formats(" torch_export, torch_export,") == ("torch_export",)
    with pytest.raises(BundleError, match="Did you mean 'onnx'"):
        parse_formats("onx")
    with pytest.raises(BundleError, match="Known: onnx, torch_export"):
        parse_formats("tflite")


def test_a_missing_package_is_named_before_anything_is_done(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(programs, "find_spec", lambda name: None)
    with pytest.raises(
        BundleError, match=r"needs onnx, onnxscript.*pip install onnx onnxscript onnxruntime"
    ):
        parse_formats("torch_export,onnx")
    assert parse_formats("torch_export") == ("torch_export",)


def test_a_bundle_without_programs_says_how_to_make_one(tmp_path: Path):
    with pytest.raises(BundleError, match=r"no program.*--formats onnx"):
        open_program(write(tmp_path / "b"), "onnx")


def test_a_program_that_could_run_code_is_read_only_where_it_is_trusted(written: Path):
    with pytest.raises(BundleError, match=r"can run code.*is_trusted=True"):
        open_program(written, "torch_export")
    assert open_program(written, "onnx")(FRAMES[:1])


@pytest.mark.parametrize("name", FORMATS)
def test_a_changed_program_is_refused(written: Path, tmp_path: Path, name):
    copy = tmp_path / "bundle"
    copy.mkdir()
    for path in written.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    content = bytearray((copy / FILES[name]).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / FILES[name]).write_bytes(content)
    with pytest.raises(BundleError, match="does not match its checksum"):
        opened(copy, name)
    assert load_bundle(copy).network is not None, "the weights are as they were"


def test_frames_are_spread_over_the_split():
    numbered = np.arange(101, dtype=np.uint8)[:, None, None, None] * np.ones(
        (1, 3, 8, 8), np.uint8
    )
    chosen = proof_frames(numbered, ("rgb",))[:, 0, 0, 0]
    assert (len(chosen), chosen[0], chosen[-1]) == (programs.PROOF_FRAMES, 0, 100)
    assert len(proof_frames(numbered[:3], ("rgb",))) == 3
    assert proof_frames(numbered[:3], ("rgb", "hog")).shape == (3, 12, 8, 8)


@pytest.mark.slow
@pytest.mark.frames
@pytest.mark.parametrize("backbone", FAMILIES)
def test_every_backbone_agrees_on_real_frames(real_data: Path, tmp_path: Path, backbone: str):
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    from automtl.data.images import list_images, read_image

    size = (96, 128)
    clip = list_images(real_data / "camvid" / "val", real_data)
    pictures = np.stack([read_image(path, size)[0] for path in clip])
    config = TrialConfig(
        backbone=BackboneConfig(name=backbone, image_size=size),
        sharing=SharingConfig(split_after=(3, 2)),
    )
    network = build_network(config, INFO, generator_seed=1)
    frames = proof_frames(pictures, ("rgb",))
    found = write_programs(network.eval(), tmp_path, FORMATS, frames)
    for facts in found.values():
        assert facts["frames"] == 20
        assert facts["max_abs_difference"] <= GOAL
