"""What the pages and `docs/examples` show in Python runs as it stands."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from automtl.testing.small_bundle import INFO, write

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
BUNDLE = "studies/my/bundles/trial-0007"


def scripts(page: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text("utf-8")
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def run(script: str, **known: Any) -> dict[str, Any]:
    exec(compile(script, "page", "exec"), known)  # a page of our own
    return known


def pictures(n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 3, *INFO.image_size), generator=generator, dtype=torch.uint8)


def test_every_example_is_run_by_a_test() -> None:
    tests = [path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    lost = [p.name for p in EXAMPLES if not any(f'"{p.name}"' in text for text in tests)]
    assert lost == []


def test_the_bundle_page_loads_and_predicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / BUNDLE)
    monkeypatch.chdir(tmp_path)
    known = run(scripts("bundle.md")[0], frames=pictures(3))
    assert [result.mask.shape for result in known["results"]] == [INFO.image_size] * 3


@pytest.mark.slow
def test_the_bundle_page_runs_a_program_and_decodes_its_outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    write(tmp_path / BUNDLE, formats=("onnx",), frames=pictures(4).numpy())
    monkeypatch.chdir(tmp_path)
    known = run(scripts("bundle.md")[1], batches=[pictures(2).numpy(), pictures(1).numpy()])
    assert known["result"].boxes.shape == (len(known["result"].ids), 4)


@pytest.mark.slow
def test_the_page_on_own_code_searches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (script,) = scripts("python.md")
    for shown, here in {
        "        ...\n": "        error, seconds = 1 / epoch, params['lr'] * epoch\n",
        "slots=2": "dispatcher='local'",
        "trials=60": "trials=3",
    }.items():
        assert script.count(shown) == 1
        script = script.replace(shown, here)
    monkeypatch.chdir(tmp_path)
    study = run(script)["study"]
    assert len(study.history()) == 3
    assert study.best("knee").number in {record.number for record in study.front()}


@pytest.mark.slow
def test_the_example_of_a_bundle_says_what_is_in_each_picture(tmp_path: Path) -> None:
    bundle, frames = write(tmp_path / "bundle"), tmp_path / "frames"
    frames.mkdir()
    for number, picture in enumerate(pictures(18)):
        image = np.ascontiguousarray(picture.numpy().transpose(1, 2, 0))
        Image.fromarray(image).resize((50, 40)).save(frames / f"{number:02d}.png")
    example = ROOT / "docs" / "examples" / "use_bundle.py"
    command = [sys.executable, str(example), str(bundle), str(frames), "--score", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"{n:02d}.png" for n in range(18)]
    assert all(re.search(r": (\d+ (disc|square)(, )?)+; tracks \[", line) for line in lines)
