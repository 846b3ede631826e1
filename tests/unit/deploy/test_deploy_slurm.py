"""The Slurm script between stand-ins of Slurm's commands; Ray with its nodes and token is real.

The nodes are loopback addresses of this machine. What searches is a stand-in too: it connects to
the cluster, says what it sees, and goes on until it is asked to stop.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.ray]

SCRIPT = Path(__file__).resolve().parents[3] / "docs" / "deploy" / "slurm.sh"
NODES = {"first": "127.0.0.2", "second": "127.0.0.3"}

STAND_INS = {
    "srun": """\
#!/bin/bash
while [[ $1 == --* ]]; do
    case $1 in --nodelist=*) export THIS_NODE=${1#--nodelist=} ;; esac
    shift
done
exec "$@"
""",
    "hostname": """\
#!/bin/bash
[ "$*" = --ip-address ] || exit 2
case $THIS_NODE in first) echo 127.0.0.2 ;; second) echo 127.0.0.3 ;; *) exit 2 ;; esac
""",
    "scontrol": """\
#!/bin/bash
echo "scontrol $*" >>"$CALLS"
if [ "$1 $2" = "show hostnames" ]; then tr , '\\n' <<<"$3"; fi
""",
    "automtl": f"""\
#!{sys.executable}
import json, os, sys, time
from pathlib import Path
with open(os.environ["CALLS"], "a") as calls:
    print("automtl", *sys.argv[1:], file=calls)
asked, seen = Path(os.environ["ASKED"]), Path(os.environ["SEEN"])
if sys.argv[1] == "stop":
    asked.touch()
    sys.exit()
import ray
ray.init(address="auto", log_to_driver=False, logging_level="ERROR")
nodes = sorted([n["NodeManagerAddress"], n["Resources"]["CPU"]] for n in ray.nodes() if n["Alive"])
seen.with_suffix(".part").write_text(json.dumps(nodes))
seen.with_suffix(".part").replace(seen)
while not asked.exists():
    time.sleep(0.1)
sys.exit(130)
""",
}


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short path: Ray's sockets lie in it."""
    folder = Path(tempfile.mkdtemp(prefix="s", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def environment(place: Path) -> dict[str, str]:
    programs = place / "bin"
    programs.mkdir()
    for name, text in STAND_INS.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    with socket.create_server(("127.0.0.2", 0)) as probe:
        port = probe.getsockname()[1]
    return {
        "PATH": f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(place),
        "CALLS": str(place / "calls"),
        "ASKED": str(place / "asked"),
        "SEEN": str(place / "seen.json"),
        "AUTOMTL_DEPLOY": str(SCRIPT.parent),
        "AUTOMTL_RAY_PORT": str(port),
        "AUTOMTL_RAY_TMP": str(place / "ray"),
        "SLURM_JOB_ID": "7",
        "SLURM_JOB_NODELIST": ",".join(NODES),
        "SLURM_SUBMIT_DIR": str(place),
        "SLURM_CPUS_PER_TASK": "3",
    }


def test_a_job_starts_ray_on_its_nodes_and_is_queued_again_before_its_time_is_over(
    place: Path, environment: dict[str, str]
) -> None:
    study, seen = place / "a study", place / "seen.json"
    token = place / ".automtl" / "ray-token-7"
    with (place / "out").open("w") as out:
        job = subprocess.Popen(
            ["bash", SCRIPT, "my.yaml", study, "--data", "/shared/street"],
            stdout=out,
            stderr=out,
            env=environment,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 240
        while not seen.exists():
            assert job.poll() is None, (place / "out").read_text()
            assert time.monotonic() < deadline, (place / "out").read_text()
            time.sleep(0.1)
        assert json.loads(seen.read_text()) == [[address, 3.0] for address in NODES.values()]
        assert token.stat().st_mode & 0o077 == 0
        assert len(token.read_text()) == 64
        # As `--signal=B:USR1@300` does, five minutes before the end.
        job.send_signal(signal.SIGUSR1)
        assert job.wait(timeout=120) == 130, (place / "out").read_text()
    finally:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
    assert (place / "calls").read_text().splitlines() == [
        "scontrol show hostnames first,second",
        f"automtl search my.yaml --folder {study} --ray-address auto --data /shared/street",
        f"automtl stop {study} --now",
        "scontrol requeue 7",
    ]
    assert not token.exists()
    assert left_behind(place) == []


def left_behind(place: Path) -> list[str]:
    """Return the processes of the job's Ray that do not end by themselves."""
    deadline = time.monotonic() + 60
    while True:
        found = []
        for process in psutil.process_iter(["cmdline"]):
            words = " ".join(process.info["cmdline"] or ())
            if str(place) in words:
                found.append(words)
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.2)
