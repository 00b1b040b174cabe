"""How users name a Ray cluster; apart, so that reading a command line imports no engine."""

from __future__ import annotations

import re
from typing import Any

from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["RAY_ADDRESSES", "check_address", "host_and_port"]

#: What to write.
RAY_ADDRESSES = ("ray", "ray://HOST:10001")

_ADDRESS = re.compile(r"(?:ray://)?(?P<host>[\w.-]+|\[[\da-fA-F:]+\]):(?P<port>\d{1,5})/?")


def check_address(address: Any) -> str:
    """Return Ray's own name for the address of a cluster.

    Parameters
    ----------
    address
        ``ray`` or ``auto``, ``ray://HOST:PORT`` or ``HOST:PORT``.

    Raises
    ------
    InputError
        When it is none of these.
    """
    if address in ("ray", "auto"):
        return "auto"
    if isinstance(address, str) and _ADDRESS.fullmatch(address):
        return address.rstrip("/")
    hint = did_you_mean(address, RAY_ADDRESSES) if isinstance(address, str) else ""
    raise InputError(f"{shown(address)} is no Ray cluster's address.",
                     f"It is 'ray' on a machine of the cluster, 'ray://HOST:10001' elsewhere. {hint}".strip())


def host_and_port(address: str) -> tuple[str, int]:
    """Return both parts of a checked address that names them."""
    parts = _ADDRESS.fullmatch(address)
    assert parts is not None
    return parts["host"].strip("[]"), int(parts["port"])
