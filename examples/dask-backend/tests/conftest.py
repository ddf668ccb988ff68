from __future__ import annotations

import pytest
from distributed import LocalCluster


@pytest.fixture(scope="session")
def client():
    """Return a client of a cluster of two processes."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        cluster.get_client() as client,
    ):
        yield client
