"""What goes into the report of a factor analysis, as its template and plain text take it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from jesse_nb.core.analysis.markets.factor_regression import ALPHA
from jesse_nb.core.analysis.studies.verdict import listed
from jesse_nb.core.times import DAY_MS
from jesse_nb.core.tools.markets.factor_analysis import REST
from jesse_nb.core.tools.risk.risk_input import sample_words
from jesse_nb.report.common.heading import candle_mark, dated
from jesse_nb.report.common.numbers import measure
from jesse_nb.report.common.report import Report
from jesse_nb.report.common.sections import Section, card_of_lines, sections_text
from jesse_nb.report.common.tables import Cell, Table, cell, toned
from jesse_nb.report.markets.factor_figures import factor_plots

if TYPE_CHECKING:
    from jesse_nb.core.tools.markets.factor_analysis import FactorAnalysis

__all__ = ["FACTORS"]

#: From this variance inflation on, two factors say much the same.
_ENTANGLED = 5.0

_PICTURES = {
    "attribution": "Contributions of each factor, of alpha and of the rest by month, stacked",
    "exposures": "Betas of windows that move through the period",
    "factors": "Growth of one unit in each factor, and of the result",
}
_MEANT = {
    "market": "all markets alike", "momentum": "what rose less what fell",
    "volatility": "what moved most less what moved least", "liquidity": "what is least liquid less what is most",
    ALPHA: "a day on which no factor moves",
}


def _title(result: FactorAnalysis) -> str:
    return f"Factors of {result.strategy}"


def _content(result: FactorAnalysis) -> dict[str, Any]:
    begin, last = (int(day.value // 1_000_000) for day in (result.returns.index[0], result.returns.index[-1]))
    made = f"factors of {len(result.universe)} markets, formed every {result.rebalance} days" if result.universe else \
        "factors that were given"
    return {
        "kind": "Factors", "name": result.strategy, "places": f"{result.days:,} daily returns, {made}",
        "period": dated(begin, last + DAY_MS), **candle_mark(result.spec),
        "said": _said(result), "tiles": _tiles(result),
        "warned": [sample_words(result.sample).replace("every risk below is understated", "alpha is overstated"),
                   *result.notes],
        "sections": _sections(result),
    }


def _text(result: FactorAnalysis) -> str:
    return sections_text(_title(result), _content(result))


def _said(result: FactorAnalysis) -> list[str]:
    row: Any = result.table.loc[ALPHA]
    year = float(row["value"]) * 365
    interval = f"{measure(row['low'] * 36500, 'percent')} to {measure(row['high'] * 36500, 'percent')}"
    sure = ("above zero beyond luck" if row["low"] > 0 else "below zero beyond luck" if row["high"] < 0 else
            "not told from zero")
    said = [f"Factors explain {result.r_squared * 100:.0f}% of the variance of its days. What is left, alpha, is "
            f"{measure(year * 100, 'percent')} a year (95% interval {interval}): {sure}."]
    table: Any = result.table.drop(ALPHA)
    moving = [str(name) for name, row in table.iterrows() if row["low"] > 0 or row["high"] < 0]
    said.append(f"It moves with {listed(moving)}." if moving else "It moves with no factor beyond luck.")
    return said


def _tiles(result: FactorAnalysis) -> list[tuple[str, Cell, str]]:
    row: Any = result.table.loc[ALPHA]
    factors = float(result.contributions.drop([ALPHA, REST]).sum())
    return [
        ("return", toned(measure(result.total, "percent"), result.total), f"of these {result.days:,} days"),
        ("with factors", toned(measure(factors, "percent"), factors), "of that"),
        ("alpha a year", toned(measure(row["value"] * 36500, "percent"), row["value"]), "365 times a day's"),
        ("explained", cell(f"{result.r_squared * 100:.0f}%"), f"of variance; {result.adjusted * 100:.0f}% adjusted"),
    ]


def _sections(result: FactorAnalysis) -> list[Section]:
    found = [
        Section("Exposures", (f"Of a least-squares regression of daily returns. Errors allow for changing volatility "
                              f"and for {result.lags} days that depend on each other (Newey and West); p is of no "
                              "effect, each line by itself.", *_entangled(result)), table=_betas(result)),
        Section("Where the return came from", ("Daily contributions, linked so that they add up to the compounded "
                                               "return (Cariño). The rest is what days had that neither a factor nor "
                                               "alpha says.",), "attribution", _attribution(result)),
    ]
    if len(result.rolling) > 1:
        found.append(Section("In time", (f"Each point is of the {result.window:,} days before it; dashes are the whole "
                                         "period's. Part of the movement is chance.",), "exposures"))
    found.append(Section("The factors", (_made(result),), "factors"))
    return found


def _entangled(result: FactorAnalysis) -> tuple[str, ...]:
    inflation: Any = result.table["inflation"]
    names = [str(name) for name, value in inflation.items() if value > _ENTANGLED]
    if not names:
        return ()
    return (f"{' and '.join(names)} can hardly be told from the other factors (variance inflation above "
            f"{_ENTANGLED:g}): read them together.",)


def _made(result: FactorAnalysis) -> str:
    if not result.universe:
        return "Given from elsewhere, as daily returns."
    return (f"Formed every {result.rebalance} days from the 28 days before, of {', '.join(result.universe)}. Costs are "
            "left out. Size and carry are not among them: market values and funding are not in candles; "
            "factor_returns=... takes them from elsewhere.")


def _betas(result: FactorAnalysis) -> Table:
    rows = []
    table: Any = result.table
    for name, row in table.iterrows():
        value, low, high = (f"{row[part] * 100:+.3f}%" if name == ALPHA else f"{row[part]:+.3f}"
                            for part in ("value", "low", "high"))
        rows.append((cell(str(name)), cell(_MEANT.get(str(name), "")), cell(value), cell(f"{low} to {high}"),
                     cell("< 0.001" if row["p"] < 0.001 else f"{row['p']:.3f}", "" if row["p"] < 0.05 else "quiet"),
                     cell("–" if math.isnan(row["inflation"]) else f"{row['inflation']:.1f}")))
    return Table(("", "", "beta", "95% interval", "p", "inflation"), tuple(rows), words=2)


def _attribution(result: FactorAnalysis) -> Table:
    shares: Any = result.contributions
    rows = [(cell(str(name)), toned(measure(value, "percent"), value)) for name, value in shares.items()]
    rows.append((cell("together"), toned(measure(result.total, "percent"), result.total)))
    return Table(("", "contribution"), tuple(rows))


def _card(result: FactorAnalysis) -> Table:
    key = result.spec.key if result.spec else "none: tables from elsewhere"
    return card_of_lines([
        ("result", f"{result.strategy}, {key}"), ("factors", ", ".join(map(str, result.factor_returns))),
        ("universe", ", ".join(result.universe) or "none"), ("formed every", f"{result.rebalance} days"),
        ("lags", f"{result.lags} days"), ("rolling", f"{result.window:,} days"),
    ])


FACTORS: Report[FactorAnalysis] = Report(
    _title, _text, _content, "sections.html", factor_plots, lambda _: _PICTURES, _card)
