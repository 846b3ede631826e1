"""The process that writes to MLflow: `python -m automtl.experiment_log.process PIPE`."""

import os
import sys
from multiprocessing.connection import Connection

from automtl.experiment_log.messages import (
    Apply,
    Connect,
    Finish,
    RefusedError,
    Reply,
    Request,
    line_of,
)
from automtl.experiment_log.sink import MlflowSink

NICENESS = 19
"""Training has the processor first: Ray's workers run at 15."""


def main() -> None:
    """Answer requests until the pipe's other end closes."""
    os.nice(NICENESS)
    with Connection(int(sys.argv[1])) as pipe:
        serve(pipe)


def serve(pipe: Connection) -> None:
    """Answer each request with one reply."""
    sink: MlflowSink | None = None
    while True:
        try:
            request: Request = pipe.recv()
        except EOFError:
            return
        if isinstance(request, Connect):
            sink = MlflowSink(settings=request.settings)
        assert sink is not None, "the first request connects"
        try:
            reply = _answer(sink, request)
        except RefusedError as error:
            reply = Reply(error=str(error), is_refused=True)
        except Exception as error:  # noqa: BLE001  # whatever MLflow raises, the controller hears it
            reply = Reply(error=line_of(error))
        try:
            pipe.send(reply)
        except BrokenPipeError:
            return


def _answer(sink: MlflowSink, request: Request) -> Reply:
    match request:
        case Connect():
            run, experiment = sink.connect()
            return Reply(run=run, experiment=experiment)
        case Apply():
            return Reply(run=sink.apply(request.update))
        case Finish():
            sink.finish(request.status, request.end_s)
            return Reply()


if __name__ == "__main__":
    main()
