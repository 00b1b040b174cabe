"""The tables of an analysis that describe the run: trades, returns, ratios, drawdowns, the market."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from jesse_nb.core.analysis.studies.verdict import counted
from jesse_nb.core.times import utc_text
from jesse_nb.report.analyze.analysis_figures import FOREST_LABELS
from jesse_nb.report.analyze.analysis_words import money, trades_known, within
from jesse_nb.report.common.labels import label
from jesse_nb.report.common.numbers import UNDEFINED, duration, measure, share
from jesse_nb.report.common.tables import Cell, Table, cell, toned

if TYPE_CHECKING:
    from jesse_nb.core.analysis.curves.drawdown_statistics import DrawdownStatistics
    from jesse_nb.core.tools.analyze.analysis_result import Analysis

__all__ = ["benchmarks_table", "days_table", "drawdowns_table", "groups_table", "periods_table",
           "ratios_table", "tails_table", "tiles", "trade_tables"]

_RATIO_LABELS = {
    **FOREST_LABELS, "volatility": "Volatility", "ulcer_index": "Ulcer index", "tail_ratio": "Tail ratio",
    "kelly_fraction": "Kelly fraction (times the traded size)",
    "probabilistic_sharpe": "Probability of a Sharpe ratio above 0",
    "minimum_track_record_length": "Days to show that at 95%",
}
_UNSIGNED = ("volatility", "ulcer_index")


def tiles(analysis: Analysis) -> list[tuple[str, Cell, str]]:
    """Return what stands in large letters: name, value, and its interval or another way to count."""
    run, basic, advanced = analysis.run, analysis.basic, analysis.advanced
    gain = float(run.equity.iloc[-1]) / run.balance - 1.0 if len(run.equity) and run.balance > 0 else math.nan
    shown = [("Return", toned(measure(gain * 100, "percent"), gain), money(analysis, gain * run.balance))]
    if advanced is not None:
        for name in ("annual_return", "sharpe_ratio"):
            row = advanced.ratios.loc[name]
            value = measure(row["value"], "percent" if name == "annual_return" else "")
            shown.append((label(name), cell(value, title=str(row["reason"])), _ratio_interval(name, row)))
    depth = measure(basic.drawdowns.max_drawdown, "percent")
    within_days = ""
    if advanced is not None and advanced.intraday is not None:
        fall = advanced.intraday.by_extremes.percent
        within_days = f"{measure(fall, 'percent')} within the days{': ruin' if fall <= -100 else ''}"
    shown.append(("Max drawdown", cell(depth, title=basic.drawdowns.reason), within_days))
    if not trades_known(analysis):
        return shown
    if basic.trades is None:
        return [*shown, ("Trades", cell(measure(len(run.trades), "count")), "")]
    rate, factor = basic.trades.win_rate, basic.trades.profit_factor
    if basic.trades.wins and not basic.trades.losses:
        factor = math.inf
    counts = f"of {counted(basic.trades.trades, 'trade')}"
    limits = f"{share(rate.low)} to {share(rate.high)} {counts}" if rate.total else counts
    return [*shown, ("Win rate", cell(share(rate.share)), limits),
            ("Profit factor", cell(measure(factor)), f"{money(analysis, basic.trades.expectancy)} a trade"
             if basic.trades.trades else "")]


def ratios_table(analysis: Analysis) -> Table:
    """Lay out the ratios with their intervals."""
    assert analysis.advanced is not None
    rows = []
    for name, row in analysis.advanced.ratios.iterrows():
        key, reason = str(name), str(row["reason"])
        rows.append((cell(_RATIO_LABELS.get(key, label(key))), cell(_ratio(key, row, row["value"]), title=reason),
                     cell(_ratio_interval(key, row), "quiet"), cell(_ratio(key, row, row["standard_error"], bare=True),
                                                                     "quiet") if row["error"] else Cell(""),
                     cell(reason, "quiet")))
    shown = any(row[4].text for row in rows)
    head = ("", "value", "95% interval", "standard error", "")
    return Table(head, tuple(rows)) if shown else Table(head[:4], tuple(row[:4] for row in rows))


def _ratio(name: str, row: Any, value: float, *, bare: bool = False) -> str:
    unit = str(row["unit"])
    if unit.startswith("%"):
        return measure(value, "share" if bare or name in _UNSIGNED else "percent")
    if unit == "probability":
        return share(value)
    return measure(value, "count") if unit == "days" else measure(value)


def _ratio_interval(name: str, row: Any) -> str:
    if not math.isfinite(row["low"]):
        return ""
    return f"{_ratio(name, row, row['low'])} to {_ratio(name, row, row['high'])}"


def trade_tables(analysis: Analysis) -> dict[str, Table]:
    """Lay the trade statistics out by theme."""
    found = analysis.basic.trades
    if found is None or not found.trades:
        return {}
    held = found.holding
    money: dict[str, Any] = {
        "Net profit": found.net_profit, "Gross profit": found.gross_profit, "Gross loss": found.gross_loss,
        "Average win": found.average_win, "Average loss": -found.average_loss, "Largest win": found.largest_win,
        "Largest loss": found.largest_loss, "Expectancy": found.expectancy,
    }
    counts: dict[str, str] = {
        "Wins, losses, break-even": f"{found.wins:,}, {found.losses:,}, {found.break_even:,}",
        "Payoff (average win / loss)": measure(found.payoff),
        "Average return on margin": measure(found.average_return, "percent"),
        "Longest winning streak": measure(found.winning_streak, "count"),
        "Longest losing streak": measure(found.losing_streak, "count"),
        "Streak at the end": _streak(found.current_streak),
        "Holding time, mean": _span(held.loc["all", "mean"]),
        "Winners, losers": f"{_span(held.loc['winners', 'mean'])}, {_span(held.loc['losers', 'mean'])}",
        "Longest": _span(held.loc["all", "max"]),
    }
    rows = tuple((cell(name), toned(measure(value, "currency"), value)) for name, value in money.items())
    unknown = analysis.spec is None and not found.fees
    fees = (cell("Fees"), cell(UNDEFINED, title="the tables have no fees") if unknown else
            cell(measure(found.fees, "currency")))
    return {"Money": Table(("", ""), (*rows, fees)),
            "Trades": Table(("", ""), tuple((cell(name), cell(text)) for name, text in counts.items()))}


def groups_table(frame: pd.DataFrame, name: str) -> Table:
    """Lay trades out by side or by exit."""
    head = (name, "trades", "win rate", "95% interval", "net profit", "average win", "average loss", "profit factor",
            "mean holding")
    rows = tuple((
        cell(str(group)), cell(measure(row["trades"], "count")), cell(share(row["win_rate"])),
        cell(f"{share(row['win_rate_low'])} to {share(row['win_rate_high'])}" if row["win_rate"] == row["win_rate"]
             else "", "quiet"),
        toned(measure(row["net_profit"], "currency"), row["net_profit"]), cell(measure(row["average_win"], "currency")),
        cell(measure(-row["average_loss"], "currency")), cell(measure(row["profit_factor"])),
        cell(_span(row["average_holding"])),
    ) for group, row in frame.iterrows() if row["trades"])
    return Table(head, rows)


def periods_table(analysis: Analysis) -> Table:
    """Lay out the returns by day, week and month."""
    frame = analysis.basic.returns.periods
    kinds = (("mean", "percent"), ("median", "percent"), ("std", "share"), ("skew", ""), ("kurtosis", ""),
             ("best", "percent"), ("worst", "percent"))
    rows = []
    for length, row in frame.iterrows():
        why = str(row["reason"])
        cells = [cell(measure(row[name], unit), title=why) for name, unit in kinds]
        rows.append((cell(str(length)), cell(measure(row["periods"], "count")), *cells, cell(share(row["positive"]))))
    return Table(("", "periods", "mean", "median", "deviation", "skew", "excess kurtosis", "best", "worst",
                  "above zero"), tuple(rows))


def tails_table(analysis: Analysis) -> Table:
    """Lay out the worst days as quantile and expected shortfall."""
    rows = tuple((cell(f"worst {float(str(level)) * 100:g}% of days"),
                  cell(measure(row["quantile"], "percent"), title=row["reason"]),
                  cell(measure(row["expected_shortfall"], "percent"), title=row["reason"]),
                  cell(row["reason"] or f"{row['days']:,}", "quiet"))
                 for level, row in analysis.basic.returns.tails.iterrows())
    return Table(("", "at or below", "mean of them", "days"), rows)


def days_table(analysis: Analysis, most: int = 5) -> Table:
    """Lay the best and the worst days out side by side."""
    found = analysis.basic.returns
    pairs = zip(found.best_days.head(most).to_numpy(), found.worst_days.head(most).to_numpy(), strict=False)
    return Table(("best day", "", "worst day", ""), tuple(
        tuple(entry for day, gain in pair for entry in (cell(f"{day:%Y-%m-%d}"), toned(measure(gain, "percent"), gain)))
        for pair in pairs))


def drawdowns_table(found: DrawdownStatistics) -> Table:
    """Lay out the deepest drawdowns."""
    rows = tuple((
        cell(str(place)), cell(measure(row["depth"], "percent"), "bad"), cell(_day(row["start"])),
        cell(_day(row["trough"])), cell(_day(row["recovery"]) if pd.notna(row["recovery"]) else "not yet"),
        cell(measure(row["days_down"], "count")), cell(measure(row["days_to_recover"], "count")),
        cell(measure(row["days_below"], "count")),
    ) for place, (_, row) in enumerate(found.worst.iterrows(), start=1))
    return Table(("", "depth", "from", "deepest", "back", "days down", "days up", "days below"), rows)


def benchmarks_table(analysis: Analysis) -> Table:
    """Compare with the benchmarks."""
    assert analysis.advanced is not None
    rows = tuple((
        cell(benchmark.name,
             title=benchmark.note), cell(within(benchmark.beta)), cell(within(benchmark.alpha, "percent")),
        cell(within(benchmark.pearson)), cell(share(benchmark.r_squared)), cell(share(benchmark.up_capture)),
        cell(share(benchmark.down_capture)),
    ) for benchmark in analysis.advanced.benchmarks if not benchmark.reason)
    return Table(("", "beta", "alpha a year, not compounded", "correlation", "variance explained", "of its gains",
                  "of its losses"), rows)


def _streak(trades: int) -> str:
    if not trades:
        return "none"
    return counted(trades, "win") if trades > 0 else f"{-trades:,} {'loss' if trades == -1 else 'losses'}"


def _span(held: Any) -> str:
    return duration(held.total_seconds()) if pd.notna(held) else UNDEFINED


def _day(moment: Any) -> str:
    return utc_text(int(pd.Timestamp(moment).value // 1_000_000))[:10]
