"""A bundle in an environment that holds torch, torchvision and safetensors and no more.

The environment is a folder of links to those three and to what they themselves require, as their
metadata say; Python starts without site-packages and finds nothing else.
"""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest
import torch

import automtl
from automtl.export.bundle import load_bundle
from automtl.testing.small_bundle import INFO, write

STATED = ("torch", "torchvision", "safetensors")

SCRIPT = """
import json, sys
import torch
import automtl
from automtl.errors import BundleError

def refused(call):
    try:
        call()
    except BundleError as error:
        return str(error)
    return "not refused"

bundle = automtl.load_bundle(sys.argv[1])
frames = torch.load(sys.argv[2])
outputs = bundle.network(frames)
chunk = {f"{t}/{k}": v.detach().numpy() for t, o in outputs.items() for k, v in o.items()}
manifest = automtl.load_manifest(sys.argv[1])
decoded = list(automtl.decode_clip([chunk], manifest, score_threshold=0.0, link=False))
print(json.dumps({
    "boxes": [r.boxes.tolist() for r in bundle.predict(frames, score_threshold=0.0, link=False)],
    "decoded": [r.boxes.tolist() for r in decoded],
    "masks": [r.mask.tolist() for r in decoded],
    "embedding": outputs["tracking"]["embedding"].tolist(),
    "linking": refused(lambda: bundle.predict(frames)),
    "config": refused(lambda: bundle.config),
    "loaded": sorted({name.partition(".")[0] for name in sys.modules}),
}))
"""


def closure(names: tuple[str, ...]) -> set[str]:
    """Return the installed distributions that ``names`` require, extras and markers apart."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:  # of another system
            continue
        if name not in found:
            found.add(name)
            plain = (each for each in requires if "extra ==" not in each)
            waiting += [re.match(r"[\w.-]+", each).group() for each in plain]
    return found


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bare")
    for name in closure(STATED):
        files = distribution(name).files or []
        for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
            link = folder / top
            if not link.exists():
                link.symlink_to(distribution(name).locate_file(top))
    (folder / "automtl").symlink_to(Path(automtl.__file__).parent)
    return folder


def run(environment: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", "-P", "-W", "error::ImportWarning", "-c", code, *arguments],
        env={"PYTHONPATH": str(environment), "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", ["pydantic", "scipy", "pandas", "yaml", "optuna", "typer"])
def test_the_environment_has_nothing_else(environment: Path, name: str):
    done = run(environment, f"import {name}")
    assert f"No module named '{name}'" in done.stderr


def test_a_bundle_is_read_and_predicts_there(environment: Path, tmp_path: Path):
    made = write(tmp_path / "bundle")
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(
        0, 256, (3, 3, *INFO.image_size), dtype=torch.uint8, generator=generator
    )
    torch.save(frames, tmp_path / "frames.pt")
    done = run(environment, SCRIPT, str(made), str(tmp_path / "frames.pt"))
    assert not done.returncode, done.stderr
    said = json.loads(done.stdout)

    here = load_bundle(made)
    results = here.predict(frames, score_threshold=0.0, link=False)
    assert sum(len(result.boxes) for result in results) > 0
    assert said["boxes"] == said["decoded"] == [result.boxes.tolist() for result in results]
    assert said["masks"] == [result.mask.tolist() for result in results]
    with torch.inference_mode():
        embedding = here.network(frames)["tracking"]["embedding"]
    assert np.array_equal(np.array(said["embedding"], np.float32), embedding.numpy())
    assert "pip install scipy" in said["linking"]
    assert "pip install pydantic" in said["config"]
    assert not {"pydantic", "scipy", "yaml"} & set(said["loaded"])
