"""Room on the disk: what a search will take, and what happens while there is too little."""

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from automtl.errors import AutomtlError
from automtl.storage.choose import absolute, folder_of
from automtl.study.folder import Settings

GB = 10**9
POLL_S = 10.0
"""How often a search that waits for room looks again."""


def free_bytes(folder: Path) -> int:
    """Return the free bytes where a folder is, or will be made."""
    there = folder.resolve()
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free


@dataclass(frozen=True, slots=True, kw_only=True)
class Disks:
    """Folders on the disks of this machine that trials fill.

    Attributes:
        root: The study's folder.
        models: Where models and checkpoints are kept; None where that is elsewhere.
        working: Where trials work; None where that is elsewhere.
    """

    root: Path
    models: Path | None
    working: Path | None

    @property
    def places(self) -> tuple[Path, ...]:
        """Each folder once."""
        return tuple(dict.fromkeys(p for p in (self.root, self.models, self.working) if p))

    def needs(self, estimate: "DiskEstimate") -> dict[Path, tuple[int, int]]:
        """Return what each folder takes at any time, and at the end, in bytes."""
        found = dict.fromkeys(self.places, (0, 0))
        if self.working is not None:
            found[self.working] = (estimate.at_once, estimate.at_once)
        if self.models is not None:
            found[self.models] = (estimate.at_once, estimate.in_all)
        return found


def disks_of(root: Path, settings: Settings) -> Disks:
    """Return the disks of this machine that a study's trials fill.

    Args:
        root: The study's folder.
        settings: Where trials run, and where what they leave is kept.
    """
    if not settings.artifacts:
        return Disks(root=root, models=root, working=root)
    # Trials work in a folder of their own machine, and send what they leave.
    working = None if settings.ray_address else Path(tempfile.gettempdir())
    return Disks(root=root, models=folder_of(absolute(settings.artifacts)), working=working)


def fullest(disks: Sequence[Path], free: Callable[[Path], int] = free_bytes) -> tuple[Path, int]:
    """Return the folder whose disk has the least room, and its free bytes."""
    room = {disk: free(disk) for disk in disks}
    place = min(room, key=room.__getitem__)
    return place, room[place]


@dataclass(slots=True, kw_only=True)
class DiskGuard:
    """Says whether a new trial may begin.

    Attributes:
        disks: Those that the study's trials fill.
        min_free_gb: Free space below which none may; 0 lets all begin.
        free: Free bytes of a folder's disk.
        sleep: Waits for some seconds.
    """

    disks: Disks
    min_free_gb: float
    free: Callable[[Path], int] = free_bytes
    sleep: Callable[[float], None] = time.sleep
    _is_waiting: bool = False

    @property
    def is_short(self) -> bool:
        """Whether there is too little room for a new trial."""
        return self.min_free_gb > 0 and self._fullest[1] < self.min_free_gb * GB

    @property
    def _fullest(self) -> tuple[Path, int]:
        return fullest(self.disks.places, self.free)

    @property
    def _is_short_of_models(self) -> bool:
        models = self.disks.models
        return models is not None and self.free(models) < self.min_free_gb * GB

    def admits(
        self,
        *,
        is_idle: bool,
        make_room: Callable[[], int],
        is_stopped: Callable[[], bool],
        say: Callable[[str], None],
    ) -> bool:
        """Return whether a new trial may begin now.

        Too little room is first met by removing what is not needed. While trials run the answer
        may be no: their ends are the next occasion. Where none runs there would be no other
        occasion, so it waits here.

        Args:
            is_idle: Whether no trial runs.
            make_room: Removes what is not needed, and returns how many bytes that was.
            is_stopped: Whether the user asked to end.
            say: Told what happens, once for each time.
        """
        # Models that lie elsewhere would be removed for nothing.
        if self.is_short and self._is_short_of_models and (freed := make_room()):
            say(f"The disk is nearly full: {size(freed)} of models that others beat are removed")
        if self.is_short and not self._is_waiting:
            self._is_waiting = True
            say(shortage(*self._fullest, self.min_free_gb))
        while is_idle and self.is_short and not is_stopped():
            self.sleep(POLL_S)
        if self.is_short:
            return False
        if self._is_waiting:
            self._is_waiting = False
            say("There is room on the disk again: the search goes on")
        return True


def shortage(place: Path, n_free: int, min_free_gb: float) -> str:
    """Say that new trials wait, and what to do."""
    return (
        f"New trials wait: {size(n_free)} are free on the disk of {place}, "
        f"resources.min_free_gb asks for {size(min_free_gb * GB)}. Make room (automtl clean "
        "says what it would remove); running trials go on"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskEstimate:
    """What a search will take on the disk, in bytes.

    Attributes:
        running: A trial that runs: two checkpoints, one being written, and its best weights.
        ended: A trial that has ended: its best weights.
        views: Views of the frames, shared by all trials.
        n_slots: Trials at a time.
        n_trials: Trials in all, baselines and replicates too; None where only time limits them.
    """

    running: int
    ended: int
    views: int
    n_slots: int
    n_trials: int | None

    @property
    def at_once(self) -> int:
        """What must fit at any time."""
        return self.n_slots * self.running + self.views

    @property
    def in_all(self) -> int:
        """What all of it takes at the end, with one exported model."""
        return self.at_once + (self.n_trials or 0) * self.ended + self.ended

    def line(self, n_free: int) -> str:
        """Say it in one line."""
        trials = "each" if self.n_trials is None else f"for {self.n_trials} trials"
        kept = self.ended if self.n_trials is None else self.n_trials * self.ended
        views = f", {size(self.views)} of views" if self.views else ""
        return (
            f"Disk: {size(self.n_slots * self.running)} while {self.n_slots} run at a time, "
            f"{size(kept)} of models {trials}{views}; {size(n_free)} are free"
        )


def check_room(
    estimate: DiskEstimate,
    disks: Disks,
    min_free_gb: float,
    free: Callable[[Path], int] = free_bytes,
) -> str:
    """Say what a search will take; a second sentence warns that not all of it will fit.

    Raises:
        AutomtlError: If not even the trials that run at a time fit.
    """
    line = estimate.line(free(disks.models or disks.working or disks.root))
    for place, (at_once, in_all) in disks.needs(estimate).items():
        n_free = free(place)
        room = n_free - min_free_gb * GB
        if at_once > room:
            msg = (
                f"the disk has {size(n_free)} free; trials that run at a time take "
                f"{size(at_once)}, and {size(min_free_gb * GB)} are to stay free"
            )
            fix = (
                "Make room, name another --folder or --artifacts, or lower --slots or "
                "resources.min_free_gb"
            )
            raise AutomtlError(msg, where=str(place), fix=fix)
        if in_all > room:
            line += (
                ". Not all of it will fit: models that others beat will be removed, and then new "
                "trials wait"
            )
    return line


def size(n_bytes: float) -> str:
    """Render a number of bytes for people.

    >>> size(1_234_567), size(61_300_000_000), size(900)
    ('1.2 MB', '61 GB', '0.0 MB')
    """
    unit, name = (GB, "GB") if n_bytes >= GB else (10**6, "MB")
    value = n_bytes / unit
    return f"{value:.1f} {name}" if value < 10 else f"{value:,.0f} {name}"
