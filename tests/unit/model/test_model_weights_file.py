"""Files of weights that a recipe names run no code, and a name of timm's is no folder."""

import pickle
from pathlib import Path

import pytest
from pydantic import ValidationError

from automtl.config import BackboneConfig
from automtl.errors import AutomtlError
from automtl.model.backbones import build_stages


class Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_a_pickle_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    path, mark = tmp_path / "weights.pt", tmp_path / "ran"
    path.write_bytes(pickle.dumps(Evil(mark)))
    with pytest.raises(AutomtlError, match="without running code") as caught:
        build_stages(BackboneConfig(weights=str(path)))
    assert caught.value.where == str(path)
    assert "\n" not in str(caught.value)
    assert not mark.exists()
    pickle.loads(path.read_bytes())  # the file would have done it
    assert mark.exists()


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\3\4", b"\x80\x02."])
def test_a_damaged_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with pytest.raises(AutomtlError) as caught:
        build_stages(BackboneConfig(weights=str(path)))
    assert "\n" not in str(caught.value)


def test_imagenet_weights_that_were_cut_off_are_one_line_with_the_place_and_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "hub" / "checkpoints"
    kept.mkdir(parents=True)
    (kept / "mobilenet_v2-b0353104.pth").write_bytes(b"PK\3\4 and then the power went")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    config = BackboneConfig(name="mobilenet_v2", weights="imagenet", image_size=(64, 96))
    with pytest.raises(
        AutomtlError, match="the ImageNet weights of mobilenet_v2 cannot"
    ) as caught:
        build_stages(config)
    assert caught.value.where == str(kept)
    assert "Remove the damaged file" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_imagenet_weights_that_are_a_pickle_are_refused_and_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, mark = tmp_path / "hub" / "checkpoints", tmp_path / "ran"
    kept.mkdir(parents=True)
    (kept / "mobilenet_v2-b0353104.pth").write_bytes(pickle.dumps(Evil(mark)))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(AutomtlError, match="the ImageNet weights of mobilenet_v2 cannot"):
        build_stages(BackboneConfig(name="mobilenet_v2", weights="imagenet", image_size=(64, 96)))
    assert not mark.exists()


FOREIGN = ["hf-hub:http://host/x", "hf-hub:../../x", "local-dir:/x", "http://host/x", "a/b", ""]


@pytest.mark.parametrize("name", FOREIGN)
def test_a_timm_name_that_is_a_folder_or_an_address_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="no name of a model of timm's"):
        BackboneConfig(name=f"timm:{name}")
