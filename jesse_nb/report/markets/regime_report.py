"""What goes into the report of regimes, as its template and plain text take it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES
from jesse_nb.core.tools.risk.risk_input import sample_words
from jesse_nb.report.common.heading import candle_mark, dated
from jesse_nb.report.common.numbers import measure
from jesse_nb.report.common.report import Report
from jesse_nb.report.common.sections import Section, card_of_lines, sections_text
from jesse_nb.report.common.tables import Table, cell, toned
from jesse_nb.report.markets.regime_figures import regime_plots

if TYPE_CHECKING:
    from jesse_nb.core.tools.markets.regime_detector import Regimes

__all__ = ["REGIMES"]

_METHODS = {"markov": "hidden states with normal returns (Hamilton)",
            "jump": "a jump model of downside deviation and Sortino ratios",
            "changepoint": "stretches between change points", "vol_terciles": "terciles of volatility"}


def _pictures(result: Regimes) -> dict[str, str]:
    unit = result.unit
    return {"course": f"Growth of the market, and its states as told {unit} by {unit} and in hindsight",
            "performance": f"Mean return of the {unit} after each state was told, with 95% intervals",
            "fits": f"Volatility of each state, by the {unit} of the fit"}


def _title(result: Regimes) -> str:
    return f"Regimes of {_name(result)}"


def _name(result: Regimes) -> str:
    own = result.judged.name == result.series.name
    return result.series.name if own else f"{result.series.name}, and {result.judged.name} in them"


def _content(result: Regimes) -> dict[str, Any]:
    first, last = (int(moment.value // 1_000_000) for moment in (result.days.index[0], result.days.index[-1]))
    end = last + TIMEFRAME_MINUTES[result.timeframe] * MINUTE_MS
    of = "" if result.timeframe == "1D" else f", of {result.timeframe} candles"
    anew = f", fitted anew each {result.refit:,} {result.unit}s" if len(result.fits) else ""
    return {
        "kind": "Regimes", "name": _name(result), "places": f"{_METHODS[result.method]}{of}{anew}",
        "period": dated(first, end), **candle_mark(result.series, result.judged),
        "said": _said(result), "tiles": _tiles(result),
        "warned": [*result.notes, *([f"Stopped: {result.stopped}."] if result.stopped else [])],
        "sections": _sections(result),
    }


def _text(result: Regimes) -> str:
    return sections_text(_title(result), _content(result))


def _sections(result: Regimes) -> list[Section]:
    unit = result.unit
    found = [Section("As told, and in hindsight", (
        f"As told: from the {unit}s up to each {unit}, by what was fitted before it. Hindsight knows all {unit}s: it "
        "looks better, and nobody could have traded it.",), "course", _hindsight_table(result))]
    if len(result.states) == 1:
        return found
    before = "the evening before" if unit == "day" else "at the close before"
    found.append(Section(f"The {unit} after", (
        f"Returns of {result.judged.name} on {unit}s whose state was told {before}, so that they could have been "
        f"traded. p: of \"no other than on all other {unit}s\", all states counted (Holm).",), "performance",
        _performance_table(result)))
    found.append(Section(f"From one {unit} to the next", ("As told.",), table=_transitions_table(result),
                         in_text=False))
    if len(result.fits):
        found.append(Section("Fits", (_stability(result),), "fits", in_text=False))
        if result.record:
            found.append(Section("What the forecast was worth", (_record(result),)))
    return found


def _said(result: Regimes) -> list[str]:
    states, unit = result.states, result.unit
    now = states[int(result.days["state"].iloc[-1])]
    if len(states) == 1:
        return ["One regime is all that could be told."]
    said = [f"On the last {unit} it was {now}. {result.disagreement * 100:.0f}% of the {unit}s were told otherwise "
            f"than hindsight sees them."]
    if result.record:
        said.append(_record(result))
    p = result.performance["p_adjusted"]
    beyond = [str(name) for name, value in p.items() if value < 0.05]
    said.append(f"{result.judged.name} did otherwise beyond luck the {unit} after {' and '.join(beyond)} {unit}s."
                if beyond else f"What {result.judged.name} did the {unit} after differs by no more than luck.")
    return said


def _record(result: Regimes) -> str:
    gain, p = result.record["gain"], result.record["p"]
    if math.isnan(p):
        return f"Too few {result.unit}s were told of to judge the forecasts."
    verdict = "better than luck" if p < 0.05 and gain > 0 else "worse" if p < 0.05 else "no better than luck"
    unit = result.unit
    return (f"The next {unit}'s distribution was foretold {verdict} beside one normal distribution of the same past "
            f"({gain:+.3f} of log density a {unit}, p {'< 0.001' if p < 0.001 else f'{p:.3f}'}): that is of how wide "
            "it is, not of its direction.")


def _stability(result: Regimes) -> str:
    changed = result.fits["changed"].dropna()
    if not len(changed):
        return "There was one fit."
    unit = result.unit
    return (f"{len(result.fits):,} fits, one each {result.refit:,} {unit}s. Each called {changed.median() * 100:.0f}% "
            f"of the earlier {unit}s otherwise than the one before (median), at most {changed.max() * 100:.0f}%.")


def _hindsight_table(result: Regimes) -> Table:
    told, back = result.switches
    late = np.array(result.late)
    unit = result.unit
    rows = [(f"{unit}s told", f"{len(result.days):,}"), ("told otherwise than in hindsight",
                                                     f"{result.disagreement * 100:.1f}%"),
            ("changes, as told", f"{told:,}"), ("changes, in hindsight", f"{back:,}"),
            (f"{unit}s late, median and worst", f"{np.median(late):.0f}, {late.max():.0f}" if len(late) else "–"),
            ("changes that were never told", f"{result.missed:,}")]
    return Table(("", ""), tuple((cell(name), cell(value)) for name, value in rows))


def _performance_table(result: Regimes) -> Table:
    rows: Any = result.performance.iterrows()
    count = f"{result.unit}s"
    return Table(("state", count, "mean", "95% interval", "volatility a year", "Sharpe", "p"), tuple(
        (cell(str(name)), cell(f"{row[count]:,.0f}"), toned(measure(row["mean"], "percent"), row["mean"]),
         cell(" to ".join(measure(row[name], "ratio") for name in ("low", "high"))),
         cell(measure(row["volatility"], "share")), cell(measure(row["sharpe"], "ratio")),
         cell("–" if math.isnan(row["p_adjusted"]) else f"{row['p_adjusted']:.3f}")) for name, row in rows))


def _transitions_table(result: Regimes) -> Table:
    rows: Any = result.transitions.iterrows()
    return Table(("from", *(f"to {name}" for name in result.states), f"{result.unit}s of a stay"), tuple(
        (cell(str(name)), *(cell("–" if math.isnan(value) else f"{value * 100:.0f}%") for value in row),
         cell(measure(result.durations[name], "ratio"))) for name, row in rows))


def _tiles(result: Regimes) -> list[tuple[str, Any, str]]:
    (told, back), unit = result.switches, result.unit
    share = (result.days["state"] == len(result.states) - 1).mean()
    tiles = [("states", cell(f"{len(result.states)}"), "by BIC, of the past" if result.bic else "")]
    if len(result.states) > 1:
        late = np.array(result.late)
        tiles += [(result.states[-1], cell(f"{share * 100:.0f}%"), f"of the {unit}s, as told"),
                  ("told otherwise", cell(f"{result.disagreement * 100:.0f}%"), "than hindsight sees"),
                  ("changes", cell(f"{told:,}"), f"in hindsight {back:,}"),
                  ("told late by", cell(f"{late.mean():.1f}" if len(late) else "–"), f"{unit}s on average")]
    return [*tiles, ("rests on", cell(f"{len(result.days):,}"), f"{unit}s that were told")]


def _card(result: Regimes) -> Table:
    bic = ", ".join(f"{count}: {'no regimes' if math.isinf(value) else f'{value:,.1f}'}"
                    for count, value in result.bic.items())
    both = {one.name: one for one in (result.series, result.judged)}
    kind = "daily returns" if result.timeframe == "1D" else f"returns of {result.timeframe}"
    lines = [(name, f"{one.source}, {len(one.returns):,} {kind}") for name, one in both.items()]
    sample = [("sample", sample_words(result.judged.sample))] if result.judged.sample else []
    asked = [("BIC by states", bic or "not asked")] if result.method == "markov" else []
    fitted = [("fits", f"each {result.refit:,} {result.unit}s"), *asked]
    return card_of_lines([*lines, *sample, ("method", _METHODS[result.method]), *(fitted if len(result.fits) else []),
                          ("seed", f"{result.seed}")])


REGIMES: Report[Regimes] = Report(_title, _text, _content, "sections.html", regime_plots, _pictures, _card)
