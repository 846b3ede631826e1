"""A user's mistake is one line: what, where, and what to do. Exit code 2, no traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest

from automtl.cli import run_command

Refused = Callable[..., list[str]]

OWN_WEIGHTING = """values: [fixed, custom]}
  weighting.path:
    {type: categorical, values: ['no_such_package:factory'], when: {weighting.kind: custom}}"""

LATENCY_UP = "metric: cost/latency_ms, goal: maximize"
PROMOTION = "early_stopping: {kind: promotion, eta: 2}"


@pytest.fixture
def refused(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Refused:
    """Run a command in this process; return its lines on standard error, without the prefix."""

    def run(*arguments: object) -> list[str]:
        code = run_command([str(a) for a in arguments])
        printed = capfd.readouterr()
        assert code == 2
        assert "Traceback" not in printed.out + printed.err
        assert not (tmp_path / "study").exists(), "a search that cannot begin leaves nothing"
        return printed.err.removeprefix("automtl: ").splitlines()

    return run


@pytest.fixture
def search(refused: Refused, tmp_path: Path) -> Refused:
    def run(recipe: object, *options: object) -> list[str]:
        return refused("search", recipe, "--folder", tmp_path / "study", *options)

    return run


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("baselines:", "baslines:"), ["mine.yaml:20", "baslines", "`baselines`"]),
        (
            ("min: 1e-3, max: 1e-2", "min: 1e-1, max: 1e-2"),
            ["mine.yaml:18", "optimizer.lr", "max"],
        ),
        (
            (
                "log: true, default: 3e-3}",
                "log: true, default: 3e-3, when: {wieghting.kind: fixed}}",
            ),
            ["mine.yaml:18", "wieghting.kind", "weighting.kind"],
        ),
        (("optimizer.lr:", "optimiser.lr:"), ["mine.yaml:18", "optimiser.lr", "optimizer.lr"]),
        (
            ("metric: tracking/IDF1", "metric: traking/IDF1"),
            ["mine.yaml:9", "traking/IDF1", "`tracking/IDF1`"],
        ),
        (
            ("mAP, goal: maximize", "mAP, goal: maximise"),
            ["mine.yaml:7", "goal", "'maximize' or 'minimize'", "maximise"],
        ),
        (
            ("mAP, goal: maximize", "mAP, goal: minimize"),
            ["mine.yaml:7", "`detection/mAP` is better where it is larger", "`goal: maximize`"],
        ),
        (
            ("mAP, goal: maximize, reference: 0.0", "mAP, goal: maximize, reference: 1.0"),
            ["mine.yaml:7", "no `detection/mAP` is better than the `reference` 1"],
        ),
        (
            ("metric: tracking/IDF1, goal: maximize, reference: 0.0", LATENCY_UP),
            ["mine.yaml:9", "`cost/latency_ms` is better where it is smaller", "`goal: minimize`"],
        ),
        (
            ("budget:", "constraints: [{metric: detection/mAP, min: .5, max: .4}]\nbudget:"),
            ["mine.yaml:19", "no value of `detection/mAP` is at least 0.5 and at most 0.4"],
        ),
        (
            ("budget: {trials: 3}", "budget: {trainings: 0.2}\n" + PROMOTION),
            ["mine.yaml:19", "`budget.trainings` 0.2 ends before the first rung, epoch 1"],
        ),
        (
            (
                "values: [fixed, uncertainty, upgrad, pcgrad], default: fixed}",
                OWN_WEIGHTING,
            ),
            ["weighting.path", "no_such_package", "package.module:factory", "PYTHONPATH"],
        ),
    ],
)
def test_a_recipe_names_its_mistake(
    search: Refused, write_recipe: Callable[..., Path], change: tuple[str, str], words: list[str]
) -> None:
    lines = search(write_recipe(change))
    assert len(lines) == 1, lines
    assert [word for word in words if word not in lines[0]] == []


def test_validate_names_a_weighting_that_cannot_be_imported(
    refused: Refused, write_recipe: Callable[..., Path]
) -> None:
    change = ("values: [fixed, uncertainty, upgrad, pcgrad], default: fixed}", OWN_WEIGHTING)
    (line,) = refused("validate", write_recipe(change))
    assert "no_such_package" in line


def test_each_mistake_of_a_recipe_has_a_line(
    search: Refused, write_recipe: Callable[..., Path]
) -> None:
    lines = search(
        write_recipe(("objectives:", "objektives:"), ("min: 0, max: 4", "min: 5, max: 4"))
    )
    assert len(lines) >= 2
    assert all("mine.yaml:" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["search", "quickstrat"], ["quickstrat", "quickstart"]),
        (["search", "no/such.yaml"], ["no/such.yaml"]),
        (["status", "nowhere"], ["nowhere", "automtl search"]),
        (["report", "nowhere"], ["nowhere"]),
        (["resume", "nowhere"], ["nowhere"]),
        (["export", "nowhere"], ["nowhere"]),
        (["predict", "nobundle", "frames", "--out", "x"], ["nobundle"]),
        (["finetune", "nobundle", "--recipe", "shifted", "--out", "x"], ["nobundle"]),
        (["search", "quickstart", "--trials", "0"], ["--trials"]),
        (["search", "quickstart", "--seed", "-1"], ["--seed"]),
        (["search", "quickstart", "--slots", "0"], ["--slots"]),
        (["search", "quickstart", "--dispatcher", "rya"], ["rya", "'ray'"]),
        (["serach", "quickstart"], ["serach", "search"]),
        (["search"], ["recipe", "--help"]),
        (["search", "quickstart", "--trails", "3"], ["--trails", "--trials"]),
        (["search", "quickstart", "--trials", "three"], ["--trials"]),
    ],
)
def test_a_wrong_command_is_one_line(
    refused: Refused, arguments: list[str], words: list[str]
) -> None:
    lines = refused(*arguments)
    assert len(lines) == 1, lines
    assert [word for word in words if word not in lines[0]] == []


def test_right_data_are_right(real_recipe: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command(["validate", str(real_recipe)]) == 0
    assert "4 frames in 1 clips, 8 objects" in capfd.readouterr().out


def break_folder(clip: Path) -> None:
    (clip / "frames").rename(clip / "elsewhere")


def break_id(clip: Path) -> None:
    with (clip / "gt.txt").open("a") as file:
        file.write("4,1,10,10,20,20,1,2,1\n")


def break_frames(clip: Path) -> None:
    for i in (1, 2, 3):
        (clip / "frames" / f"{i:04d}.png").write_bytes(b"no picture")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (break_folder, ["frames"]),
        (break_frames, ["0001.png", "max_left_out"]),
        (break_id, ["gt.txt:9", "id 1", "class"]),
    ],
    ids=["missing folder", "corrupt frames", "id in two classes"],
)
def test_data_that_cannot_be_used_end_the_search(
    search: Refused, real_recipe: Path, clip: Path, spoil: Callable[[Path], None], words: list[str]
) -> None:
    spoil(clip)
    lines = search(real_recipe)
    assert len(lines) == 1, lines
    assert [word for word in words if word not in lines[0]] == []


def missing_mask(clip: Path) -> None:
    (clip / "masks" / "0002.png").unlink()


def corrupt_frame(clip: Path) -> None:
    path = clip / "frames" / "0002.png"
    path.write_bytes(path.read_bytes()[:60])


def outside_box(clip: Path) -> None:
    with (clip / "gt.txt").open("a") as file:
        file.write("2,3,500,500,20,20,1,1,1\n")


def empty_frame(clip: Path) -> None:
    (clip / "frames" / "0002.png").write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (missing_mask, ["used without its mask", "0002"]),
        (corrupt_frame, ["left out of", "0002.png"]),
        (empty_frame, ["left out of", "0002.png"]),
        (outside_box, ["mended in", "gt.txt", "outside", "dropped"]),
    ],
)
def test_a_part_that_is_bad_is_named_and_left_out(
    real_recipe: Path,
    clip: Path,
    spoil: Callable[[Path], None],
    words: list[str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    spoil(clip)
    text = real_recipe.read_text().replace("data:\n", "data:\n  max_left_out: 0.5\n")
    real_recipe.write_text(text)
    assert run_command(["validate", str(real_recipe)]) == 0
    lines = [line for line in capfd.readouterr().out.splitlines() if " train: " in line]
    assert len(lines) == 1, lines
    assert [word for word in words if word not in lines[0]] == []


def test_a_frame_without_any_label_is_named(
    real_recipe: Path, clip: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A still whose mask is missing; in a clip, a frame without boxes has no objects."""
    missing_mask(clip)
    text = real_recipe.read_text()
    start = text.index("train: [") + len("train: [")
    stills = "{kind: masks, images: frames, masks: masks}, "
    real_recipe.write_text(text[:start] + stills + text[start:])
    assert run_command(["validate", str(real_recipe)]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "0002.png: its class mask is missing in masks, and it has no other label" in line
    assert "data.max_left_out" in line


@pytest.mark.parametrize("dispatcher", ["ray", "local"])
def test_a_gpu_where_there_is_none_is_refused_before_anything_is_written(
    search: Refused, write_recipe: Callable[..., Path], dispatcher: str
) -> None:
    import torch

    asked = torch.cuda.device_count() + 1
    recipe = write_recipe(
        ("budget:", f"resources: {{cpu: 1, gpu: {asked}}}\nbudget:"),
    )
    lines = search(recipe, "--dispatcher", dispatcher)
    assert len(lines) == 1, lines
    assert "resources.gpu" in lines[0]
    assert "Set `resources: {gpu: 0}`" in lines[0]
