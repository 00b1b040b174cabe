"""What a risk report holds, and its key figures as a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from jesse_nb.core.analysis.curves.drawdown_statistics import DrawdownStatistics
from jesse_nb.core.analysis.curves.intraday import DeepestDrawdown
from jesse_nb.core.analysis.studies.verdict import counted
from jesse_nb.core.analysis.trades.exposure import Exposure, LargestPosition
from jesse_nb.core.tools.analyze.analysis_result import Analysis, AnalyzedRun, OfOneRun
from jesse_nb.core.tools.risk.monte_carlo import Outcomes, RiskMonteCarlo
from jesse_nb.core.tools.risk.risk_input import Sample
from jesse_nb.core.tools.risk.stress_test import StressTest
from jesse_nb.core.tools.risk.var_calculation import ValueAtRisk

__all__ = ["SECTIONS", "ReportFormat", "RiskReport"]

#: What a report can hold, in the order in which it is made and shown.
SECTIONS = ("drawdowns", "exposure", "monte_carlo", "var", "stress")

ReportFormat = Literal["summary", "detailed", "executive"]

_COLUMNS = ("value", "low", "high", "money", "unit", "rests_on", "reason")


@dataclass(frozen=True, repr=False)
class RiskReport(OfOneRun):
    """What could happen to the money of a strategy, on one page.

    Attributes
    ----------
    run
        What was read.
    sample
        Whether its parameters had seen its days: ``out-of-sample``, ``in-sample`` or ``unknown``.
    format
        What is shown of it: ``executive``, ``summary`` or ``detailed``. The figures are the same in all three.
    sections, horizon, confidence_levels, seed
        As asked for.
    judged
        The basic :func:`~jesse_nb.core.tools.analyze.analyze.analyze_results` of it: the verdict on the whole that it
        comes from, and how many other backtests looked at its days. None where there is none, as of a bare portfolio.
    drawdowns
        See :func:`~jesse_nb.core.analysis.curves.drawdown_statistics.drawdown_statistics`, of one sample a day.
    within_days
        The deepest drawdown within the days, each minute at its worst price.
    exposure, largest
        Time in the market, and the most that was held at once.
    monte_carlo, var, stress
        The whole results of :func:`~jesse_nb.core.tools.risk.monte_carlo.monte_carlo`,
        :func:`~jesse_nb.core.tools.risk.var_calculation.var_calculation` and
        :func:`~jesse_nb.core.tools.risk.stress_test.stress_test`.
    missing
        Why a section is None, by its name.
    notes
        Remarks for the report.
    stopped
        ``interrupted`` or empty.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-05-01")
    >>> risk = jn.risk_report(result, ["drawdowns", "exposure"])
    >>> list(risk.to_frame().loc["drawdowns"].index)
    ['deepest', 'within_days', 'under_water', 'longest']
    """

    run: AnalyzedRun
    sample: Sample
    format: ReportFormat
    sections: tuple[str, ...]
    horizon: int | None
    confidence_levels: tuple[float, ...]
    seed: int
    judged: Analysis | None = None
    drawdowns: DrawdownStatistics | None = None
    within_days: DeepestDrawdown | None = None
    exposure: Exposure | None = None
    largest: LargestPosition | None = None
    monte_carlo: RiskMonteCarlo | None = None
    var: ValueAtRisk | None = None
    stress: StressTest | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = field(default=())
    stopped: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return the key figures.

        Returns
        -------
        pandas.DataFrame
            Index ``section``, ``figure``. ``value`` in its ``unit`` (``percent``, ``days``, ``times``, ``money``), a
            loss above zero (``worst_end`` may be a gain, below zero); its 95 % interval ``low`` to ``high`` where it
            has one (of a probability that of drawing so few paths; of the equity at the end nine in ten paths);
            ``money``, the same in the quote currency; what it
            ``rests_on``; ``reason`` why there is none.
        """
        rows = dict(self._rows())
        index = pd.MultiIndex.from_tuples(list(rows), names=["section", "figure"])
        return pd.DataFrame(list(rows.values()), index=index, columns=list(_COLUMNS))

    def _rows(self) -> Iterator[tuple[tuple[str, str], tuple[Any, ...]]]:
        for name, figures in (("drawdowns", self._falls), ("exposure", self._exposed), ("monte_carlo", self._drawn),
                              ("var", self._losses), ("stress", self._stressed)):
            if name not in self.sections:
                continue
            if getattr(self, name) is None:
                yield (name, ""), _none(self.missing.get(name, "not reached"))
                continue
            for figure, row in figures():
                yield (name, figure), row

    def _falls(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        found = self.drawdowns
        assert found is not None
        if found.reason:
            yield "deepest", _none(found.reason)
            return
        equity, rests = self.run.equity, f"{len(self.run.returns):,} days, one sample a day"
        worst = found.worst.iloc[0] if len(found.worst) else None
        money = 0.0 if worst is None else float(equity[worst["start"]] - equity[worst["trough"]])
        yield "deepest", _row(-found.max_drawdown, money=money, rests_on=rests)
        yield "within_days", _none(self.missing.get("within_days", "")) if self.within_days is None else \
            _row(-self.within_days.percent, rests_on="each minute at its worst price")
        yield "under_water", _row(found.time_under_water * 100.0, rests_on=rests)
        falls = f"{found.drawdowns:,} drawdown{'' if found.drawdowns == 1 else 's'}"
        yield "longest", _row(found.max_duration, unit="days", rests_on=falls)

    def _exposed(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        assert self.exposure is not None
        assert self.largest is not None
        trades = f"{len(self.run.trades):,} trades"
        yield "in_market", _row(self.exposure.in_market * 100.0, rests_on=trades)
        yield "largest", _row(self.largest.multiple, unit="times", money=self.largest.value, rests_on=trades)
        yield "turnover", _none(self.exposure.reason) if self.exposure.reason else \
            _row(self.exposure.turnover, unit="times", rests_on=trades)

    def _drawn(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        found = self.monte_carlo
        assert found is not None
        for name, one in (("period", found.period), ("next", found.projection)):
            if one is None:
                yield f"{name}_loss", _none(found.no_projection or found.stopped)
                continue
            rests = f"{one.paths.paths:,} paths from {len(self.run.returns):,} days"
            for event in one.chances.index:
                chance = one.chances.loc[event] * 100.0
                yield f"{name}_{event}", _row(chance["probability"], chance["low"], chance["high"], rests_on=rests)
            yield from _spread(name, one, rests)

    def _losses(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        found = self.var
        assert found is not None
        for level in found.confidence_levels:
            row = found.headline(level)
            for name in ("var", "es"):
                yield f"{name}_{level:.6g}", _none("no method has a figure") if row is None else _row(
                    row[name], row[f"{name}_low"], row[f"{name}_high"], money=row[f"{name}_money"],
                    rests_on=f"{row['observations']:,} days, {str(row.name[0]).replace('_', ' ')}")

    def _stressed(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        found = self.stress
        assert found is not None
        known = found.losses
        if known.empty:
            yield "worst", _none("no scenario finished")
            return
        rests = f"{counted(len(known), 'simulated run')} of chosen sizes"
        for figure, loss in (("worst", "deepest_loss"), ("worst_end", "end_loss")):
            worst = known.loc[known[loss].astype(float).idxmax()]
            money = float(worst["equity_before"] * worst[loss] / 100.0)
            yield figure, _row(float(worst[loss]), money=money, rests_on=rests)
        yield "ruined", _row(float(known["ruined_at"].notna().sum()), unit="runs", rests_on=rests)


def _row(value: float, low: float = math.nan, high: float = math.nan, *, money: float = math.nan,
         unit: str = "percent", rests_on: str) -> tuple[Any, ...]:
    return value, low, high, money, unit, rests_on, ""


def _none(reason: str) -> tuple[Any, ...]:
    return math.nan, math.nan, math.nan, math.nan, "", "", reason


def _spread(name: str, one: Outcomes, rests: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield what half of the paths and one in twenty fall to, and what they end with."""
    deep: Any = one.paths.distributions.loc["max_drawdown"]
    yield f"{name}_drawdown", _row(-deep["50%"], rests_on=rests)
    yield f"{name}_drawdown_1_in_20", _row(-deep["5%"], rests_on=rests)
    ends: Any = one.paths.distributions.loc["final_equity"]
    yield f"{name}_equity", _row(ends["50%"], ends["5%"], ends["95%"], unit="money", rests_on=rests)
