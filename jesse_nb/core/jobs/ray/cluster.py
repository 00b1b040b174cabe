"""Connecting to a Ray cluster that is there already: one a process, as Ray has it."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jesse_nb.core.jesse_runtime import nothing_slow, ray_module
from jesse_nb.core.jobs.ray.address import host_and_port
from jesse_nb.core.simulator.run import versions
from jesse_nb.exceptions import ClusterError

__all__ = ["Machine", "connect", "machines"]

#: Seconds that an address has to answer, and each machine to say what is installed.
_ANSWER_SECONDS, _SURVEY_SECONDS = 5.0, 60.0

_connected = ""


@dataclass(frozen=True)
class Machine:
    """One machine of a cluster: Ray's id of it, its address, and how many of its processors nobody uses."""

    node: str
    host: str
    free: int


#: How often to knock, and what Ray says when the process that it had started for us was gone.
_ATTEMPTS = 4
_ENDED_AT_ONCE = ("Starting Ray client server failed", "ZombieProcess", "NoSuchProcess")


def connect(address: str) -> Any:
    """Connect this process to the cluster, unless it is, and return the module ``ray``.

    Raises
    ------
    ClusterError
        When the cluster cannot be reached or has another version of Ray or Python.
    """
    global _connected
    ray = ray_module()
    if ray.is_initialized():
        if _connected not in ("", address):
            raise ClusterError(f"This kernel is connected to the Ray cluster {_connected} already, not to {address}.",
                               "Ray connects to one at a time: `import ray; ray.shutdown()` ends it.")
        return ray
    if address != "auto":
        _check_reachable(address, *host_and_port(address))
    try:
        _initialize(ray, address)
    except Exception as error:  # Ray raises all kinds
        raise _explained(address, error) from error
    _connected = address
    return ray


def _initialize(ray: Any, address: str) -> None:
    with nothing_slow():
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
            except ConnectionError as error:  # noqa: PERF203 - it waits anyway
                # The head starts a process for each who comes from outside, and now and then that one ends at once.
                if attempt == _ATTEMPTS or not any(sign in str(error) for sign in _ENDED_AT_ONCE):
                    raise
                time.sleep(1.0)
            else:
                return


def machines(ray: Any) -> list[Machine]:
    """Return all machines of the cluster on which processors are free.

    Raises
    ------
    ClusterError
        When one of them has another version of what results depend on.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def ask(question: Callable[[], Any], node: str) -> Any:
        return ray.remote(question).options(
            num_cpus=0, max_retries=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote()

    hosts = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    free = ray.get(ray.remote(_free_processors).options(num_cpus=0).remote(), timeout=_SURVEY_SECONDS)
    usable = [Machine(node, host, int(free.get(node, 0))) for node, host in hosts.items() if free.get(node, 0) >= 1]
    asked = [(machine, ask(_installed, machine.node)) for machine in usable]
    return [machine for machine, installed in asked if _fits(ray, machine, installed)]


def _fits(ray: Any, machine: Machine, installed: Any) -> bool:
    """Compare versions; False when the machine does not answer, and is as good as gone."""
    try:
        there = ray.get(installed, timeout=_SURVEY_SECONDS)
    except ray.exceptions.RayError:
        return False
    for name, version in versions().items():
        if there[name] != version:
            raise ClusterError(f"The machine {machine.host} of the Ray cluster has {name} {there[name]}, "
                               f"this one {version}.", "Results would differ: install the same versions everywhere.")
    return True


def _installed() -> dict[str, str]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    def of(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return "not installed"

    return {"python": platform.python_version(), "jesse": of("jesse"), "jesse_nb": of("jesse-nb"),
            "numpy": of("numpy")}


def _free_processors() -> dict[str, float]:
    from ray._private.state import available_resources_per_node

    free: dict[str, dict[str, float]] = available_resources_per_node()  # type: ignore[no-untyped-call]
    return {node: resources.get("CPU", 0.0) for node, resources in free.items()}


# Sent by value: a machine without jesse_nb must be able to say so.
for _question in (_installed, _free_processors):
    _question.__module__ = "__main__"


def _check_reachable(address: str, host: str, port: int) -> None:
    """Find out in seconds what Ray takes minutes to find out."""
    try:
        socket.create_connection((host, port), timeout=_ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "`ray start --head` starts one; ray:// takes the port of its client server, 10001."
        raise ClusterError(f"No Ray cluster answers at {address}: {reason}.", hint) from error


def _explained(address: str, error: Exception) -> ClusterError:
    text = " ".join(str(error).split())
    cluster = "The Ray cluster on this machine" if address == "auto" else f"The Ray cluster {address}"
    if "ersion mismatch" in text or "different version" in text:
        return ClusterError(f"{cluster} has other versions: {text[:300]}",
                            "Install the same versions on all machines.")
    if "ray[client]" in text or "grpc" in text:
        return ClusterError("An address with ray:// needs the package grpcio.",
                            "Run `python -m pip install 'jesse-nb[cluster]'` here and on the cluster.")
    if "ould not find any running Ray instance" in text:
        return ClusterError("No Ray cluster is running on this machine.",
                            "`ray start --head` starts one; elsewhere, name it: ray://HOST:10001.")
    return ClusterError(f"{cluster} cannot be used: {text[:300] or type(error).__name__}.",
                        "`ray status` on one of its machines says how it is; if it asks for a token, this kernel "
                        "needs RAY_AUTH_MODE=token and the token in RAY_AUTH_TOKEN.")
