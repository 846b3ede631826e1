"""The files for Slurm, Kubernetes and compose: well formed, and every command in them exists."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
import yaml

from automtl.cli.app import app

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "docs" / "deploy"
FILES = sorted(path for path in DEPLOY.iterdir() if path.suffix)

# Of the operator's `ray.io/v1`, as its API reference lists them.
JOB = {
    "activeDeadlineSeconds",
    "backoffLimit",
    "clusterSelector",
    "entrypoint",
    "entrypointNumCpus",
    "entrypointNumGpus",
    "entrypointResources",
    "jobId",
    "managedBy",
    "metadata",
    "rayClusterSpec",
    "runtimeEnvYAML",
    "shutdownAfterJobFinishes",
    "submissionMode",
    "submitterConfig",
    "submitterPodTemplate",
    "suspend",
    "ttlSecondsAfterFinished",
}
CLUSTER = {
    "authOptions",
    "autoscalerOptions",
    "enableInTreeAutoscaling",
    "headGroupSpec",
    "headServiceAnnotations",
    "rayVersion",
    "suspend",
    "workerGroupSpecs",
}
HEAD = {"enableIngress", "headService", "rayStartParams", "serviceType", "template"}
WORKERS = {
    "groupName",
    "maxReplicas",
    "minReplicas",
    "numOfHosts",
    "rayStartParams",
    "replicas",
    "scaleStrategy",
    "template",
}
SECRETS = ("POSTGRES_PASSWORD", "PGPASSWORD", "RAY_AUTH_TOKEN")


def commands(program: str) -> Iterator[list[str]]:
    """Find each call of a program in the files, with its continued and folded lines."""
    for path in FILES:
        text = re.sub(r"\\\n", " ", path.read_text())
        if path.suffix == ".yaml":
            text = "\n".join(_folded(list(yaml.safe_load_all(text))))
        for line in text.splitlines():
            found = re.search(rf"(?:^|[\s&;/\"]){program}\"? (\"?[\w$/][^|&>#`]*)", line)
            if found and not line.lstrip().startswith("#"):
                yield shlex.split(found[1])


def _folded(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for value in node.values():
            yield from _folded(value)
    elif isinstance(node, list):
        for value in node:
            yield from _folded(value)


@pytest.mark.parametrize("path", [p for p in FILES if p.suffix == ".sh"], ids=lambda p: p.name)
def test_a_script_is_well_formed_and_stops_at_a_mistake(path: Path) -> None:
    subprocess.run(["bash", "-n", path], check=True)
    assert "\nset -euo pipefail\n" in path.read_text()


def test_every_command_of_ours_is_one() -> None:
    verbs = typer.main.get_command(app).commands
    found = list(commands("automtl"))
    assert {words[0] for words in found} == {"search", "resume", "stop"}
    for verb, *arguments in found:
        plain = [a for a in arguments if a not in ("$@", "${started[@]}")]
        assert verbs[verb].make_context(verb, plain).params
    # What is handed on to `automtl search`.
    further = {a for words in commands("search.sh") for a in words[2:] if a.startswith("--")}
    known = {option for parameter in verbs["search"].params for option in parameter.opts}
    assert further == {"--data", "--ray-address"}
    assert further <= known


def test_every_option_of_ray_is_one() -> None:
    from ray.scripts.scripts import start

    known = {option for parameter in start.params for option in parameter.opts}
    found = list(commands("ray"))
    assert len(found) == 4, "head and worker, in Slurm and in compose"
    for words in found:
        assert words[0] == "start"
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known


def test_the_manifest_has_fields_of_the_operator_alone() -> None:
    claim, job = yaml.safe_load_all((DEPLOY / "kuberay.yaml").read_text())
    assert (claim["kind"], job["kind"], job["apiVersion"]) == (
        "PersistentVolumeClaim",
        "RayJob",
        "ray.io/v1",
    )
    cluster = job["spec"]["rayClusterSpec"]
    (workers,) = cluster["workerGroupSpecs"]
    head = cluster["headGroupSpec"]
    assert set(job["spec"]) <= JOB
    assert set(cluster) <= CLUSTER
    assert set(head) <= HEAD
    assert set(workers) <= WORKERS
    assert cluster["authOptions"] == {"mode": "token"}
    assert head["rayStartParams"]["num-cpus"] == "0", "a trial on the head would go with it"
    assert f"ray=={cluster['rayVersion']}" in (ROOT / "constraints.txt").read_text().splitlines()
    (volume, recipe) = head["template"]["spec"]["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    mounts = {m["name"] for m in head["template"]["spec"]["containers"][0]["volumeMounts"]}
    assert mounts == {volume["name"], recipe["name"]}


def test_compose_shows_only_one_page_and_holds_no_secret() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    services = yaml.safe_load(text)["services"]
    assert set(services) == {"postgres", "mlflow", "search", "worker"}
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:5000:5000"]
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            assert name not in SECRETS or re.fullmatch(r"\$\{\w+:\?.+\}", value), (name, value)
    assert services["worker"]["environment"]["RAY_AUTH_MODE"] == "token"
    named = set(yaml.safe_load(text)["volumes"])
    used = {v.split(":")[0] for s in services.values() for v in s.get("volumes", [])}
    assert {v for v in used if v.isalpha()} == named


def test_a_search_begins_once_and_then_goes_on(tmp_path: Path) -> None:
    fake = tmp_path / "automtl"
    fake.write_text('#!/bin/bash\necho "$*"\n')
    fake.chmod(0o755)

    def run() -> str:
        done = subprocess.run(
            ["bash", DEPLOY / "search.sh", "my.yaml", tmp_path / "a study", "--slots", "2"],
            env={"PATH": f"{tmp_path}:/usr/bin:/bin", "AUTOMTL_WAIT_S": "0"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    assert run() == f"search my.yaml --folder {tmp_path}/a study --slots 2"
    (tmp_path / "a study").mkdir()
    (tmp_path / "a study" / "settings.json").write_text("{}")
    assert run() == f"resume {tmp_path}/a study --takeover"
