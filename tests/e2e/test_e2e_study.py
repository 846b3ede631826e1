"""What a user does after a search, with the real command line on a real study."""

import json
import sqlite3
from pathlib import Path
from urllib.parse import unquote

import pytest
from safetensors.numpy import load_file

from automtl.config import TrialConfig
from automtl.errors import LedgerError
from automtl.results import TrialStatus
from automtl.study.folder import StudyFolder
from automtl.study.search import held, opened

pytestmark = pytest.mark.slow


def history_of(folder: Path):
    with opened(StudyFolder(folder)) as ledger:
        return ledger.history()


def test_search_leaves_a_whole_study(mini_study: Path, automtl) -> None:
    history = history_of(mini_study)
    assert [r.number for r in history] == [0, 1, 2, 3]
    assert {r.status for r in history} == {TrialStatus.COMPLETED}
    assert history[0].origin == "default"
    assert history[1].origin == "baseline:detection"
    status = automtl("status", mini_study, "--check", "--json")
    found = json.loads(status.out)
    assert status.code == 0
    assert found["violations"] == []
    assert found["mlflow_pending"] == 0
    assert found["budget_spent"] == 1.0
    assert (mini_study / "report.html").read_text().startswith("<!")


def test_trials_with_other_values_have_other_weights(mini_study: Path) -> None:
    history = history_of(mini_study)
    folder = StudyFolder(mini_study)
    default, other = (load_file(folder.trial(n) / "best.safetensors") for n in (0, 2))
    assert history[0].config_digest != history[2].config_digest
    shared = sorted(set(default) & set(other))
    differ = [
        key
        for key in shared
        if default[key].shape != other[key].shape or (default[key] != other[key]).any()
    ]
    assert set(default) != set(other) or differ
    assert history[0].values != history[2].values


def test_the_configuration_is_the_same_everywhere(mini_study: Path) -> None:
    folder = StudyFolder(mini_study)
    runs = mlflow_runs(mini_study)
    for record in history_of(mini_study):
        run = runs[record.number]
        model = json.loads((folder.trial(record.number) / "model.json").read_text())
        assert model["config"] == record.config
        assert TrialConfig.from_plain(record.config).digest == record.config_digest
        assert json.loads((run["artifacts"] / "config.json").read_text()) == record.config
        assert run["params"] == {key: str(value) for key, value in record.point.items()}
        assert run["tags"]["automtl.status"] == "completed"
        assert run["status"] == "FINISHED"


def mlflow_runs(folder: Path) -> dict[int, dict]:
    """Read MLflow's own tables: the test must not trust the code that wrote them."""
    with sqlite3.connect(folder / "mlflow.db") as db:
        tags: dict[str, dict[str, str]] = {}
        for run, key, value in db.execute("select run_uuid, key, value from tags"):
            tags.setdefault(run, {})[key] = value
        params: dict[str, dict[str, str]] = {}
        for run, key, value in db.execute("select run_uuid, key, value from params"):
            params.setdefault(run, {})[key] = value
        rows = list(db.execute("select run_uuid, status, artifact_uri from runs"))
    children = [row for row in rows if "mlflow.parentRunId" in tags[row[0]]]
    assert len(rows) == len(children) + 1
    return {
        int(tags[run]["automtl.run"].removeprefix("trial:")): {
            "status": status,
            "tags": tags[run],
            "params": params.get(run, {}),
            "artifacts": Path(unquote(uri.removeprefix("file://"))),
        }
        for run, status, uri in children
    }


def test_front_and_best(mini_study: Path, automtl) -> None:
    front = json.loads(automtl("front", mini_study, "--json").out)
    table = automtl("front", mini_study)
    assert table.code == 0
    assert max(map(len, table.out.splitlines())) <= 100
    assert front
    assert all(row["origin"] != "baseline:detection" for row in front)
    why = "no single-task network of segmentation, tracking was trained to its end"
    assert all((row["delta_m"], row["no_delta_m"]) == (None, why) for row in front)
    assert f"No delta-m: {why}" in " ".join(table.out.split())
    best = automtl("best", mini_study, "--max", "parameters=1e9", "--json")
    picked = json.loads(best.out)
    assert picked["recorded"] is True
    assert picked["pick"]["number"] in [row["number"] for row in front]
    weighted = automtl("best", mini_study, "--rule", "weighted", "--weight", "mIoU=1")
    assert weighted.code == 0
    assert "by the rule 'weighted'" in weighted.out


def test_an_unknown_metric_is_named_with_the_nearest(mini_study: Path, automtl) -> None:
    line = automtl("best", mini_study, "--max", "latancy_ms=20").refused()
    assert "latancy_ms" in line
    assert "latency_ms" in line.split("Did you mean")[1]
    assert "is no number" in automtl("best", mini_study, "--max", "latency_ms=fast").refused()
    assert "latency_ms" in automtl("best", mini_study, "--max", "latency_ms=0").refused()


def test_a_pick_while_a_search_holds_the_ledger_is_shown(mini_study: Path, automtl) -> None:
    with opened(StudyFolder(mini_study)) as ledger, held(ledger):
        before = len(ledger.picks())
        done = automtl("best", mini_study)
        assert len(ledger.picks()) == before
    assert done.code == 0
    assert "Pick: trial" in done.out
    assert "not recorded" in done.out


def test_a_second_search_and_a_second_controller_are_refused(
    mini_study: Path, mini_recipe: Path, automtl
) -> None:
    line = automtl("search", mini_recipe, "--folder", mini_study).refused()
    assert "automtl resume" in line
    with opened(StudyFolder(mini_study)) as ledger, held(ledger):
        assert "held by" in automtl("resume", mini_study).refused()
        with opened(StudyFolder(mini_study)) as other, pytest.raises(LedgerError), held(other):
            pass


def test_resume_of_a_finished_study_changes_nothing(mini_study: Path, automtl) -> None:
    with opened(StudyFolder(mini_study)) as ledger:
        before, picks = ledger.history(), ledger.picks()
    done = automtl("resume", mini_study)
    assert done.code == 0, done
    with opened(StudyFolder(mini_study)) as ledger:
        assert ledger.history() == before
        assert ledger.picks() == picks
        assert ledger.check() == []


def test_export_finetune_predict(mini_study: Path, automtl, write_recipe, tmp_path: Path) -> None:
    from PIL import Image

    from automtl.space.recipe import load_recipe
    from automtl.study.vision import read_data

    bundle = tmp_path / "bundle"
    exported = automtl("export", mini_study, "--trial", 0, "--out", bundle)
    assert exported.code == 0, exported
    config = json.loads((bundle / "config.json").read_text())
    assert config["config"] == history_of(mini_study)[0].config
    assert "already" in automtl("export", mini_study, "--trial", 0, "--out", bundle).refused()
    again = automtl("export", mini_study, "--trial", 0, "--out", bundle, "--overwrite")
    assert again.code == 0, again

    other = write_recipe(("seed: 1}", "seed: 11}"), ("seed: 2}", "seed: 12}"))
    tuned = tmp_path / "tuned"
    done = automtl(
        "finetune", bundle, "--recipe", other, "--out", tuned, "--epochs", 1, "--steps", 2
    )
    assert done.code == 0, done
    assert "after" in done.out

    clip = tmp_path / "frames"
    clip.mkdir()
    table = read_data(load_recipe(other), None, load_test=True).splits.test
    for index in range(3):
        Image.fromarray(table.images[index].transpose(1, 2, 0)).save(clip / f"{index}.png")
    predicted = automtl("predict", tuned, clip, "--out", tmp_path / "out", "--score", 0.0)
    assert predicted.code == 0, predicted
    assert (tmp_path / "out" / "detections.coco.json").is_file()
    assert len(list((tmp_path / "out" / "overlays").iterdir())) == 3
    assert list((tmp_path / "out" / "tracks").iterdir())
    assert "--overwrite" in automtl("predict", tuned, clip, "--out", tmp_path / "out").refused()


def test_validate_report_schema(mini_study: Path, mini_recipe: Path, automtl, tmp_path) -> None:
    assert "3 objectives, budget 3 trials" in automtl("validate", mini_recipe).out
    out = tmp_path / "other.html"
    assert automtl("report", mini_study, "--out", out).code == 0
    assert out.stat().st_size > 10_000
    schema = json.loads(automtl("schema").out)
    assert "objectives" in schema["properties"]
