"""A real Ray cluster of two machines on this one, for tests and benchmarks."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import psutil

from jesse_nb.core.jesse_runtime import ray_module

#: Where the head listens for those who come from outside the cluster.
CLIENT_PORT = 25_456  # outside of 23000 to 24000, which Ray gives to processes of its own

_STORE_BYTES = 100 * 2**20


@contextlib.contextmanager
def ray_cluster(processors: int = 1) -> Iterator[Any]:
    """Start two machines; all of Ray ends with the context.

    Yields
    ------
    ray.cluster_utils.Cluster
        With ``processors`` processors on each machine.
    """
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, _environment(folder)):
        ray = ray_module()
        from ray.cluster_utils import Cluster

        head = {"num_cpus": processors, "object_store_memory": _STORE_BYTES, "include_dashboard": False,
                "ray_client_server_port": CLIENT_PORT,
                "_system_config": {"health_check_period_ms": 500, "health_check_failure_threshold": 6}}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            cluster.add_node(num_cpus=processors, object_store_memory=_STORE_BYTES)
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()


def kill_machine(cluster: Any) -> None:
    """End the second machine as a power cut does: all its processes at once."""
    [machine] = cluster.worker_nodes
    raylet = next(process for process in psutil.process_iter(["name", "cmdline"])
                  if process.info["name"] == "raylet" and machine.node_id in " ".join(process.info["cmdline"] or []))
    for process in [raylet, *raylet.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    cluster.remove_node(machine, allow_graceful=False)


def _environment(folder: str) -> dict[str, str]:
    """Have Ray's own processes start on a slow machine, too, and leave out what JupyterLab makes them import."""
    Path(folder, "rfc3987_syntax.py").write_text("raise ImportError('takes seconds and is not used')\n")
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")])),
        "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled",
        "RAY_raylet_start_wait_time_s": "120", "RAY_agent_register_timeout_ms": "120000",
    }
