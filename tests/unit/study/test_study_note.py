"""The note on a study's page in MLflow holds foreign text as text."""

import re

from markdown_it import MarkdownIt

from automtl.results import Objective, Pick, StudyInfo, TrialRecord, TrialStatus
from automtl.study.conclude import describe

BAD = "<script>alert(1)</script> [here](https://elsewhere) ![p](https://elsewhere/p) ` | x"


def page_of(name: str) -> str:
    """Return the page of a study whose metric, weighting and pick are named so."""
    objective = Objective(metric=name, goal="maximize")
    record = TrialRecord(
        number=0,
        point={},
        config={"weighting": {"kind": name}, "schedule": {"kind": name}},
        config_digest="d",
        origin="sampler",
        seed=1,
        created_s=0.0,
        status=TrialStatus.COMPLETED,
        attempts=1,
        values={name: 0.5},
    )
    study = StudyInfo(
        name="s", objectives=(objective,), recipe={}, recipe_digest="x", seed=1, created_s=0.0
    )
    note = describe(study, (record,), (Pick(number=0, rule="knee", reason=name),))
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(note)


def test_a_note_has_no_elements_but_its_own() -> None:
    page = page_of(BAD)
    assert set(re.findall(r"<(\w+)", page)) == set(re.findall(r"<(\w+)", page_of("mAP")))
    assert page.count("<th") - page.count("<thead") == 5
    assert page.count("https://elsewhere") == 8, "it is shown, and no link"
