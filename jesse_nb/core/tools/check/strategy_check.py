"""What a check of a strategy found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from jesse_nb.core.rendering import Shown
from jesse_nb.core.simulator.result import BacktestResult

__all__ = ["CodeLine", "Finding", "Level", "StrategyCheck"]

Level = Literal["failed", "cannot be told", "warning", "passed", "not checked"]


@dataclass(frozen=True)
class CodeLine:
    """A line of the user's code; ``text`` is empty where it is not at hand."""

    function: str
    line: int
    text: str = ""

    def __str__(self) -> str:
        place = f"{self.function}, line {self.line}"
        return f"{place}: {self.text}" if self.text else place


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    check
        One of :data:`~jesse_nb.core.tools.check.kinds.CHECKS`.
    level
        ``failed`` (do not believe a result of this strategy), ``cannot be told`` (nothing was found, and nothing
        could be: it is for you to make sure), ``warning``, ``passed`` or ``not checked``.
    summary
        One sentence.
    evidence
        Sentences with what was seen: moments, orders, figures.
    line
        The line of code that it comes down to, where one was found.
    brief
        What failed, in a few words for a headline: ``reads the future``.
    """

    check: str
    level: Level
    summary: str
    evidence: tuple[str, ...] = ()
    line: CodeLine | None = None
    brief: str = ""


@dataclass(frozen=True, repr=False)
class StrategyCheck(Shown):
    """What was found by simulating a strategy several times with something changed.

    Attributes
    ----------
    result
        The plain backtest that everything is compared with.
    findings
        In the order of :data:`~jesse_nb.core.tools.check.kinds.CHECKS`; at least one a check that was asked for.
    runs
        How many simulations it took, and ``elapsed`` how many seconds.
    elapsed
        Seconds.
    stopped
        ``interrupted``, or empty.

    Examples
    --------
    >>> check = jn.check_strategy(TrendFollower, "BTC-USDT", "1h", "2023-03-01", "2023-04-01", checks="reads")
    >>> check.failed
    False
    """

    result: BacktestResult
    findings: tuple[Finding, ...]
    runs: int
    elapsed: float
    stopped: str = ""

    @property
    def strategy(self) -> str:
        """Name of the first route's strategy."""
        return self.result.strategy

    @property
    def failed(self) -> bool:
        """Whether anything was found because of which its results are not to be believed."""
        return any(finding.level == "failed" for finding in self.findings)

    def of(self, check: str) -> tuple[Finding, ...]:
        """Return the findings of one check."""
        return tuple(finding for finding in self.findings if finding.check == check)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a finding: ``check``, ``level``, ``summary``, ``evidence``, ``line``."""
        rows = [(finding.check, finding.level, finding.summary, " ".join(finding.evidence), ""
                 if finding.line is None else str(finding.line))
                for finding in self.findings]
        return pd.DataFrame(rows, columns=["check", "level", "summary", "evidence", "line"])
