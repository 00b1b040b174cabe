"""What Jesse's two modes say of the same run, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jesse_nb.report.common.labels import label, write

if TYPE_CHECKING:
    from jesse_nb.core.analysis.studies.parity import Parity

__all__ = ["in_both_modes"]


def in_both_modes(found: Parity, name: str) -> str:
    """Write a ratio in each mode, as Jesse samples equity, and with both sampled at midnight."""
    fast, step, *midnight = (write(name, value) for value in found.ratios.T[name].to_list())
    said = f"{label(name)} {fast} in fast mode, {step} in step mode"
    return said if found.midnight_reason else f"{said}; with both sampled at midnight {midnight[0]} and {midnight[1]}"
