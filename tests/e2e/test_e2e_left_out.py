"""A frame and a mask that are bad: typed in the ledger, the report and MLflow."""

import html
import json
import sqlite3
from collections import Counter

import pytest

pytestmark = pytest.mark.slow

FRAME = ("frame", "train", "0002.png")
MASK = ("mask", "train", "0003.png")


def fields(document: str) -> list[tuple[str, ...]]:
    return [(d["kind"], d["split"], d["name"], d["reason"]) for d in json.loads(document)]


def rows_of(database, query: str) -> list[tuple[str, ...]]:
    with sqlite3.connect(database) as db:
        return db.execute(query).fetchall()


def test_what_is_left_out_of_the_data_is_said_wherever_the_user_looks(
    automtl, real_recipe, clip, tmp_path
) -> None:
    frame = clip / "frames" / "0002.png"
    frame.write_bytes(frame.read_bytes()[:60])
    (clip / "masks" / "0003.png").unlink()
    text = real_recipe.read_text().replace("data:\n", "data:\n  max_left_out: 0.5\n")
    real_recipe.write_text(text.replace("baselines: {single_task: [detection]}\n", ""))
    study = tmp_path / "study"
    once = ("--dispatcher", "local", "--trials", "1")
    done = automtl("search", real_recipe, "--folder", study, *once)
    assert done.code == 0, done

    rows = rows_of(study / "ledger.db", "select kind, split, name, reason from left_out")
    ends = {(kind, split, name.rpartition("/")[2]) for kind, split, name, _ in rows}
    assert {FRAME, MASK} <= ends, rows
    status = automtl("status", study, "--check")
    assert status.code == 0, status
    reasons = {reason for *_, reason in rows}
    report = (study / "report.html").read_text()
    for said in (done.out, status.out, html.unescape(report)):
        assert [reason for reason in reasons if reason not in said] == []
    assert "Data not used or mended" in report
    as_json = json.loads(automtl("status", study, "--json").out)
    assert fields(json.dumps(as_json["left_out"])) == rows

    found = "select key, value from tags where key like 'automtl.left_out.%'"
    counts = Counter(kind for kind, *_ in rows)
    assert dict(rows_of(study / "mlflow.db", found)) == {
        f"automtl.left_out.{kind}": str(n) for kind, n in counts.items()
    }
    (document,) = study.rglob("left_out.json")
    assert fields(document.read_text()) == rows
