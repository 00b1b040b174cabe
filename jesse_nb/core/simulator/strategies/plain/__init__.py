"""Strategies of which a reading of their code proves that a run of them leaves nothing behind."""

from jesse_nb.core.simulator.strategies.plain.code import why_not_plain
from jesse_nb.core.simulator.strategies.plain.live_class import is_plain_class

__all__ = ["is_plain_class", "why_not_plain"]
