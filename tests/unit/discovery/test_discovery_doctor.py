"""What `doctor` says where something is missing: each absence planted, one finding each."""

import json
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from automtl.cli import doctor, run_command
from automtl.discovery import hardware
from automtl.discovery.findings import Finding, State, fine, wrong
from automtl.discovery.hardware import device_finding, disk_finding, shared_findings
from automtl.discovery.machine import Machine
from automtl.discovery.packages import GIVES, package_findings
from automtl.discovery.rehearsal import rehearse, run_search
from automtl.errors import AutomtlError, DispatchError
from automtl.study.search import Outcome

STATED = ["torch>=2.9", "scipy>=1.13", "timm>=1.0.9; extra == 'timm'", "ruff; extra == 'dev'"]
CPU = Machine(n_cores=2, n_gpus=0, has_weights=False)


def named(found: list[Finding], name: str) -> list[Finding]:
    return [finding for finding in found if finding.name == name]


def packages(**versions: str) -> list[Finding]:
    there = {"automtl": "0.1.0", "torch": "2.14.1", "scipy": "1.15", "timm": "1.0.20"}
    there |= dict.fromkeys(("torchvision", "ray", "mlflow", "optuna"), "1.0")
    there |= versions

    def version_of(name: str) -> str:
        if not there.get(name):
            raise PackageNotFoundError(name)
        return there[name]

    return package_findings(STATED, version_of)


def test_nothing_is_wrong_where_all_is_there():
    found = packages()
    assert {finding.state for finding in found} == {State.OK}
    assert [f.name for f in found] == ["version", "packages", "extra timm"]


@pytest.mark.parametrize(
    ("versions", "says"),
    [
        ({"scipy": ""}, "scipy is not installed"),
        ({"scipy": "1.2"}, "scipy is 1.2, automtl needs >=1.13"),
    ],
)
def test_a_missing_and_an_old_package_say_what_to_run(versions: dict[str, str], says: str):
    (finding,) = named(packages(**versions), "packages")
    assert (finding.state, finding.says) == (State.WRONG, says)
    assert finding.fix == "Run: pip install 'scipy>=1.13'"


def test_an_absent_extra_is_a_note_that_says_what_it_gives():
    (finding,) = named(packages(timm=""), "extra timm")
    assert finding.state is State.NOTE
    assert GIVES["timm"] in finding.says
    assert finding.fix == "Run: pip install 'automtl[timm]'"


def test_the_metadata_of_this_installation_are_read():
    found = package_findings()
    assert not [f for f in found if f.state is State.WRONG]
    assert "torch" in named(found, "packages")[0].says


def test_a_driver_without_a_gpu_in_torch_is_wrong():
    assert device_finding(CPU, has_driver=False).state is State.OK
    finding = device_finding(CPU, has_driver=True)
    assert finding.state is State.WRONG
    assert "CUDA" in finding.fix


def test_a_full_disk_is_wrong(tmp_path: Path):
    assert disk_finding(tmp_path, 10 * 10**9).state is State.OK
    assert disk_finding(tmp_path, 10**9).state is State.WRONG


def test_little_shared_memory_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert shared_findings(tmp_path / "none") == []
    assert shared_findings(tmp_path)[0].state is State.OK
    monkeypatch.setattr(hardware, "MIN_SHARED_GB", 1e9)
    assert shared_findings(tmp_path)[0].state is State.NOTE
    monkeypatch.setattr(hardware.os, "access", lambda *_: False)
    assert shared_findings(tmp_path)[0].state is State.WRONG


def test_a_search_that_cannot_begin_is_one_finding(tmp_path: Path):
    def fails(place, dispatcher):
        msg = "no torch here"
        raise AutomtlError(msg, fix="Install it")

    (finding,) = rehearse(tmp_path, search=fails)
    assert (finding.name, finding.state) == ("search", State.WRONG)
    assert (finding.says, finding.fix) == ("no torch here", "Install it")


@pytest.mark.slow
def test_without_ray_the_rest_is_still_tried(tmp_path: Path):
    def searched(place, dispatcher) -> Outcome:
        if dispatcher == "ray":
            msg = "Ray could not be started here"
            raise DispatchError(msg, fix="Make room")
        return replace(run_search(place, dispatcher), mlflow_pending=3, mlflow_error="gone")

    found = {finding.name: finding for finding in rehearse(tmp_path, search=searched)}
    assert {name for name, f in found.items() if f.state is State.WRONG} == {"ray", "mlflow"}
    assert found["ray"].fix == "Make room"
    assert found["mlflow"].says == "3 events did not arrive: gone"
    assert found["search"].says.startswith("2 trials trained")
    assert found["ledger"].state is found["bundle"].state is State.OK
    assert "a report" in found["bundle"].says


@pytest.mark.parametrize(("is_wrong", "code"), [(True, 1), (False, 0)])
@pytest.mark.parametrize("as_json", [True, False])
def test_the_exit_status_and_json_say_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_wrong, code, as_json
):
    last = wrong("ray", "no\nray", "Mend it") if is_wrong else fine("ray", "started")
    monkeypatch.setattr(
        doctor, "findings", lambda folder, scratch, announce: [fine("disk", "x"), last]
    )
    assert run_command(["doctor", *["--json"] * as_json]) == code
    out = capsys.readouterr().out
    if as_json:
        said = json.loads(out)
        assert said["healthy"] is not is_wrong
        assert [each["state"] for each in said["findings"]] == ["ok", last.state.value]
    else:
        assert len(out.splitlines()) == 3
        assert ("wrong  ray             no ray. Mend it" in out) is is_wrong


@pytest.mark.parametrize("as_json", [True, False])
def test_the_search_is_announced_before_it_begins_and_not_amid_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json
):
    def rehearsed(scratch):
        assert (doctor.SEARCHES in capsys.readouterr().out) is not as_json
        yield fine("search", "done")

    monkeypatch.setattr("automtl.discovery.rehearsal.rehearse", rehearsed)
    assert run_command(["doctor", *["--json"] * as_json]) in (0, 1)
    assert doctor.SEARCHES not in capsys.readouterr().out


def test_without_a_package_that_a_search_needs_none_is_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name == "ray" else name)
    last = list(doctor.findings(tmp_path, tmp_path, print))[-1]
    assert (last.name, last.state) == ("search", State.WRONG)
    assert "ray" in last.says


@pytest.mark.slow
@pytest.mark.ray
def test_a_whole_examination_finds_nothing_wrong(capsys: pytest.CaptureFixture[str]):
    assert run_command(["doctor", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    names = {each["name"] for each in said["findings"]}
    assert {"device", "disk", "ray", "search", "mlflow", "ledger", "bundle"} <= names
