"""One Ray for a whole test session."""

from collections.abc import Iterator

import pytest

from automtl.dispatch.ray_cluster import LOCAL, connected, quiet


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """Keep a local Ray with two slots; dispatchers find it and use it."""
    with quiet(), connected(LOCAL, n_cpus=2):
        yield
