"""Whether the strategy of what was stored may be run: only the user says so, never the store."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from jesse_nb.core.simulator.spec import StrategyRef
from jesse_nb.core.simulator.strategies.strategy import StrategyCode, code_of_source, read_strategy
from jesse_nb.core.simulator.strategies.strategy_registry import is_registered
from jesse_nb.exceptions import StrategyError

__all__ = ["allowed_strategies"]

#: Of each text, as many lines are shown as one reads before one answers.
_LINES, _WIDTH = 15, 110


def allowed_strategies(
    refs: Iterable[StrategyRef], place: str, *, trusted: bool, project: str | None
) -> list[StrategyCode] | None:
    """Return the strategies of what was stored when the user lets them run; None when he does not, which is said.

    Parameters
    ----------
    refs
        The strategies, each once.
    place
        Where they were stored: ``the run store ...``.
    trusted
        Whether he said so on the command line.
    project
        The Jesse project that he named, whose strategies may run.
    """
    try:
        codes = [_read(ref, project) for ref in refs]
    except StrategyError as error:
        _say(f"Nothing is simulated again: {error}")
        return None
    new = [code for code in codes if not (is_registered(code.ref.hash) or (code.project and project))]
    return codes if trusted or not new or _asked(new, place) else None


def _read(ref: StrategyRef, project: str | None) -> StrategyCode:
    return code_of_source(ref.name, ref.source) if ref.kind == "source" else read_strategy(ref.name, project)


def _asked(codes: list[StrategyCode], place: str) -> bool:
    named = ", ".join(_plain(code.ref.name) for code in codes)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        _say(f"Nothing is simulated again: the code of {named} is from {place}, and nobody said that it may run. "
             "Give your own with --strategy FILE, or add --trust after reading it.")
        return False
    _say("To simulate again, this would be run:")
    for code in codes:
        where = f"the Jesse project {code.project}" if code.project else place
        lines = code.ref.source.splitlines()
        _say(f"\n  {_plain(code.ref.name)} from {where}, {len(lines)} lines, hash {code.ref.hash}")
        _say("\n".join(f"  | {_plain(line)}" for line in lines[:_LINES]))
        if len(lines) > _LINES:
            _say(f"  | ... and {len(lines) - _LINES} lines more")
    yes = input(f"\nRun {named}? [y/N] ").strip().casefold() in ("y", "yes")
    if not yes:
        _say("Nothing is simulated again.")
    return yes


def _plain(text: str) -> str:
    """Return a text that cannot steer a terminal, no longer than a line."""
    shown = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text.expandtabs(4))
    return shown if len(shown) <= _WIDTH else f"{shown[: _WIDTH - 1]}…"


def _say(text: str) -> None:
    print(text, file=sys.stderr)
