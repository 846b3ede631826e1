"""MLflow in a process of its own: its import and its migrations would hold up the controller."""

import subprocess
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe

from automtl.experiment_log.messages import (
    Apply,
    Connect,
    Finish,
    RefusedError,
    Reply,
    Request,
    SinkSettings,
    UnreachableError,
)
from automtl.experiment_log.updates import RunUpdate

GRACE_S = 2.0
"""How long a process that was told to end may take before it is ended."""

ENDED = "the process that writes to MLflow has ended"
NO_ANSWER = "MLflow gave no answer in time"


@dataclass(slots=True)
class RemoteSink:
    """Passes updates to a process that writes them, started again if it dies.

    Settings and updates travel through a pipe: arguments can be read by everybody on the machine,
    and an address may hold a password. The process ends when the pipe does, so a controller that
    is killed leaves none behind.

    Attributes:
        settings: Where MLflow is, and what the study's run says.
    """

    settings: SinkSettings
    is_connected: bool = False
    _pipe: Connection | None = None
    _process: subprocess.Popen[bytes] | None = None
    _is_killed: bool = False

    def connect(self) -> tuple[str, str]:
        """Find or create the experiment and the study's run.

        Returns:
            Ids of the study's run and of its experiment.

        Raises:
            UnreachableError: With the first line of what MLflow raised.
        """
        if self._pipe is None:
            self._start()
        reply = self._ask(Connect(settings=self.settings))
        self.is_connected = True
        return reply.run, reply.experiment

    def apply(self, update: RunUpdate) -> str:
        """Write one update. Doing it twice leaves what doing it once leaves.

        Returns:
            Id of the run.

        Raises:
            RefusedError: If MLflow does not take a name or a value.
            UnreachableError: For everything else; the update may be written again.
        """
        return self._ask(Apply(update=update)).run

    def finish(self, status: str, end_s: float) -> None:
        """Give the study's run its status. Raises as :meth:`apply` does."""
        self._ask(Finish(status=status, end_s=end_s))

    def kill(self) -> None:
        """End the process in the middle of an update, which can be repeated.

        The one method that may be called while another thread waits in a second one.
        """
        process = self._process
        self._is_killed = True
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the process between two updates."""
        self.is_connected = False
        process, pipe = self._process, self._pipe
        self._process = self._pipe = None
        if pipe is not None:
            pipe.close()
        if process is None:
            return
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> None:
        ours, theirs = Pipe()
        with theirs:
            # A session of its own: Ctrl-C on the terminal is for the controller, which closes it.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "automtl.experiment_log.process", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._pipe = ours

    def _ask(self, request: Request) -> Reply:
        pipe = self._pipe
        if pipe is None:
            raise UnreachableError(ENDED)
        try:
            pipe.send(request)
            reply: Reply = pipe.recv()
        except (EOFError, OSError) as error:
            self.close()
            raise UnreachableError(NO_ANSWER if self._is_killed else ENDED) from error
        if reply.is_refused:
            raise RefusedError(reply.error)
        if reply.error:
            raise UnreachableError(reply.error)
        return reply
