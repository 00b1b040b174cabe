"""What a record says of its result without opening it: its names, and what it is listed and found by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ResultEntry"]


@dataclass(frozen=True)
class ResultEntry:
    """One kept result, as it is listed.

    Attributes
    ----------
    key
        What it is called for good (16 hexadecimal digits).
    kind
        The tool that made it, as jobs are called: ``backtest``, ``optimize``, ``walk_forward``, ``analyze``, …
    what
        Strategy, market and period in words.
    when
        When it was kept, seconds since 1970.
    name, tags, note
        What the user calls it.
    strategies, symbols, timeframes
        What ran, and on which markets.
    start, end
        The period, milliseconds UTC; 0 where it has none.
    verdict
        What the result is worth in a few words; empty where nothing judges it.
    run
        Which of its runs speaks for it, where it has several: of a study the held-out one, or the training one where
        nothing was held out; of a walk-forward the stitched curve; of a batch the best combination.
    days, trades
        How long this run is, and how many trades it closed; NaN where that is not known.
    metric, value
        What it is ranked by, and the value of that for this run; NaN where it has none.
    metrics
        Jesse's metrics of this run; none where its account was ruined.
    version
        Of the package that wrote it.
    """

    key: str
    kind: str
    what: str
    when: float = 0.0
    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    strategies: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    timeframes: tuple[str, ...] = ()
    start: int = 0
    end: int = 0
    verdict: str = ""
    run: str = ""
    days: float = math.nan
    trades: float = math.nan
    metric: str = ""
    value: float = math.nan
    metrics: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
