"""Whether this machine's devices, disk and shared memory are fit for a search."""

import os
import shutil
from pathlib import Path

from automtl.discovery.findings import Finding, fine, note, wrong
from automtl.discovery.machine import Machine, this_machine
from automtl.study.disk import GB, free_bytes

MIN_FREE_GB = 2.0
"""Below it a search would soon stand still; see ``resources.min_free_gb``."""

MIN_SHARED_GB = 0.5
"""Below it Ray keeps the frames that trials share on the disk. Docker gives 0.06."""

SHARED = Path("/dev/shm")
DRIVER = Path("/proc/driver/nvidia/version")


def hardware_findings(folder: Path) -> list[Finding]:
    """Look at devices, the disk of ``folder`` and shared memory."""
    return [
        device_finding(this_machine(), has_driver=DRIVER.exists()),
        disk_finding(folder, free_bytes(folder)),
        *shared_findings(SHARED),
    ]


def device_finding(machine: Machine, *, has_driver: bool) -> Finding:
    """Say what trials can train on.

    Args:
        machine: What torch sees.
        has_driver: Whether NVIDIA's driver is loaded.
    """
    import torch

    cores = f"{machine.n_cores} cores"
    if machine.n_gpus:
        names = [torch.cuda.get_device_name(i) for i in range(machine.n_gpus)]
        return fine("device", f"{', '.join(names)}; {cores}")
    if has_driver:
        says = f"there is an NVIDIA driver, and torch {torch.__version__} sees no GPU; {cores}"
        fix = "Install the torch build of the driver's CUDA, or look at CUDA_VISIBLE_DEVICES"
        return wrong("device", says, fix)
    return fine("device", f"no GPU: trials train on {cores}")


def disk_finding(folder: Path, n_free: int) -> Finding:
    """Say whether studies have room in ``folder``."""
    says = f"{n_free / GB:.1f} GB free for studies in {folder.resolve()}"
    if n_free >= MIN_FREE_GB * GB:
        return fine("disk", says)
    fix = "Free some, run `automtl clean` on old studies, or name another disk with --folder"
    return wrong("disk", f"only {says}", fix)


def shared_findings(folder: Path) -> list[Finding]:
    """Say whether Ray can share frames in memory; nothing where a system has no such place."""
    if not folder.is_dir():
        return []
    n_free = shutil.disk_usage(folder).free
    says = f"{n_free / GB:.1f} GB of shared memory free"
    if not os.access(folder, os.W_OK):
        return [wrong("memory", f"{folder} cannot be written", f"Run: chmod 1777 {folder}")]
    if n_free < MIN_SHARED_GB * GB:
        fix = "In a container: --shm-size=4g. Until then frames are shared over the disk"
        return [note("memory", f"only {says}", fix)]
    return [fine("memory", says)]
