"""What goes into the report of a portfolio, as its template and plain text take it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from jesse_nb.core.analysis.markets.allocation_figures import FEWEST_COMPARED
from jesse_nb.core.tools.risk.risk_input import sample_words
from jesse_nb.report.common.heading import candle_mark, dated
from jesse_nb.report.common.numbers import measure
from jesse_nb.report.common.report import Report
from jesse_nb.report.common.sections import Section, card_of_lines, sections_text
from jesse_nb.report.common.tables import Cell, Table, cell, toned
from jesse_nb.report.markets.portfolio_figures import DIVISIONS, WAYS, portfolio_plots

if TYPE_CHECKING:
    from jesse_nb.core.tools.markets.portfolio import PortfolioResult

__all__ = ["PORTFOLIO", "divisions_table"]

_PICTURES = {
    "equity": "Value and drawdown of the portfolio, of an equal division and of each part",
    "weights": "Share of the money in each account, through time",
    "risk": "Each part's share of the money beside its share of the risk",
    "divisions": "Return against volatility of each division that was tried, and of each part alone",
    "one_account": "Value and drawdown of one account, beside the accounts that were put together",
}
_WHEN = {"1D": "each day", "1W": "on Mondays", "1M": "on the first of each month", "3M": "on the first of each quarter",
         "1Y": "on the first of each year", "never": "never"}


def _title(result: PortfolioResult) -> str:
    return f"Portfolio of {_names(result)}, {DIVISIONS[result.allocation]}"


def _names(result: PortfolioResult) -> str:
    names = [part.name for part in result.parts]
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _content(result: PortfolioResult) -> dict[str, Any]:
    first, last = (int(moment.value // 1_000_000) for moment in (result.equity.index[0], result.equity.index[-1]))
    stopped = [f"Stopped: {result.stopped}. Other divisions were not reached."] if result.stopped else []
    return {
        "kind": "Portfolio", "name": f"{_names(result)}, {DIVISIONS[result.allocation]}",
        "places": f"accounts of their own, money moved {_WHEN[result.rebalance]} at {result.cost * 100:.4g}%"
                  f"{'' if result.simulated is None else '; and all in one'}",
        "period": dated(first, last), **candle_mark(*result.parts),
        "said": [*_said(result), sample_words(result.sample)], "tiles": _tiles(result),
        "warned": [*result.notes, *stopped], "sections": _sections(result),
    }


def _text(result: PortfolioResult) -> str:
    return sections_text(_title(result), _content(result))


def _sections(result: PortfolioResult) -> list[Section]:
    return [
        Section("What it came to", (), "equity"),
        *_one_account(result),
        Section("Beside an equal division", (_divisions_words(result),), "divisions", divisions_table(result)),
        Section("Parts alone", (), table=_parts_table(result), in_text=False),
        Section("Weights", (f"From up to {result.window:,} days before, none below zero.",) if result.allocation not in
                ("equal", "given") else (), "weights"),
        Section("Money and risk", (
            "The share of the variance that each part brought, correlations counted: below zero where it offset the "
            "others.", _added_words(result)), "risk", _division_table(result)),
        Section("When all fell", ("What each part did from the start of a drawdown to its trough.",),
                table=_drawdowns_table(result), in_text=False),
    ]


def _divisions_words(result: PortfolioResult) -> str:
    rest = ", each with weights from the days before alone," if result.known else ""
    said = (f"All divisions on the same days{rest} after costs. An equal one needs no estimate, and few beat it: the "
            "gain is of the Sharpe ratio, with its 95% interval, and p counts all divisions that were tried (Holm).")
    if not _too_short(result):
        return said
    return f"{said} {len(result.weights):,} days are too few to resample: a gain needs {FEWEST_COMPARED}."


def _too_short(result: PortfolioResult) -> bool:
    """Tell whether there are too few days to say how sure a gain is."""
    return len(result.weights) < FEWEST_COMPARED


def _one_account(result: PortfolioResult) -> list[Section]:
    """Return what Jesse simulated in one account, beside the accounts."""
    together = result.simulated
    if together is None:
        return []
    table: Any = together.comparison
    rows = tuple((cell(WAYS[name]), *_performance(row), cell(f"{row['trades']:,.0f}"),
                  cell(measure(row["fees"], "share")), cell(measure(row["costs"], "share")))
                 for name, row in table.iterrows())
    alike = "" if math.isnan(together.correlation) else (
        f" Their daily returns correlate at {together.correlation:.3f} and are {together.apart:.2g}% apart (root mean "
        "square).")
    return [Section("In one account", (
        "Jesse ran all strategies from one account, each with its share of the balance as its balance. Nothing is "
        "moved there: what is open keeps its size when the shares change, and each fill pays its fee. They begin "
        f"without a position, and share one margin.{alike}",), "one_account", Table(
            ("way", "return a year", "volatility", "Sharpe", "drawdown", "trades", "fees a year", "moving, a year"),
            rows))]


def divisions_table(result: PortfolioResult) -> Table:
    """Lay out the divisions that were tried."""
    table: Any = result.allocations[result.allocations["kind"] == "division"]
    rows = tuple((cell(DIVISIONS[name]), *_performance(row), cell(measure(row["costs"], "share")),
                  _gain(name, row, result), _p(row["p_adjusted"])) for name, row in table.iterrows())
    return Table(("division", "return a year", "volatility", "Sharpe", "drawdown", "costs a year",
                  "Sharpe beside 1/N", "p"), rows)


def _parts_table(result: PortfolioResult) -> Table:
    table: Any = result.allocations[result.allocations["kind"] == "part"]
    return Table(("part", "return a year", "volatility", "Sharpe", "drawdown"),
                 tuple((cell(str(name)), *_performance(row)) for name, row in table.iterrows()))


def _performance(row: Any) -> tuple[Cell, ...]:
    return (toned(measure(row["annual_return"], "percent"), row["annual_return"]),
            cell(measure(row["volatility"], "share")), cell(measure(row["sharpe"], "ratio")),
            toned(measure(row["max_drawdown"], "percent"), row["max_drawdown"]))


def _gain(name: str, row: Any, result: PortfolioResult) -> Cell:
    if name != "equal" and _too_short(result):
        return cell(f"needs {FEWEST_COMPARED} days")
    if name == "equal" or math.isnan(row["sharpe_gain"]):
        return cell("–")
    return cell(f"{row['sharpe_gain']:+.2f} ({row['gain_low']:.2f} to {row['gain_high']:.2f})")


def _p(value: float) -> Cell:
    return cell("–") if math.isnan(value) else cell(f"{value:.3f}" if value >= 0.001 else "< 0.001",
                                                    "" if value < 0.05 else "quiet")


def _division_table(result: PortfolioResult) -> Table:
    rows: Any = result.division.iterrows()
    return Table(("part", "of the money", "of the risk", "added, sum of days", "volatility alone"), tuple(
        (cell(str(name)), cell(f"{row['money'] * 100:.1f}%"), cell(f"{round(row['risk'] * 100, 1) + 0.0:.1f}%"),
         toned(measure(row["gain"], "percent"), row["gain"]),
         cell("–" if name == "costs" else measure(row["volatility"], "share")))
        for name, row in rows))


def _added_words(result: PortfolioResult) -> str:
    """Say how to compute what each part added."""
    total = float(result.division["gain"].sum())
    first, last = _first_and_last(result.equity)
    return ("Added: on each day a part's share of the account (of what moving money left, on days on which some was), "
            "times its own return that day; these percent are added up, not compounded. All rows, with what moving "
            "money cost, give "
            f"{measure(total, 'percent')}, the sum of the account's daily returns; compounded these are "
            f"{measure((last / first - 1.0) * 100.0, 'percent')}.")


def _became(equity: pd.Series[float], quote: str) -> str:
    """Say what the money was, what it became, and when."""
    first, last = _first_and_last(equity)
    days = (equity.index[-1] - equity.index[0]).days
    return (f"{measure(first, 'currency')} {quote} became {measure(last, 'currency')} in {days:,} days: "
            f"{last - first:+,.2f} ({measure((last / first - 1.0) * 100.0, 'percent')})").replace("  ", " ")


def _first_and_last(equity: pd.Series[float]) -> tuple[float, float]:
    return float(equity.iloc[0]), float(equity.iloc[-1])


def _drawdowns_table(result: PortfolioResult) -> Table:
    names = [part.name for part in result.parts][:8]
    rows: Any = result.drawdowns.iterrows()
    return Table(("from", "to its trough", "back at", "depth", *names), tuple(
        (cell(f"{row['start']:%Y-%m-%d}"), cell(f"{row['trough']:%Y-%m-%d}"),
         cell("not yet" if pd.isna(row["recovery"]) else f"{row['recovery']:%Y-%m-%d}"),
         toned(measure(row["depth"], "percent"), row["depth"]),
         *(toned(measure(row[name], "percent"), row[name]) for name in names)) for _, row in rows), words=3)


def _said(result: PortfolioResult) -> list[str]:
    table: Any = result.allocations
    row = table.loc[result.allocation]
    said = [f"{_became(result.equity, result.quote)}.",
            f"It returned {measure(row['annual_return'], 'percent')} a year with a volatility of "
            f"{measure(row['volatility'], 'share')} and a drawdown of "
            f"{measure(row['max_drawdown'], 'percent')}."]
    if result.simulated is not None:
        own: Any = result.simulated.comparison.loc["simulated"]
        ruin = result.simulated.run.ruin
        became = _became(result.simulated.run.equity, result.quote)
        said.append(f"In one account it returned {measure(own['annual_return'], 'percent')} a year with a volatility "
                    f"of {measure(own['volatility'], 'share')} and a drawdown of "
                    f"{measure(own['max_drawdown'], 'percent')}: {became}."
                    if ruin is None else f"The one account was {ruin}.")
    if result.allocation != "equal" and _too_short(result):
        return [*said, "Whether that is better than an equal division is not known: "
                f"{len(result.weights):,} days are too few, {FEWEST_COMPARED} are needed."]
    if result.allocation == "equal" or math.isnan(row["sharpe_gain"]):
        return said
    beyond = row["p_adjusted"] < 0.05
    said.append(f"Its Sharpe ratio is {abs(row['sharpe_gain']):.2f} {'above' if row['sharpe_gain'] >= 0 else 'below'} "
                f"that of an equal division (95% interval {row['gain_low']:.2f} to {row['gain_high']:.2f}): "
                f"{'more than luck.' if beyond else 'no more than luck.'}")
    return said


def _tiles(result: PortfolioResult) -> list[tuple[str, Any, str]]:
    table: Any = result.allocations
    row = table.loc[result.allocation]
    alone = table[table["kind"] == "part"]
    risk = result.division["risk"].drop("costs")
    equal = f"1/N: {measure(table.loc['equal', 'sharpe'], 'ratio')}" if "equal" in table.index else ""
    first, last = _first_and_last(result.equity)
    return [("money", toned(f"{last - first:+,.2f} {result.quote}".rstrip(), last - first),
             f"{measure(first, 'currency')} to {measure(last, 'currency')}"),
            ("return", toned(measure((last / first - 1.0) * 100.0, "percent"), last - first),
             f"in {(result.equity.index[-1] - result.equity.index[0]).days:,} days"),
            ("return a year", toned(measure(row["annual_return"], "percent"), row["annual_return"]), ""),
            ("Sharpe", cell(measure(row["sharpe"], "ratio")), equal),
            ("drawdown", toned(measure(row["max_drawdown"], "percent"), row["max_drawdown"]),
             f"parts alone: {measure(alone['max_drawdown'].mean(), 'percent')} on average"),
            ("volatility", cell(measure(row["volatility"], "share")),
             f"parts alone: {measure(alone['volatility'].mean(), 'share')} on average"),
            ("largest risk", cell(f"{risk.max() * 100:.0f}%"), f"of it from {risk.idxmax()}"),
            ("costs", cell(measure(row["costs"], "share")), "a year")]


def _card(result: PortfolioResult) -> Table:
    lines = [(part.name, f"{part.source}, {len(part.returns):,} days, {part.sample}") for part in result.parts]
    given = ", ".join(f"{name} {value:.4g}" for name, value in result.given.items())
    run = [("one account", result.simulated.run.key)] if result.simulated is not None else []
    return card_of_lines([
        *lines, *run, ("division", f"{DIVISIONS[result.allocation]}{': ' + given if given else ''}"),
        ("window", f"up to {result.window:,} days, {result.known:,} before the first day" if result.known else
         "none: held from the first day on"),
        ("money moved", f"{_WHEN[result.rebalance]}, at {result.cost * 100:.4g}% of what is taken out or put in"),
        *([("covariance", "variances as observed, correlations shrunk (Ledoit and Wolf)")] if result.known else []),
        ("seed", f"{result.seed}"),
        ("money", _became(result.equity, result.quote)),
    ])


PORTFOLIO: Report[PortfolioResult] = Report(
    _title, _text, _content, "sections.html", portfolio_plots,
    lambda result: {name: said for name, said in _PICTURES.items() if name != "one_account" or result.simulated}, _card)
