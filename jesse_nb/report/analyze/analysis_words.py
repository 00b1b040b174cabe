"""What an analysis found, in the order a trader asks, in plain sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from jesse_nb.core.analysis.studies.verdict import counted
from jesse_nb.report.analyze.analysis_risk_figures import fan_of
from jesse_nb.report.common.judgement import Judgement, judgement_of
from jesse_nb.report.common.labels import days
from jesse_nb.report.common.numbers import UNDEFINED, measure, share

if TYPE_CHECKING:
    import pandas as pd

    from jesse_nb.core.analysis.luck.significance import Interval
    from jesse_nb.core.tools.analyze.analysis_result import Analysis
    from jesse_nb.core.tools.resimulate.candle_monte_carlo import CandleMonteCarlo
    from jesse_nb.core.tools.resimulate.fee_stress import FeeStress

__all__ = ["Judgement", "at_other_fees", "breaks", "earned", "falls", "judgement", "left_out", "looks", "money",
           "occasions", "on_rewritten_candles", "others", "rate", "stops", "trades_known", "whose", "within"]

#: What the parts are called that may be missing.
_PARTS = {
    "held": "buy-and-hold", "exposure": "time in the market", "intraday": "equity within the days",
    "excursions": "excursions", "cells": "hours, weekdays, months and regimes", "benchmarks": "benchmarks",
    "costs": "re-priced costs", "fee_stress": "simulation at higher fees", "insight": "what is known at entry",
    "scenarios": "simulation on rewritten candles",
}

def judgement(analysis: Analysis) -> Judgement:
    """Return the verdict of the result that the run was chosen from; of a single backtest, why there is none."""
    found = analysis.verdict
    if found is None and analysis.spec is None:
        return Judgement("open", "no verdict", "tables do not say what else was tried",
                         "The more variants were tried before this one, the less its figures prove.")
    if found is None:
        return Judgement("open", "no verdict", "one backtest cannot tell skill from luck",
                         "It depends on how many others were tried; optimize and walk_forward count them.")
    return judgement_of(found)


def others(analysis: Analysis) -> str:
    """Say how often the project looked at the same data."""
    if analysis.spec is None:
        return ""
    if analysis.prior_runs is None:
        return "The run store cannot be read, so how many other backtests looked at this data is not known."
    if not analysis.prior_runs:
        return "The run store has no other backtest of this project on this data."
    if _looks_in_evidence(analysis):
        return ""  # it counts them as of when it searched: a second number beside it would only puzzle
    flatters = "" if analysis.verdict is not None else "; picking the best of many flatters it"
    return (f"{counted(analysis.prior_runs, 'other backtest')} of this project looked at overlapping data of the same "
            f"symbols{flatters}.")


def looks(analysis: Analysis) -> str:
    """Say how often the project looked at the same data, on a page without the evidence."""
    return _looks_in_evidence(analysis) or others(analysis)


def _looks_in_evidence(analysis: Analysis) -> str:
    evidence = analysis.verdict.evidence if analysis.verdict is not None else ()
    return next((line for line in evidence if "other backtest" in line), "")


def whose(analysis: Analysis) -> str:
    """Say what the figures are of, where the verdict judges more than the run."""
    origin = analysis.run.origin
    if not origin:
        return ""
    return f"Read here: {origin}." + (
        " The verdict judges the whole that it comes from; the figures below are this run's own."
        if analysis.verdict is not None else "")


def earned(analysis: Analysis) -> list[str]:
    """Say where the result comes from: the trades, the time in the market, and the market itself."""
    said = []
    trades, run = analysis.basic.trades, analysis.run
    if not trades_known(analysis):
        said.append("The trades are not known.")
    elif not len(run.trades):
        said.append("No trade was closed.")
    elif trades is not None:
        won = f"{counted(trades.trades, 'trade')} in {days(run.start, run.end)}, {share(trades.win_rate.share)} won"
        won += f" (95% interval {_shares(trades.win_rate.low, trades.win_rate.high)})" if trades.win_rate.total else ""
        payoff = f"; an average win is {measure(trades.payoff)} times an average loss" if trades.payoff > 0 else ""
        said.append(f"{won}{payoff}. On average {money(analysis, trades.expectancy)} a trade"
                    + (f"; fees took {share(trades.fees_percentage / 100)} of the gross gains."
                       if trades.fees_percentage > 0 else "."))
    advanced = analysis.advanced
    if advanced is None:
        return said
    if advanced.exposure is not None and len(run.trades):
        turnover = advanced.exposure.turnover
        said.append(f"In the market {share(advanced.exposure.in_market)} of the time"
                    + (f"; turnover {measure(turnover)} times the equity a year." if turnover > 0 else "."))
    for benchmark in advanced.benchmarks[:1]:
        if not benchmark.reason:
            alpha = "above" if benchmark.alpha.low > 0 else "below" if benchmark.alpha.high < 0 else "not told from"
            name = benchmark.name[:1].lower() + benchmark.name[1:]
            said.append(f"Against {name}: beta {within(benchmark.beta)}, alpha "
                        f"{within(benchmark.alpha, 'percent')} a year (not compounded), {alpha} zero.")
    return said


def falls(analysis: Analysis) -> list[str]:
    """Say how deep it fell, and how deep it could have."""
    found = analysis.basic.drawdowns
    if found.reason:
        return [f"No drawdown is known: {found.reason}."]
    if not found.max_drawdown < 0:
        return ["It never stood below an earlier peak at the end of a day."]
    deepest = f"The deepest fall was {measure(found.max_drawdown, 'percent')} by one sample a day"
    advanced = analysis.advanced
    if advanced is not None and advanced.intraday is not None:
        fall = advanced.intraday.by_extremes.percent
        deepest += f", {measure(fall, 'percent')} minute by minute"
        if fall <= -100:
            deepest += (" (more than there was: had the worst prices of that minute met, the account would have been "
                        "ruined)")
    said = [f"{deepest}; {share(found.time_under_water)} of the days are spent below an earlier peak."]
    if found.current_drawdown < 0:
        said.append(f"It ends {measure(-found.current_drawdown, 'share')} below its peak, "
                    f"{counted(round(found.current_duration), 'day')} later.")
    drawn = fan_of(analysis)
    if drawn is not None:
        deep = float(drawn.distributions["5%"]["max_drawdown"])
        said.append(f"Drawn again ({drawn.method}, {drawn.paths:,} paths), one path in twenty falls by "
                    f"{measure(-deep, 'count') if deep < -10 else measure(-deep)}% or more, and "
                    f"{share(drawn.probability_of_loss)} end with a loss.")
    if analysis.deep is not None and analysis.deep.scenarios is not None:
        said += on_rewritten_candles(analysis.deep.scenarios, advanced.held if advanced is not None else None)
    return said


def on_rewritten_candles(found: CandleMonteCarlo, held: pd.Series[float] | None = None) -> list[str]:
    """Say how often it gains on rewritten candles, and what the market gave without it (``held`` begins with 1)."""
    known = found.scenarios["net_profit_percentage"].dropna()
    if known.empty:
        return []
    values = held.dropna() if held is not None else None
    holding = ("compare it with holding" if values is None or values.empty
               else f"holding the real one made {measure((float(values.iloc[-1]) - 1) * 100, 'percent')}")
    moved = any(found.pipeline.settings.get(name) for name in ("mu", "close_mu"))
    drift = "another drift than the real one" if moved else "the real one's drift on average, each more or less of it"
    return [f"Simulated again on rewritten candles it gains in {int((known > 0).sum()):,} of "
            f"{counted(len(known), 'market')}, {measure(float(known.median()), 'percent')} in the middle one. "
            f"These markets have {drift}: {holding}."]


def occasions(analysis: Analysis) -> list[str]:
    """Say when it works: cells, patterns and what is known at entry."""
    said = []
    if analysis.advanced is not None and analysis.advanced.cells is not None and len(analysis.advanced.cells.table):
        said.append(analysis.advanced.cells.sentence)
    if analysis.deep is not None:
        said += [pattern.sentence for pattern in analysis.deep.patterns if pattern.found]
        insight = analysis.deep.insight
        if insight is not None:
            said.append(f"What is known at entry was not tested: {insight.reason}." if insight.reason
                        else insight.sentence)
    return said


def breaks(analysis: Analysis) -> list[str]:
    """Say what costs would have left."""
    said: list[str] = []
    if analysis.advanced is None:
        return said
    costs, stress = analysis.advanced.costs, analysis.advanced.fee_stress
    if costs is not None and math.isfinite(costs.break_even_fee):
        one = analysis.run.spec is None or not isinstance(analysis.run.spec.account.fee, Mapping)
        paid = f"{rate(costs.fee)} was paid{'' if one else ' on average'}"
        if costs.break_even_fee < 0:
            said.append("The trades lose even without any fee.")
        elif costs.break_even_fee < costs.fee:
            said.append(f"Fees make the loss: the trades break even at {rate(costs.break_even_fee)} a fill; {paid}.")
        else:
            said.append(f"The profit is gone at a fee of {rate(costs.break_even_fee)} a fill ({paid}), or at a "
                        f"slippage of {measure(costs.break_even_slippage * 10_000)} basis points a fill.")
    return said + (at_other_fees(stress) if stress is not None else [])


def at_other_fees(stress: FeeStress) -> list[str]:
    """Say what a multiple of the fee gives."""
    again = [f"{factor:g} times the fee gives {measure(row['net_profit_percentage'], 'percent')}"
             for factor, row in stress.table.iterrows() if factor != 1 and not row["reason"]]
    return [f"Simulated again: {', '.join(again)}."] if again else []


def stops(analysis: Analysis) -> str:
    """Say what a tighter stop would have done."""
    found = analysis.advanced.excursions if analysis.advanced is not None else None
    if found is None or found.reason or found.stops.empty:
        return ""
    best = found.stops["total_pnl"].idxmax()
    better = float(found.stops["change"].max())
    if not better > 1e-9 * max(abs(found.total_pnl), 1.0):
        return "None of the tighter stops would have left more."
    return (f"Of the stops tried, {best:g}% would have left most: "
            f"{money(analysis, float(found.stops['total_pnl'].max()))} in place of "
            f"{money(analysis, found.total_pnl)}. That one is picked with hindsight.")


def left_out(analysis: Analysis) -> list[tuple[str, str]]:
    """Return what is missing, and why: parts that share a reason together."""
    missing = {**(analysis.advanced.left_out if analysis.advanced is not None else {}),
               **(analysis.deep.left_out if analysis.deep is not None else {})}
    rows = [(_PARTS.get(name, name), reason) for name, reason in missing.items()
            if not (name == "benchmarks" and analysis.advanced is not None and analysis.advanced.benchmarks)]
    if analysis.deep is not None:
        known = trades_known(analysis)
        rows += [(resampled.method, resampled.reason
                  if known or resampled.unit != "trades" else "the trades are not known")
                 for resampled in analysis.deep.monte_carlo if resampled.reason]
        rows += [] if analysis.deep.monte_carlo else [("Monte Carlo", "not asked for")]
        insight = analysis.deep.insight
        rows += [(_PARTS["insight"], insight.reason)] if insight is not None and insight.reason else []
    if analysis.advanced is not None:
        rows += [(benchmark.name, benchmark.reason) for benchmark in analysis.advanced.benchmarks if benchmark.reason]
        cells = analysis.advanced.cells
        rows += [(_PARTS["cells"], "the trades have no return on their margin (pnl_percentage)")
                 ] if cells is not None and cells.table.empty else []
    reasons: dict[str, list[str]] = {}
    for name, reason in rows:
        reasons.setdefault(reason, []).append(name)
    return [("; ".join(names), reason) for reason, names in reasons.items()]


def trades_known(analysis: Analysis) -> bool:
    """Whether there is a table of trades, be it empty: an equity curve alone has none."""
    return analysis.basic.trades is not None or analysis.spec is not None or len(analysis.run.trades) > 0


def money(analysis: Analysis, value: float) -> str:
    """Write an amount of the quote currency, named where it is known."""
    quote = analysis.spec.routes[0].symbol.rsplit("-", 1)[-1] if analysis.spec is not None else ""
    return f"{measure(value, 'currency')} {quote}".rstrip() if math.isfinite(value) else UNDEFINED


def within(interval: Interval, unit: str = "") -> str:
    """Write a value with its 95 % interval."""
    if not math.isfinite(interval.low):
        return measure(interval.value, unit)
    return f"{measure(interval.value, unit)} ({measure(interval.low, unit)} to {measure(interval.high, unit)})"


def rate(fee: float) -> str:
    """Write a fee (fraction of a fill's value)."""
    return f"{fee * 100:.3g}%"


def _shares(low: float, high: float) -> str:
    return f"{share(low)} to {share(high)}"
