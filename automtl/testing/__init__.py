"""Contract suites that shipped and foreign implementations must pass."""
