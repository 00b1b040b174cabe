"""What goes into the report of a backtest of pairs, as its template and plain text take it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from jesse_nb.core.analysis.studies.verdict import counted
from jesse_nb.core.simulator.fees import fee_of_run, fee_words
from jesse_nb.core.tools.risk.risk_input import sample_words
from jesse_nb.report.common.heading import candle_mark, dated
from jesse_nb.report.common.numbers import duration, measure, price
from jesse_nb.report.common.report import Report
from jesse_nb.report.common.sections import Section, card_of_lines, sections_text
from jesse_nb.report.common.tables import Cell, Table, cell, toned
from jesse_nb.report.pairs.pairs_figures import pairs_plots

if TYPE_CHECKING:
    from jesse_nb.core.tools.pairs.pairs_result import PairsBacktest

__all__ = ["PAIRS"]

_PICTURES = {
    "spread": "The spread on the traded days, and how many standard deviations of the formation days it was away",
    "equity": "Value and drawdown of the account, beside all markets held alike",
    "windows": "The smallest p-value of each window, and the hedge ratio of its pair",
}
_TESTS = {"engle_granger": "Engle and Granger", "johansen": "Johansen's trace statistic"}
_HEDGES = {"ols": "least squares", "tls": "total least squares"}

#: Trades and pairs that a report shows; the result has all.
_MOST, _PAIRS = 40, 15


def _title(result: PairsBacktest) -> str:
    return f"Pairs: {_name(result)}"


def _name(result: PairsBacktest) -> str:
    shown = ", ".join(result.markets[:6]) + (f" and {len(result.markets) - 6} more" if len(result.markets) > 6 else "")
    return " against ".join(result.markets) if result.pairs == 1 else f"best of {result.pairs:,} pairs of {shown}"


def _content(result: PairsBacktest) -> dict[str, Any]:
    windows: Any = result.windows
    first, last = (int(moment.value // 1_000_000) for moment in (windows["formed_from"].iloc[0],
                                                                 windows["traded_to"].iloc[-1]))
    return {
        "kind": "Pairs", "name": _name(result),
        "places": f"{result.exchange}, {result.timeframe}, {result.formation:,} days of formation, then "
                  f"{result.trading:,} of trading, futures",
        "period": dated(first, last), **candle_mark(result), "said": _said(result), "tiles": _tiles(result),
        "warned": [*result.notes, *([f"Stopped: {result.stopped}."] if result.stopped else [])],
        "sections": _sections(result),
    }


def _text(result: PairsBacktest) -> str:
    return sections_text(_title(result), _content(result))


def _said(result: PairsBacktest) -> list[str]:
    windows = len(result.windows)
    tried = f"{'1 pair was' if result.pairs == 1 else f'{result.pairs:,} pairs were'} tested in each of " \
            f"{windows:,} windows, {result.tests:,} tests in all"
    level = "traded whatever the test said" if result.alpha >= 1 else \
        f"p below {result.alpha:g} after Holm's correction for the pairs of a window"
    if not result.runs:
        return [f"Nothing was traded: {tried}, and no window has a pair that can be ({level}).",
                "Without a pair that holds together there is nothing that must come back."]
    said = [f"{_verdict(result)} {counted(len(result.trades), 'pair trade')} in {len(result.runs):,} of "
            f"{counted(windows, 'window')}, "
            f"{measure(result.metrics['net_profit_percentage'], 'percent')} in all.",
            f"{tried[0].upper()}{tried[1:]} ({level})."]
    deflated = result.deflated
    if result.pairs > 1 and not math.isnan(deflated.probability):
        said.append(f"With {result.pairs:,} pairs as tries, the chance that its Sharpe ratio is above luck's best is "
                    f"{deflated.probability * 100:.0f}% (deflated Sharpe ratio).")
    return [*said, sample_words(result.sample).replace("the parameters", "pair, hedge ratio and spread")]


def _verdict(result: PairsBacktest) -> str:
    if result.returns.min() <= -1:
        return "Ruined."
    test = result.mean_test
    if math.isnan(test.hac_p):
        return f"No judgement: {test.reason}."
    lucky = test.hac_p >= 0.05 or result.deflated.probability < 0.95
    p = f"p {test.hac_p:.3f}" if test.hac_p >= 0.001 else "p below 0.001"
    if not lucky:
        return f"Its mean return is {'above' if test.mean > 0 else 'below'} zero beyond luck ({p})."
    return f"Its mean return is not to be told from luck ({p})."


def _tiles(result: PairsBacktest) -> list[tuple[str, Any, str]]:
    if not result.runs:
        return []
    trades, metrics = result.trades, result.metrics
    fees, profit = float(trades["fee"].sum()), float(trades["pnl"].sum())
    won = float((trades["pnl"].astype(float) > 0).mean()) if len(trades) else math.nan
    share = fees / (profit + fees) if profit + fees > 0 else math.nan
    slips = trades["slip"].astype(float)
    return [
        ("net profit", toned(measure(metrics["net_profit_percentage"], "percent"), metrics["net_profit_percentage"]),
         f"{measure(metrics['annual_return'], 'percent')} a year"),
        ("Sharpe", cell(measure(metrics["sharpe_ratio"], "ratio")), ""),
        ("drawdown", toned(measure(metrics["max_drawdown"], "percent"), metrics["max_drawdown"]), ""),
        ("won", cell(measure(won, "fraction")), f"of {counted(len(trades), 'pair trade')}"),
        ("fees", cell(measure(fees, "currency")), "more than was gained before them" if math.isnan(share) else
         f"{share * 100:.0f}% of the profit before them"),
        ("left of the market", cell(measure(result.residual_beta, "ratio")),
         f"beta; legs opened {measure(slips.max(), 'count')} minutes apart at the most"),
    ]


def _sections(result: PairsBacktest) -> list[Section]:
    return [
        *([Section("What it came to", (), "equity"), Section("Spread and trades", (
            "Deviations from the mean of the formation days, in their standard deviations. A spread that has moved on "
            "stays away: then its stop is what it costs.",), "spread")] if result.runs else []),
        Section("Windows", ("Chosen from the formation days alone: half-life in days, with its 95% interval.",),
                "windows", _windows_table(result)),
        Section("Pair trades", (
            "Both legs together, from their fills. " + (f"The last {_MOST} of {len(result.trades):,}; result.trades "
            "has all." if len(result.trades) > _MOST else ""),), table=_trades_table(result)),
        Section("Why trades ended", (), table=_ends_table(result), in_text=False),
        Section("Pairs", ("How often each was tested, passed and was traded." + (
            f" The first {_PAIRS} of {result.pairs:,}; result.candidates has all." if result.pairs > _PAIRS else ""),),
                table=_pairs_table(result), in_text=result.pairs > 1),
    ]


def _windows_table(result: PairsBacktest) -> Table:
    windows: Any = result.windows
    rows = tuple((
        cell(f"{row['traded_from']:%Y-%m-%d}"), cell(f"{row['y']} / {row['x']}" if row["y"] else "–"),
        _p(row["p"]), _p(row["p_adjusted"]), cell("–" if math.isnan(row["beta"]) else f"{row['beta']:.2f}"),
        cell("–" if math.isnan(row["half_life"]) else
             f"{_days(row['half_life'])} ({_days(row['half_life_low'])} to {_days(row['half_life_high'])})"),
        cell(f"{row['trades']:,}"),
        toned(measure(row["profit"], "percent"), row["profit"]) if not row["reason"] else cell(row["reason"], "quiet"))
        for _, row in windows.iterrows())
    return Table(("traded from", "pair", "p", "corrected", "hedge ratio", "half-life", "trades", "profit"), rows, 2)


def _trades_table(result: PairsBacktest) -> Table:
    rows: Any = result.trades.tail(_MOST).iterrows()
    return Table(("opened", "first / second", "first", "deviation", "to", "held", "ended", "fees", "profit"), tuple((
        cell(f"{row['opened_at']:%Y-%m-%d %H:%M}"), cell(f"{row['y']} / {row['x']}"),
        cell("bought" if row["side"] == "long" else "sold"), cell(_score(row["score_in"])),
        cell(_score(row["score_out"])), cell(duration((row["closed_at"] - row["opened_at"]).total_seconds())),
        cell(row["why"]), cell(price(round(row["fee"], 2))), toned(measure(row["pnl"], "currency"), row["pnl"]))
        for _, row in rows), words=3)


def _ends_table(result: PairsBacktest) -> Table:
    trades = result.trades.astype({"pnl": float}) if len(result.trades) else result.trades
    rows: Any = trades.groupby("why")["pnl"].agg(["size", "sum"]).iterrows() if len(trades) else ()
    return Table(("ended", "trades", "profit"), tuple(
        (cell(str(why)), cell(f"{int(row['size']):,}"), toned(measure(row["sum"], "currency"), row["sum"]))
        for why, row in rows))


def _pairs_table(result: PairsBacktest) -> Table:
    found: Any = result.candidates
    rows = []
    for (y, x), own in found.groupby(["y", "x"], sort=False):
        traded = result.trades[(result.trades["y"] == y) & (result.trades["x"] == x)]
        profit = float(traded["pnl"].sum())
        rows.append((int(own["chosen"].sum()), int((own["p"] < 0.05).sum()), (
            cell(f"{y} / {x}"), cell(f"{int(own['p'].notna().sum()):,}"), cell(f"{int((own['p'] < 0.05).sum()):,}"),
            cell(f"{int(own['chosen'].sum()):,}"), cell(f"{len(traded):,}"),
            toned(measure(profit, "currency"), profit) if len(traded) else cell("–"))))
    rows.sort(key=lambda row: (-row[0], -row[1]))
    return Table(("pair", "tests", "p below 0.05", "chosen", "trades", "profit"),
                 tuple(row for *_, row in rows[:_PAIRS]))


def _p(value: float) -> Cell:
    return cell("–") if math.isnan(value) else cell(f"{value:.3f}" if value >= 0.001 else "< 0.001",
                                                    "" if value < 0.05 else "quiet")


def _days(value: float) -> str:
    return "never" if math.isinf(value) else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def _score(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:+.2f}"


def _fee(result: PairsBacktest) -> str:
    """Write the fee, or those of all markets that were traded: each window has a pair of its own."""
    fees = {route.symbol: run.spec.account.fee_of(route.symbol) for run in result.runs.values()
            for route in run.spec.routes}
    return fee_words(fee_of_run(fees, fees), "g")


def _card(result: PairsBacktest) -> Table:
    rules = result.rules
    hedge = _HEDGES[result.hedge] if isinstance(result.hedge, str) else f"{result.hedge:g}, as given"
    held = "" if rules.longest >= 10**9 else f", {rules.longest:,} candles at the most"
    spec = next((run.spec for run in result.runs.values()), None)
    account = [] if spec is None else [
        ("account", f"{measure(result.balance, 'currency')} at first, fee {_fee(result)} of a fill, "
                    f"{spec.account.leverage}x, {spec.account.leverage_mode} margin, {spec.mode} mode"),
        ("runs", f"{len(result.runs):,}, Jesse {spec.jesse_version}, each from the same balance, joined")]
    return card_of_lines([
        ("markets", f"{', '.join(result.markets)} on {result.exchange}"),
        ("test", f"{_TESTS[result.test]}, of log prices, level {result.alpha:g} after correction"),
        ("hedge ratio", hedge),
        ("rules", f"in at {rules.entry:g}, out at {rules.exit:g}, given up at {rules.stop:g} deviations{held}"),
        ("size", f"{rules.exposure * 100:g}% of the balance in both legs, "
                 f"{'by the hedge ratio' if rules.sizing == 'beta' else 'half in each'}"),
        *account,
    ])


PAIRS: Report[PairsBacktest] = Report(_title, _text, _content, "sections.html", pairs_plots, lambda _: _PICTURES, _card)
