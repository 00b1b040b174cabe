"""How good a stored series is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from jesse_nb.core.candles import CandleStore, SeriesInfo
from jesse_nb.core.candles.quality import Finding, daily_coverage, find_suspicious
from jesse_nb.core.rendering import Shown
from jesse_nb.core.times import MINUTE_MS
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.registry import CHECK_CANDLES
from jesse_nb.exceptions import InputError, shown

__all__ = ["CandleCheck", "check_candles"]


@dataclass(frozen=True, repr=False)
class CandleCheck(Shown):
    """What is suspicious in a series.

    Attributes
    ----------
    series
        The whole series.
    start, end
        The checked part, milliseconds UTC, end excluded.
    rows
        Candles in it.
    findings
        Kind by kind, the worst of each kind first.
    coverage
        Minutes of each day: ``traded``, ``silent``, ``missing``; indexed by day (UTC).
    deviations, quiet_minutes
        The thresholds.

    Examples
    --------
    >>> check = jn.check_candles("BTC-USDT", start="2023-02-01", end="2023-03-01")
    >>> check.rows
    40320
    >>> set(check.to_frame()["kind"]) <= {"spike"}
    True
    """

    series: SeriesInfo
    start: int
    end: int
    rows: int
    findings: tuple[Finding, ...]
    coverage: pd.DataFrame
    deviations: float
    quiet_minutes: int

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are of each kind."""
        found: dict[str, int] = {}
        for finding in self.findings:
            found[finding.kind] = found.get(finding.kind, 0) + 1
        return found

    def to_frame(self) -> pd.DataFrame:
        """Return all findings: ``kind``, ``start`` and ``end`` (UTC), ``minutes``, ``size``, ``what``."""
        frame = pd.DataFrame(self.findings, columns=list(Finding._fields))
        frame.insert(3, "minutes", (frame["end"] - frame["start"]) // MINUTE_MS)
        for name in ("start", "end"):
            frame[name] = pd.to_datetime(frame[name], unit="ms", utc=True)
        return frame

    def worst(self, count: int = 15) -> list[Finding]:
        """Return the worst findings, of each kind in turn, so that none is crowded out."""
        kinds: dict[str, list[Finding]] = {}
        for finding in self.findings:
            kinds.setdefault(finding.kind, []).append(finding)
        places = {kind: place for place, kind in enumerate(kinds)}
        ranked = [(rank, places[kind], finding) for kind, found in kinds.items() for rank, finding in enumerate(found)]
        chosen = sorted(ranked, key=lambda entry: entry[:2])[:count]
        return [finding for _, _, finding in sorted(chosen, key=lambda entry: (entry[1], entry[0]))]


@declared(CHECK_CANDLES)
def check_candles(
    symbol: str,
    exchange: str | None = None,
    start: Any = None,
    end: Any = None,
    *,
    store: CandleStore | None = None,
    deviations: float = 25.0,
    quiet_minutes: int = 60,
) -> CandleCheck:
    """Look for what is suspicious in a stored series: nothing is changed.

    Parameters
    ----------
    symbol
        Which series.
    exchange
        Needed only when several stored exchanges have the symbol.
    start, end
        A part of it, end excluded; None is the first and the last stored.
    store
        Where it is; a store or its folder, the user's own by default.
    deviations
        How many robust deviations make a spike, see :func:`jesse_nb.core.candles.quality.find_suspicious`.
    quiet_minutes
        How many minutes without volume, or at one price, are worth mentioning.

    Returns
    -------
    CandleCheck

    Raises
    ------
    CandlesNotFoundError
        When the series is not stored or has no candle in the period.
    InputError
        When a threshold is out of range, or several exchanges store the symbol.

    Examples
    --------
    >>> jn.check_candles("BTC-USDT", start="2023-02-01", end="2023-03-01").counts.get("gap", 0)
    0
    """
    if not deviations > 0:
        raise InputError(f"deviations is {shown(deviations)}; it must be above 0.")
    if quiet_minutes < 2:
        raise InputError(f"quiet_minutes is {shown(quiet_minutes)}; it must be at least 2.")
    source = CandleStore.of(store)
    info = source.resolve(symbol, exchange)
    candles = source.read(info.exchange, info.symbol, start, end)
    found = find_suspicious(candles, deviations=deviations, quiet_minutes=quiet_minutes, asked=info.asked)
    return CandleCheck(info, int(candles[0, 0]), int(candles[-1, 0]) + MINUTE_MS, len(candles), tuple(found),
                       daily_coverage(candles), deviations, quiet_minutes)
