"""What goes into the report of a correlation matrix, as its template and plain text take it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES
from jesse_nb.report.common.heading import candle_mark, dated
from jesse_nb.report.common.report import Report
from jesse_nb.report.common.sections import Section, card_of_lines, sections_text
from jesse_nb.report.common.tables import Cell, Table, cell
from jesse_nb.report.markets.correlation_figures import correlation_plots

if TYPE_CHECKING:
    from jesse_nb.core.tools.markets.correlation_matrix import CorrelationMatrix

__all__ = ["CORRELATION", "pairs_table"]

#: Pairs that the report lists.
_MOST = 30

_PICTURES = {
    "matrix": "Correlations of all pairs, those that move together side by side, what is not significant in brackets",
    "rolling": "Correlations of windows that move through the period",
    "tails": "How often both of a pair have one of their worst returns at once, beside a normal dependence",
    "eigenvalues": "Eigenvalues of the matrix beside those that noise alone has",
}
_KINDS = {"pearson": "Pearson's", "spearman": "Spearman's", "kendall": "Kendall's"}
_SHRUNK = {"ledoit_wolf": "shrunk towards no correlation by Ledoit and Wolf",
           "rmt": "eigenvalues that noise could have are replaced"}


def _title(result: CorrelationMatrix) -> str:
    names = [one.name for one in result.series]
    told = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return f"Correlation of {told}"


def _content(result: CorrelationMatrix) -> dict[str, Any]:
    end = result.end + TIMEFRAME_MINUTES[result.timeframe] * MINUTE_MS
    return {
        "kind": "Correlation", "name": _title(result).removeprefix("Correlation of "),
        "places": f"{_KINDS[result.method]}, {result.observations:,} returns of {result.timeframe} that all have",
        "period": dated(result.start, end), **candle_mark(*result.series),
        "said": _said(result), "tiles": _tiles(result),
        "warned": [*result.notes, *([f"Stopped: {result.stopped}."] if result.stopped else [])],
        "sections": _sections(result),
    }


def _text(result: CorrelationMatrix) -> str:
    return sections_text(_title(result), _content(result))


def _sections(result: CorrelationMatrix) -> list[Section]:
    shrunk = f", {_SHRUNK[result.shrinkage]} ({result.intensity * 100:.0f}%)" if result.shrinkage else ""
    found = [
        Section("What moves together", (f"In brackets: not different from zero once all {len(result.pairs):,} pairs "
                                        f"are counted (Holm){shrunk}.",), "matrix"),
        Section("Pairs", (_how_intervals(result), f"The {_MOST} strongest of {len(result.pairs):,}." if
                          len(result.pairs) > _MOST else ""), table=pairs_table(result)),
    ]
    if "tail" in result.pairs:
        found.append(Section("In crashes", (
            f"How often both have one of their worst {result.tail * 100:g}% returns, given that one has. Where that is "
            "more often than a normal dependence as strong shows, they are more alike in crashes than a correlation "
            "says, and holding both protects less. The t copula's figure is its limit for ever worse returns.",),
            "tails", tails_table(result), in_text=False))
    else:
        found.append(Section("In crashes", (f"Not known: {result.tail_reason or 'it was stopped'}.",)))
    found.append(Section("In time", (f"Each point is of the {result.rolling_window:,} observations before it. Part of "
                                     "the movement is chance: a window has few.",), "rolling"))
    if len(result.matrix) > 2:
        found.append(Section("How many things there are", (_eigen(result),), "eigenvalues"))
    if len(result.scales):
        rows = tuple((cell(_length(int(str(minutes)))), cell(f"{value:.3f}"))
                     for minutes, value in result.scales.items())
        found.append(Section("By length of the returns", ("Mean of all pairs, Pearson's.",),
                             table=Table(("returns over", "mean correlation"), rows)))
    return found


def pairs_table(result: CorrelationMatrix) -> Table:
    """Lay out the pairs, the strongest first."""
    strength = result.pairs["correlation"].abs().sort_values(ascending=False, kind="stable")
    table: Any = result.pairs.reindex(strength.index)
    rows = []
    for (first, second), row in table.head(_MOST).iterrows():
        known = "p_adjusted" in table
        interval = f"{row['low']:.2f} to {row['high']:.2f}" if known else "–"
        rows.append((cell(first), cell(second), cell(f"{row['correlation']:.3f}"), cell(interval),
                     _p(row["p_adjusted"]) if known else cell("–")))
    return Table(("", "", "correlation", "95% interval", "p, all pairs counted"), tuple(rows), words=2)


def tails_table(result: CorrelationMatrix) -> Table:
    """Lay out what moves together in crashes."""
    excess = (result.pairs["tail"] - result.pairs["tail_normal"]).sort_values(ascending=False, kind="stable")
    rows: Any = result.pairs.reindex(excess.index).head(_MOST).iterrows()
    return Table(("", "", "both in the tail", "95% interval", "normal dependence", "t copula's limit",
                  "deep under water together"), tuple(
        (cell(first), cell(second), _beyond(row), cell(f"{row['tail_low']:.2f} to {row['tail_high']:.2f}"),
         cell(f"{row['tail_normal']:.2f}"), cell(f"{row['tail_copula']:.2f}", title=f"{row['freedom']:.3g} degrees of "
                                                                                    "freedom"),
         cell("–" if math.isnan(row["drawdown_overlap"]) else f"{row['drawdown_overlap'] * 100:.0f}%"))
        for (first, second), row in rows), words=2)


def _beyond(row: Any) -> Cell:
    more = row["tail_low"] > row["tail_normal"]
    return cell(f"{row['tail']:.2f}", "bad" if more else "", "more often than a normal dependence" if more else "")


def _p(value: float) -> Cell:
    return cell("< 0.001" if value < 0.001 else f"{value:.3f}", "" if value < 0.05 else "quiet")


def _said(result: CorrelationMatrix) -> list[str]:
    pairs: Any = result.pairs
    strongest = pairs["correlation"].abs().idxmax()
    told = f"{strongest[0]} and {strongest[1]} move together most: {pairs.loc[strongest, 'correlation']:.2f}"
    if "p_adjusted" not in pairs:
        return [f"{told}. It was stopped before it was known how sure that is."]
    row = pairs.loc[strongest]
    count = int(pairs["significant"].sum())
    said = [f"{told} (95% interval {row['low']:.2f} to {row['high']:.2f}). Of {len(pairs):,} pair"
            f"{'s' if len(pairs) > 1 else ''}, {count:,} differ{'s' if count == 1 else ''} from zero beyond luck."]
    if "tail" in pairs:
        crash = int((pairs["tail_low"] > pairs["tail_normal"]).sum())
        said.append(f"{'None is' if not crash else f'{crash:,} are' if crash > 1 else 'One is'} more alike in crashes "
                    "than a normal dependence, by each pair's own interval.")
    return said


def _tiles(result: CorrelationMatrix) -> list[tuple[str, Any, str]]:
    pairs: Any = result.pairs
    mean = float(pairs["correlation"].mean())
    tiles = [("mean correlation", cell(f"{mean:.2f}"), f"of {len(pairs):,} pairs")]
    if "significant" in pairs:
        tiles.append(("beyond luck", cell(f"{int(pairs['significant'].sum()):,}"), f"of {len(pairs):,} pairs, at 5%"))
    share = float(result.eigenvalues[0] / result.eigenvalues.sum())
    tiles.append(("one common move", cell(f"{share * 100:.0f}%"), "of the variance"))
    if "tail" in pairs:
        tiles.append((f"worst {result.tail * 100:g}% at once", cell(f"{pairs['tail'].mean() * 100:.0f}%"),
                      f"a normal dependence: {pairs['tail_normal'].mean() * 100:.0f}%"))
    tiles.append(("rests on", cell(f"{result.observations:,}"), f"returns of {result.timeframe}"))
    return tiles


def _how_intervals(result: CorrelationMatrix) -> str:
    return (f"Intervals come from resamples in blocks of {result.block:,} observations on average, p-values from sums "
            "over blocks: so wild times that all share do not pass for a correlation. Where the two disagree, a few "
            "wild days make most of it.")


def _eigen(result: CorrelationMatrix) -> str:
    beyond = int((result.eigenvalues > result.noise_edges[1]).sum())
    return (f"{beyond:,} of {len(result.eigenvalues):,} eigenvalues are beyond what as many unrelated series would "
            f"show ({result.noise_edges[1]:.3f}, Marchenko and Pastur; with few series chance goes a little beyond): "
            "so many common moves can be told from noise.")


def _length(minutes: int) -> str:
    return "1 day" if minutes == 1_440 else f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


def _card(result: CorrelationMatrix) -> Table:
    lines = [(one.name, f"{one.kind}: {one.source}, {len(one.returns):,} returns") for one in result.series]
    chosen = f"{result.method}, tail {result.tail * 100:g}%, blocks of {result.block:,}, seed {result.seed}"
    return card_of_lines([*lines, ("correlation", chosen), ("shrinkage", result.shrinkage or "none")])


CORRELATION: Report[CorrelationMatrix] = Report(
    _title, _text, _content, "sections.html", correlation_plots, lambda _: _PICTURES, _card)
