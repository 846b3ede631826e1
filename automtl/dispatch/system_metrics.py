"""What the worker's process and its machine do while a trial trains, told with its reports.

MLflow shows metrics whose names begin with ``system/`` on a page of their own. Its own monitor
would write to its server from every worker, past the outbox, and would measure the machine alone.
psutil, an extra, measures here; no other module knows it.
"""

from collections.abc import Callable, Mapping

from automtl.dispatch.base import Report, Trainable
from automtl.errors import DispatchError
from automtl.results import Decision, TrialOrder

PROCESS_CPU = "system/process_cpu_percentage"
"""Processor time of the process since the last report; 100 is one core all the time."""

PROCESS_MEMORY = "system/process_memory_megabytes"
"""What the process holds in memory at the report, in units of 10^6 bytes."""

MACHINE_CPU = "system/cpu_utilization_percentage"
"""Processor time of all processes since the last report, of all cores; MLflow's name for it."""

MACHINE_MEMORY = "system/system_memory_usage_percentage"
"""Memory in use on the machine at the report; MLflow's name for it."""

Reading = Callable[[], dict[str, float]]


def with_system_metrics(trainable: Trainable) -> Trainable:
    """Return a trainable whose reports also have the values above.

    Raises:
        DispatchError: If psutil is not installed.
    """
    try:
        import psutil  # noqa: F401  # only whether it is there
    except ImportError as error:
        msg = "system metrics need psutil"
        fix = "Run: pip install 'automtl[system]', or leave `system_metrics` out"
        raise DispatchError(msg, where="resources.system_metrics", fix=fix) from error

    def measured(order: TrialOrder, report: Report) -> None:
        read = _reading()

        def report_with_system(epoch: int, values: Mapping[str, float]) -> Decision:
            return report(epoch, {**values, **read()})

        trainable(order, report_with_system)

    return measured


def _reading() -> Reading:
    """Begin to measure, in the process that trains."""
    import psutil

    process = psutil.Process()

    def read() -> dict[str, float]:
        return {
            PROCESS_CPU: process.cpu_percent(),
            PROCESS_MEMORY: process.memory_info().rss / 1e6,
            MACHINE_CPU: psutil.cpu_percent(),
            MACHINE_MEMORY: psutil.virtual_memory().percent,
        }

    read()  # psutil measures from the call before
    return read
