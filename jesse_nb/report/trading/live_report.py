"""The report of live trades beside their backtest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from jesse_nb.report.common.heading import candle_mark, dated
from jesse_nb.report.common.numbers import UNDEFINED, measure, price
from jesse_nb.report.common.provenance import account_and_kind, market
from jesse_nb.report.common.report import Drawings, Report
from jesse_nb.report.common.sections import Section, card_of_lines, sections_text
from jesse_nb.report.common.tables import Table, cell, toned
from jesse_nb.report.trading.live_figures import draw_paths, draw_slippage

if TYPE_CHECKING:
    from jesse_nb.core.tools.trading.live_comparison import LiveComparison

__all__ = ["LIVE"]

_PICTURES = {"paths": "Gains of the live trades and of the backtest's, one after the other",
             "slippage": "Slippage of each fill, and its mean"}
#: Rows of a table; a DataFrame has them all.
_MOST = 200
_ROWS = {"entry": "entries", "exit": "exits", "all": "all fills"}


def _title(found: LiveComparison) -> str:
    return f"{found.strategy} live and in its backtest"


def _content(found: LiveComparison) -> dict[str, Any]:
    return {
        "kind": "Live trades", "name": found.strategy, "places": f"{found.origin}, beside a backtest",
        "period": dated(found.start, found.end), **candle_mark(found.spec), "said": list(_said(found)), "tiles": (),
        "warned": found.notes, "sections": list(_sections(found)),
    }


def _said(found: LiveComparison) -> Iterator[str]:
    counts = found.counts
    whole = counts["both"] + counts["missed"]
    yield (f"Of {whole:,} trades of the backtest {counts['both']:,} were made live, {counts['missed']:,} were missed; "
           f"{counts['extra']:,} were made live only.")
    every: Any = found.slippage.loc["all"]
    if not every["fills"]:
        yield "No trade was made on both sides, so there is nothing to learn of slippage."
        return
    if pd.isna(every["low"]):
        yield (f"A fill was {_points(every['mean'])} worse than in the backtest on average; {int(every['trades']):,} "
               "trades are too few for an interval (5 at the least).")
    else:
        side = "worse" if every["low"] > 0 else "better" if every["high"] < 0 else "neither worse nor better for sure"
        yield (f"A fill costs {_points(every['mean'])} by slippage (95 % interval {every['low']:.2f} to "
               f"{every['high']:.2f}, {int(every['fills']):,} fills of {int(every['trades']):,} trades): live "
               f"prices are {side}.")
    if found.fee_live == found.fee_live and found.fee_backtest == found.fee_backtest:
        yield f"Fee of a fill: {found.fee_live:.4%} live, {found.fee_backtest:.4%} in the backtest."


def _sections(found: LiveComparison) -> Iterator[Section]:
    yield Section("What a fill costs by slippage",
                  ("Against the backtest's price, what costs money above zero. Of exits, only those at about the same "
                   "time. Trades are taken for independent, fills of one trade are not.",),
                  "slippage", _slippage(found))
    yield Section("How late", ("A backtest stamps a fill with the end of its minute, so a live one can be earlier.",),
                  "", _delays(found))
    yield Section("What both gained", ("Moves of the price from entry to exit, summed, whatever the sizes; without "
                                       "fees.",), "paths", _gains(found))
    for kind, caption in (("missed", "Missed live"), ("extra", "Made live only"), ("both", "Made on both sides")):
        rows = found.trades[found.trades["found"] == kind]
        if rows.empty:
            continue
        more = (f"The first {_MOST:,} of {len(rows):,}; to_frame() has all.",) if len(rows) > _MOST else ()
        yield Section(caption, more, "", _trades(rows.head(_MOST), kind), in_text=kind != "both")


def _slippage(found: LiveComparison) -> Table:
    head = ("", "fills", "mean, bp", "95 % interval, bp", "median, bp", "worst, bp", "cost")
    rows = []
    for name, row in found.slippage.iterrows():
        interval = UNDEFINED if pd.isna(row["low"]) else f"{row['low']:+.2f} to {row['high']:+.2f}"
        rows.append((cell(_ROWS[str(name)]), cell(f"{int(row['fills']):,}"),
                     *(cell(_signed(row[column])) for column in ("mean",)), cell(interval),
                     *(cell(_signed(row[column])) for column in ("median", "worst")),
                     toned(measure(row["cost"], "currency"), -row["cost"])))
    return Table(head, tuple(rows))


def _delays(found: LiveComparison) -> Table:
    both = found.trades[found.trades["found"] == "both"]
    rows = []
    for name, column in (("opened", "entry_delay"), ("closed", "exit_delay")):
        late = both[column].dropna()
        if len(late):
            rows.append((cell(name), cell(f"{len(late):,}"), *(cell(f"{value:+,.0f} s") for value in (
                late.median(), late.min(), late.max()))))
    return Table(("", "trades", "median", "earliest", "latest"), tuple(rows))


def _gains(found: LiveComparison) -> Table:
    rows = []
    for whose in ("backtest", "live"):
        made = found.trades[found.trades[f"entry_{whose}"].notna()]
        gain = made[f"pnl_{whose}"].astype(float)
        known = gain.notna().all() and len(gain)
        rows.append((cell(whose), cell(f"{len(made):,}"),
                     toned(measure(gain.sum(), "currency"), gain.sum()) if known else cell(UNDEFINED),
                     cell(f"{(gain > 0).mean():.1%}") if known else cell(UNDEFINED)))
    return Table(("", "trades", "net profit of its own sizes", "winners"), tuple(rows))


def _trades(rows: pd.DataFrame, kind: str) -> Table:
    sides = {"missed": ("backtest",), "extra": ("live",), "both": ("backtest", "live")}[kind]
    named = [f", {side}" if len(sides) > 1 else "" for side in sides]
    head = ("market", *(f"opened{name}" for name in named), *(f"closed{name}" for name in named),
            *(f"entry{name}" for name in named), *(f"exit{name}" for name in named),
            *(("entry, bp", "exit, bp") if kind == "both" else ("net profit",)))
    lines = []
    for row in rows.to_dict("records"):
        values = [cell(f"{row['symbol']} {row['side']}")]
        values += [cell(_moment(row[f"{name}_{side}"])) for name in ("opened", "closed") for side in sides]
        values += [cell(price(row[f"{name}_{side}"])) for name in ("entry", "exit") for side in sides]
        if kind == "both":
            values += [cell(_signed(row[f"{fill}_slippage"])) for fill in ("entry", "exit")]
        else:
            gain = row[f"pnl_{sides[0]}"]
            values.append(toned(measure(gain, "currency"), gain) if gain is not None and gain == gain
                          else cell(UNDEFINED))
        lines.append(tuple(values))
    return Table(head, tuple(lines), words=1 + 2 * len(sides))


def _moment(moment: pd.Timestamp) -> str:
    return UNDEFINED if moment is None or moment != moment else f"{moment:%Y-%m-%d %H:%M}"


def _signed(value: float) -> str:
    return UNDEFINED if value != value else f"{value:+.2f}"


def _points(value: float) -> str:
    return f"{value:.2f} basis points" if abs(value) != 1 else "1 basis point"


def _figures(found: LiveComparison) -> Drawings:
    drawings: dict[str, Any] = {}
    if len(found.fills):
        drawings["slippage"] = lambda: draw_slippage(found)
    if len(found.trades):
        drawings["paths"] = lambda: draw_paths(found)
    return drawings


def _pictures(_: LiveComparison) -> Mapping[str, str]:
    return _PICTURES


def _card(found: LiveComparison) -> Table:
    lines = [("Live trades", found.origin), ("Matched", "market, side, and openings at most "
              f"{found.tolerance / 60:,.0f} minutes apart")]
    if found.spec is not None:
        lines += [("Backtest", f"{market(found.spec)}, {account_and_kind(found.spec)}, {found.spec.mode} mode"),
                  ("Key of its run", found.spec.key[:16])]
    return card_of_lines(lines)


def _text(found: LiveComparison) -> str:
    return sections_text(_title(found), _content(found))


LIVE: Report[LiveComparison] = Report(_title, _text, _content, "sections.html", _figures, _pictures, _card)

