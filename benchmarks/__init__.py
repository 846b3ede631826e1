"""Every published figure is a command: ``python -m benchmarks.NAME --json [--quick]``."""
