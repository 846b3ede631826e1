"""The verbs that carry a model away: export, predict."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from automtl.cli.terminal import OK, make_console, say
from automtl.errors import AutomtlError, LedgerError
from automtl.results import Pick, TrialRecord, TrialStatus
from automtl.reuse import reused_from
from automtl.study.folder import StudyFolder
from automtl.study.own_training import OWN_FILES, trains_own_code
from automtl.study.search import deliver, opened, record_if_free


def export_trial(
    folder: Path, *, trial: int | None, out: Path | None, overwrite: bool, formats: str = ""
) -> int:
    """Write the bundle of a trial, by default of the last pick."""
    from automtl.export.programs import parse_formats
    from automtl.study.artifacts import keep_bundle
    from automtl.study.carry import Picked, export_record

    wanted = parse_formats(formats)
    place = StudyFolder(folder)
    with opened(place) as ledger:
        study, history, picks = ledger.study(), ledger.history(), ledger.picks()
        if trains_own_code(study):
            msg = "this study trains code of its own, and only that knows its models"
            fix = f"What a trial kept lies in {place.trial(0).parent}, in its folder {OWN_FILES}"
            raise AutomtlError(msg, fix=fix)
        chosen = _chosen(folder, trial, history, picks)
        record = history[chosen.number]
        picked = Picked(study=study, record=record, pick=chosen)
        path = export_record(
            place,
            picked,
            out=out or place.bundle(record.number),
            overwrite=overwrite,
            formats=wanted,
        )
        not_recorded = record_if_free(
            ledger,
            lambda: ledger.add_artifact(
                kind="bundle", path=str(path.resolve()), trial=record.number
            ),
        )
    console = make_console()
    say(console, f"Bundle of trial {record.number}: {path}")
    if stored := keep_bundle(place, path, record.number):
        say(console, f"Stored: {stored}")
    for line in program_lines(path):
        say(console, line)
    say(console, f"The bundle was not recorded: {not_recorded}" if not_recorded else _told(place))
    say(console, f"Read {path / 'MODEL_CARD.md'}, or load it: automtl.load_bundle({str(path)!r})")
    return OK


def _told(place: StudyFolder) -> str:
    """Send what was recorded to MLflow, which may be away: nothing depends on it."""
    try:
        n_waiting, why = deliver(place), ""
    except LedgerError as error:
        n_waiting, why = 1, f" ({error})"
    if n_waiting:
        return f"MLflow has not got the bundle yet{why}; `automtl resume {place.root}` sends it"
    return "MLflow has it as a registered model"


def program_lines(bundle: Path) -> list[str]:
    """Say of each program of a bundle how near it is to the network, and how fast."""
    programs = json.loads((bundle / "metrics.json").read_text())["programs"]
    return [
        f"{facts['file']}: differs by at most {facts['max_abs_difference']:.1e} on "
        f"{facts['frames']} real frames, {facts['latency_ms']:.2f} ms a frame on one thread "
        f"(the network itself {facts['network_latency_ms']:.2f} ms)"
        for facts in programs.values()
    ]


def _chosen(
    folder: Path, trial: int | None, history: tuple[TrialRecord, ...], picks: tuple[Pick, ...]
) -> Pick:
    if trial is None:
        if not picks:
            msg = f"nothing has been picked in {folder}"
            raise AutomtlError(msg, fix=f"Pick first: automtl best {folder}")
        return picks[-1]
    if not 0 <= trial < len(history):
        msg = f"there is no trial {trial}"
        raise AutomtlError(msg, fix=f"The last one is {len(history) - 1}")
    if history[trial].status not in (TrialStatus.COMPLETED, TrialStatus.STOPPED):
        msg = f"trial {trial} is {history[trial].status.value} and left no model"
        raise AutomtlError(
            msg,
            fix=f"Choose from: automtl front {folder}",
        )
    if elsewhere := reused_from(history[trial]):
        msg = f"trial {trial} was trained elsewhere: {elsewhere}"
        raise AutomtlError(msg, fix="Export it from there, or search with --no-cache")
    earlier = next((p for p in reversed(picks) if p.number == trial), None)
    return earlier or Pick(
        number=trial,
        rule="by hand",
        reason=f"Trial {trial} was named on the command line.",
        created_s=time.time(),
    )


def predict_frames(
    bundle: Path,
    frames: Path,
    out: Path,
    *,
    score: float,
    fusion: Literal["boxes", "scene"] | None = None,
    overlay: Literal["pictures", "video"] | None = None,
    overwrite: bool = False,
    allow_imports: Sequence[str] = (),
) -> int:
    """Predict a folder of frames, a video or a picture."""
    from automtl.export.bundle import load_bundle
    from automtl.export.predict import predict_files

    summary = predict_files(
        load_bundle(bundle, allow_imports=allow_imports),
        frames,
        out,
        score_threshold=score,
        fusion=fusion,
        overlay=overlay,
        overwrite=overwrite,
    )
    console = make_console()
    say(console, str(summary))
    return OK
