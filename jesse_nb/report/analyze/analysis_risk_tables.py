"""The tables of an analysis that ask what else could be: stops, cells, costs, Monte Carlo, features."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from jesse_nb.core.analysis.studies.verdict import probability
from jesse_nb.report.analyze.analysis_risk_figures import drawn
from jesse_nb.report.analyze.analysis_words import left_out, rate
from jesse_nb.report.common.numbers import UNDEFINED, measure, price, share
from jesse_nb.report.common.tables import Cell, Table, cell, toned

if TYPE_CHECKING:
    from jesse_nb.core.tools.analyze.analysis_result import Analysis
    from jesse_nb.core.tools.resimulate.candle_monte_carlo import CandleMonteCarlo
    from jesse_nb.core.tools.resimulate.fee_stress import FeeStress

__all__ = ["cells_table", "costs_table", "features_table", "fees_table", "left_out_table", "monte_carlo_table",
           "scenarios_table", "stops_table"]


def stops_table(analysis: Analysis) -> Table:
    """Lay out what stops at several distances would have left."""
    assert analysis.advanced is not None
    assert analysis.advanced.excursions is not None
    found = analysis.advanced.excursions
    rows = tuple((
        cell(f"{stop:g}%"), cell(measure(row["stopped"], "count")), cell(measure(row["winners_stopped"], "count")),
        cell(share(row["win_rate"])), cell(measure(row["total_pnl"], "currency")),
        toned(measure(row["change"], "currency"), row["change"]),
    ) for stop, row in found.stops.iterrows())
    return Table(("stop", "trades stopped", "winners among them", "win rate", "net profit", "change"), rows)


def cells_table(analysis: Analysis, *, tested: bool) -> Table:
    """Lay out the cells: those tested with the clearest first, or all in their order."""
    assert analysis.advanced is not None
    assert analysis.advanced.cells is not None
    frame = analysis.advanced.cells.table
    if tested:
        frame = frame[frame["p"].notna()].sort_values("p", kind="stable").head(8)
    rows = tuple((
        cell(f"{dimension} {name}"), cell(measure(row["trades"], "count")),
        toned(measure(row["mean"], "percent"), row["mean"]), cell(measure(row["difference"], "percent")),
        cell(share(row["win_rate"])), cell(measure(row["total"], "currency")),
        _p(row["p"], row["reason"]), _p(row["p_adjusted"], row["reason"]),
    ) for (dimension, name), row in zip(frame.index, frame.to_dict("records"), strict=True))
    return Table(("entered", "trades", "mean", "against the others", "win rate", "net profit", "p",
                  "p corrected"), rows)


def costs_table(analysis: Analysis) -> Table:
    """Lay out the net profit of the same fills at other fees and slippages."""
    costs = analysis.advanced.costs if analysis.advanced is not None else None
    if costs is None or costs.reason:
        return Table((), ())
    head = ("fee a fill", *(f"{points:g} bp" if points else "none" for points in costs.table.columns))
    rows = tuple((cell(rate(float(str(fee)))), *(toned(measure(value, "currency"), value) for value in row))
                 for fee, row in zip(costs.table.index, costs.table.to_numpy(dtype=float), strict=True))
    return Table(head, rows)


def fees_table(stress: FeeStress | None, balance: float) -> Table:
    """Lay out the runs simulated again with a multiple of the fee."""
    if stress is None:
        return Table((), ())
    rows = tuple((
        cell(rate(row["fee"]), title=f"{factor:g} times the fee"),
        toned(measure(row["final_equity"] - balance, "currency"), row["net_profit_percentage"]),
        cell(measure(row["net_profit_percentage"], "percent"), title=row["reason"]),
        cell(measure(row["max_drawdown"], "percent")), cell(measure(row["trades"], "count")),
        cell(measure(row["sharpe_ratio"])),
    ) for factor, row in stress.table.iterrows())
    return Table(("fee a fill", "net profit", "return", "max drawdown", "trades", "Sharpe"), rows)


def monte_carlo_table(analysis: Analysis) -> Table:
    """Lay out what each way of drawing again gives."""
    found = drawn(analysis)
    if not found:
        return Table((), ())
    levels = list(found[0].probability_of_ruin.index)
    head = ("drawn again", "paths", "block", "ends with a loss", "median end", "drawdown, worst 5%", "median",
            "as it was", "share deeper", *(f"beyond -{level:g}%" for level in levels))
    rows = tuple((
        cell(one.method), cell(f"{one.paths:,}"), cell(f"{one.block:,} {one.unit if one.block > 1 else one.unit[:-1]}"),
        cell(share(one.probability_of_loss)), cell(measure(one.distributions.loc["final_equity", "50%"], "currency")),
        *(cell(measure(one.distributions.loc["max_drawdown", name], "percent")) for name in ("5%", "50%", "actual")),
        cell(share(one.distributions.loc["max_drawdown", "rank"])),
        *(cell(share(value)) for value in one.probability_of_ruin),
    ) for one in found)
    return Table(head, rows)


def scenarios_table(scenarios: CandleMonteCarlo | None) -> Table:
    """Lay out how the run did on the rewritten markets, beside the real one."""
    if scenarios is None or not scenarios.scenarios["final_equity"].notna().any():
        return Table((), ())
    kinds = (("net_profit_percentage", "return", "percent"), ("max_drawdown", "max drawdown", "percent"),
             ("sharpe_ratio", "Sharpe", ""), ("trades", "trades", "count"))
    real = scenarios.original.metrics
    rows = []
    for name, title, unit in kinds:
        values = scenarios.scenarios[name].dropna().astype(float)
        happened = float(real.get("total" if name == "trades" else name, math.nan))
        cuts = [float(values.quantile(cut)) if len(values) else math.nan for cut in (0, 0.25, 0.5, 0.75, 1)]
        below = float((values < happened).mean()) if len(values) and math.isfinite(happened) else math.nan
        rows.append((cell(title), cell(measure(happened, unit)), *(cell(measure(cut, unit)) for cut in cuts),
                     cell(share(below))))
    return Table(("", "real candles", "lowest", "25%", "median", "75%", "highest", "scenarios below the real one"),
                 tuple(rows))


def features_table(analysis: Analysis) -> Table:
    """Lay out what was known at entry, and its medians among the trades that promised more and the others."""
    insight = analysis.deep.insight if analysis.deep is not None else None
    if insight is None or insight.importances.empty:
        return Table((), ())
    rows = tuple((
        cell(str(name).replace("_", " ")), cell(_signed(row["importance"])), cell(measure(row["spread"])),
        cell(_usual(row["preferred"])), cell(_usual(row["others"])),
    ) for name, row in insight.importances.iterrows())
    return Table(("known at entry", "importance", "spread", "usual where more is promised", "where less"), rows)


def _usual(value: float | str) -> str:
    return value if isinstance(value, str) else _short(value)


def left_out_table(analysis: Analysis) -> Table:
    """Lay out what is missing, and why."""
    rows = tuple((cell(name), cell(reason)) for name, reason in left_out(analysis))
    return Table(("part", "why it is missing"), rows, words=2)


def _p(value: float, reason: str) -> Cell:
    if math.isnan(value):
        return Cell(UNDEFINED, "undefined", reason or "undefined")
    return cell(probability(value).removeprefix("p = ").removeprefix("p "))


def _signed(value: float) -> str:
    return f"{value:+.3f}"


def _short(value: float) -> str:
    return price(round(value, 3)) if math.isfinite(value) else UNDEFINED
