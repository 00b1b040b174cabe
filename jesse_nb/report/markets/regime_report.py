"""What goes into the report of regimes, as its template and plain text take it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from jesse_nb.core.times import DAY_MS
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

_PICTURES = {
    "course": "Growth of the market, and its states as told day by day and in hindsight",
    "performance": "Mean return of the day after each state was told, with 95% intervals",
    "fits": "Volatility of each state, by the day of the fit",
}
_METHODS = {"markov": "hidden states with normal returns (Hamilton)",
            "jump": "a jump model of downside deviation and Sortino ratios",
            "changepoint": "stretches between change points", "vol_terciles": "terciles of volatility"}


def _title(result: Regimes) -> str:
    return f"Regimes of {_name(result)}"


def _name(result: Regimes) -> str:
    own = result.judged.name == result.series.name
    return result.series.name if own else f"{result.series.name}, and {result.judged.name} in them"


def _content(result: Regimes) -> dict[str, Any]:
    first, last = (int(moment.value // 1_000_000) for moment in (result.days.index[0], result.days.index[-1]))
    anew = f", fitted anew each {result.refit:,} days" if len(result.fits) else ""
    return {
        "kind": "Regimes", "name": _name(result), "places": f"{_METHODS[result.method]}{anew}",
        "period": dated(first, last + DAY_MS), **candle_mark(result.series, result.judged),
        "said": _said(result), "tiles": _tiles(result),
        "warned": [*result.notes, *([f"Stopped: {result.stopped}."] if result.stopped else [])],
        "sections": _sections(result),
    }


def _text(result: Regimes) -> str:
    return sections_text(_title(result), _content(result))


def _sections(result: Regimes) -> list[Section]:
    found = [Section("As told, and in hindsight", (
        "As told: from the days up to each day, by what was fitted before it. Hindsight knows all days: it looks "
        "better, and nobody could have traded it.",), "course", _hindsight_table(result))]
    if len(result.states) == 1:
        return found
    found.append(Section("The day after", (
        f"Returns of {result.judged.name} on days whose state was told the evening before, so that they could have "
        "been traded. p: of \"no other than on all other days\", all states counted (Holm).",), "performance",
        _performance_table(result)))
    found.append(Section("From one day to the next", ("As told.",), table=_transitions_table(result), in_text=False))
    if len(result.fits):
        found.append(Section("Fits", (_stability(result),), "fits", in_text=False))
        if result.record:
            found.append(Section("What the forecast was worth", (_record(result),)))
    return found


def _said(result: Regimes) -> list[str]:
    states = result.states
    now = states[int(result.days["state"].iloc[-1])]
    if len(states) == 1:
        return ["One regime is all that could be told."]
    said = [f"On the last day it was {now}. {result.disagreement * 100:.0f}% of the days were told otherwise than "
            f"hindsight sees them."]
    if result.record:
        said.append(_record(result))
    p = result.performance["p_adjusted"]
    beyond = [str(name) for name, value in p.items() if value < 0.05]
    said.append(f"{result.judged.name} did otherwise beyond luck the day after {' and '.join(beyond)} days." if beyond
                else f"What {result.judged.name} did the day after differs by no more than luck.")
    return said


def _record(result: Regimes) -> str:
    gain, p = result.record["gain"], result.record["p"]
    if math.isnan(p):
        return "Too few days were told of to judge the forecasts."
    verdict = "better than luck" if p < 0.05 and gain > 0 else "worse" if p < 0.05 else "no better than luck"
    return (f"The next day's distribution was foretold {verdict} beside one normal distribution of the same past "
            f"({gain:+.3f} of log density a day, p {'< 0.001' if p < 0.001 else f'{p:.3f}'}): that is of how wide it "
            "is, not of its direction.")


def _stability(result: Regimes) -> str:
    changed = result.fits["changed"].dropna()
    if not len(changed):
        return "There was one fit."
    return (f"{len(result.fits):,} fits, one each {result.refit:,} days. Each called {changed.median() * 100:.0f}% of "
            f"the earlier days otherwise than the one before (median), at most {changed.max() * 100:.0f}%.")


def _hindsight_table(result: Regimes) -> Table:
    told, back = result.switches
    late = np.array(result.late)
    rows = [("days told", f"{len(result.days):,}"), ("told otherwise than in hindsight",
                                                     f"{result.disagreement * 100:.1f}%"),
            ("changes, as told", f"{told:,}"), ("changes, in hindsight", f"{back:,}"),
            ("days late, median and worst", f"{np.median(late):.0f}, {late.max():.0f}" if len(late) else "–"),
            ("changes that were never told", f"{result.missed:,}")]
    return Table(("", ""), tuple((cell(name), cell(value)) for name, value in rows))


def _performance_table(result: Regimes) -> Table:
    rows: Any = result.performance.iterrows()
    return Table(("state", "days", "mean", "95% interval", "volatility a year", "Sharpe", "p"), tuple(
        (cell(str(name)), cell(f"{row['days']:,.0f}"), toned(measure(row["mean"], "percent"), row["mean"]),
         cell(f"{row['low']:.2f} to {row['high']:.2f}"), cell(measure(row["volatility"], "share")),
         cell(measure(row["sharpe"], "ratio")),
         cell("–" if math.isnan(row["p_adjusted"]) else f"{row['p_adjusted']:.3f}")) for name, row in rows))


def _transitions_table(result: Regimes) -> Table:
    rows: Any = result.transitions.iterrows()
    return Table(("from", *(f"to {name}" for name in result.states), "days of a stay"), tuple(
        (cell(str(name)), *(cell("–" if math.isnan(value) else f"{value * 100:.0f}%") for value in row),
         cell(measure(result.durations[name], "ratio"))) for name, row in rows))


def _tiles(result: Regimes) -> list[tuple[str, Any, str]]:
    told, back = result.switches
    share = (result.days["state"] == len(result.states) - 1).mean()
    tiles = [("states", cell(f"{len(result.states)}"), "by BIC, of the past" if result.bic else "")]
    if len(result.states) > 1:
        late = np.array(result.late)
        tiles += [(result.states[-1], cell(f"{share * 100:.0f}%"), "of the days, as told"),
                  ("told otherwise", cell(f"{result.disagreement * 100:.0f}%"), "than hindsight sees"),
                  ("changes", cell(f"{told:,}"), f"in hindsight {back:,}"),
                  ("told late by", cell(f"{late.mean():.1f}" if len(late) else "–"), "days on average")]
    return [*tiles, ("rests on", cell(f"{len(result.days):,}"), "days that were told")]


def _card(result: Regimes) -> Table:
    bic = ", ".join(f"{count}: {'no regimes' if math.isinf(value) else f'{value:,.1f}'}"
                    for count, value in result.bic.items())
    both = {one.name: one for one in (result.series, result.judged)}
    lines = [(name, f"{one.source}, {len(one.returns):,} daily returns") for name, one in both.items()]
    sample = [("sample", sample_words(result.judged.sample))] if result.judged.sample else []
    asked = [("BIC by states", bic or "not asked")] if result.method == "markov" else []
    fitted = [("fits", f"each {result.refit:,} days"), *asked]
    return card_of_lines([*lines, *sample, ("method", _METHODS[result.method]), *(fitted if len(result.fits) else []),
                          ("seed", f"{result.seed}")])


REGIMES: Report[Regimes] = Report(_title, _text, _content, "sections.html", regime_plots, lambda _: _PICTURES, _card)
