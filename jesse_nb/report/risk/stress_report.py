"""What goes into the report of a stress test, as its template and plain text take it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from jesse_nb.core.tools.risk.risk_input import sample_words
from jesse_nb.core.tools.risk.shocks import duration_words
from jesse_nb.report.common import provenance
from jesse_nb.report.common.heading import mark_lines, run_heading
from jesse_nb.report.common.numbers import UNDEFINED, measure
from jesse_nb.report.common.plain_text import wrapped
from jesse_nb.report.common.report import Report
from jesse_nb.report.common.tables import Cell, Table, as_text, cell, toned
from jesse_nb.report.risk.stress_figures import run_name, stress_plots, undrawn

if TYPE_CHECKING:
    from jesse_nb.core.tools.risk.stress_test import StressTest

__all__ = ["STRESS"]

#: What each figure shows, for those who cannot see it.
_PICTURES = {
    "losses": "Loss of each run from where the stress began to its lowest equity, and to its end",
    "equity": "Equity under each scenario beside what it was, the beginnings marked",
}
_MEANT = ("Chosen sizes, not forecasts: no scenario has a probability. Every market of the run changes alike, and "
          "Jesse ran the strategy on the changed candles, so what it did then is its own doing. None of these runs "
          "counts as a trial.")
#: What the columns of losses are.
_MEASURED = ("Losses are from the equity when the stress began: meanwhile, to the lowest until a day after it was "
             "over{how}; at most, to the lowest until the run's end; at the end, to what was left then (a gain has a "
             "plus). Back after: days to the first daily sample after the low of meanwhile that was as high again. "
             "Against none: the final equity against a run at the same costs without stress.{beside} Trades as before "
             "were opened and closed at the same times as in the backtest.")
_BY_MINUTE = ", at the worst price within each minute ({daily}, by daily samples)"
_BY_DAY = ", by daily samples (of a replay the whole run)"
_BESIDE = " Max drawdown is of one sample a day; by the minute, the deepest fall from any peak of the run."
_REPLAYED = " A replay is the strategy on that time's own candles, with an account of its own{newest}."
_NEWEST = " and with the last window's parameters"
_WALKED = (" Each window runs again with the parameters that were chosen for it before, on the market that the stress "
           "leaves to it; what a search would have chosen there is not asked.")
_SCALED = " One that names another market runs on candles that are made of that market's moves."


def _title(result: StressTest) -> str:
    """Return what was stressed, in a line."""
    return f"Stress test of {result.strategy} on {provenance.market(result.spec)}"


def _content(result: StressTest) -> dict[str, Any]:
    """Return what the template takes, but for its pictures."""
    return {
        **run_heading(result.run), "sample": sample_words(result.sample),
        "understated": result.sample != "out-of-sample", "said": _said(result), "measured": _measured(result),
        "meant": _meant(result),
        "undrawn": undrawn(result), "table": stress_table(result), "what": _what_table(result),
        "failures": _failures(result), "notes": result.notes,
        "stopped": result.stopped,
    }


def _text(result: StressTest) -> str:
    """Return the figures as plain text, the same every time."""
    content, table = _content(result), stress_table(result)
    lines = wrapped(_title(result), content["places"], content["period"])
    lines += mark_lines(content)
    lines += wrapped(content["sample"], *content["said"])
    lines += ["", *as_text(table)]
    if len(result.table):
        lines += ["", *as_text(_what_table(result), widest=70)]
    lines += ["", *wrapped(content["measured"], content["meant"], *content["failures"], *result.notes)]
    return "\n".join([*lines, *([f"Stopped: {result.stopped}."] if result.stopped else [])])


def stress_table(result: StressTest) -> Table:
    """Lay out the runs: what was lost meanwhile, at most and at the end, and whether it came back."""
    minutes = bool(result.table["drawdown"].notna().any())
    rows: list[tuple[Cell, ...]] = []
    for _, row in result.table.iterrows():
        ruined = row["ruined_at"] == row["ruined_at"]
        rows.append((
            cell(run_name(row)), _loss(row, "loss"), _loss(row, "deepest_loss"), _at_end(row),
            cell(f"ruined {row['ruined_at']:%Y-%m-%d}", "bad") if ruined else _recovered(row),
            toned(measure(row["against"], "percent"), row["against"]), cell(measure(row["final_equity"], "currency")),
            cell(measure(row["max_drawdown"], "percent")), cell(measure(row["drawdown"], "percent")),
        ))
    rows.append(_original(result))
    head = ("run", "loss meanwhile", "at most", "at the end", "back after", "against none", "final equity",
            "max drawdown", "by the minute")
    kept = [place for place, name in enumerate(head) if minutes or name != "by the minute"]
    return Table(tuple(head[place] for place in kept), tuple(tuple(row[place] for place in kept) for row in rows))


def _what_table(result: StressTest) -> Table:
    """Lay out what each run is, when it began, and how much the strategy did otherwise."""
    trades = cell(measure(len(result.original.trades), "count"))
    rows = [(cell(run_name(row)), cell(f"{row['began']:%Y-%m-%d %H:%M}"), cell(str(row["what"])),
             cell(measure(row["trades"], "count")), cell(measure(row["same_trades"], "count")))
            for _, row in result.table.iterrows()]
    rows.append((cell("as it was"), cell(f"{result.original.equity.index[0]:%Y-%m-%d %H:%M}"), cell("no stress"),
                 trades, trades))
    return Table(("run", "began", "what it is", "trades", "as before"), tuple(rows), words=3)


def _at_end(row: Any) -> Cell:
    if row["end_loss"] != row["end_loss"]:
        return cell(UNDEFINED)
    return toned(f"{-row['end_loss']:+.1f}%", -row["end_loss"])


def _loss(row: Any, name: str) -> Cell:
    if row["reason"]:
        return Cell(UNDEFINED, "undefined", row["reason"])
    if row[name] != row[name]:
        return cell(UNDEFINED)
    return cell(f"{row[name]:.1f}%", "bad" if row[name] >= 20 else "")


def _recovered(row: Any) -> Cell:
    if row["reason"]:
        return cell(UNDEFINED)
    if row["loss"] != row["loss"]:
        return cell(UNDEFINED)
    if row["loss"] <= 0:
        return cell("no loss")
    if "recovered_after" not in row:
        return Cell(UNDEFINED, "undefined", "kept without when it fell deepest: stress it again")
    passed = row["recovered_after"]
    return cell("not by the end" if passed != passed else "a day" if passed <= 1 else f"{math.ceil(passed):,} days")


def _original(result: StressTest) -> tuple[Cell, ...]:
    final = measure(float(result.original.equity.iloc[-1]), "currency")
    return (cell("as it was"), *[cell(UNDEFINED)] * 5, cell(final), cell(measure(result.max_drawdown, "percent")),
            cell(UNDEFINED))


def _said(result: StressTest) -> list[str]:
    known = result.losses
    if not len(known):
        return ["No run finished."]
    worst, last = known.iloc[0], known.loc[known["end_loss"].astype(float).idxmax()]
    which = f"The worst of {len(known)} runs" if len(known) > 1 else "The one run"
    later = worst["deepest_loss"] > worst["loss"]
    meanwhile = f" ({worst['loss']:.1f} % until a day after it was over)" if later else ""
    told = [f"{which}, {run_name(worst)} ({worst['what']}), takes the account {worst['deepest_loss']:.1f} % below what "
            f"it was when that began{meanwhile}, and ends {_ends(worst)}."]
    if last.name != worst.name:
        told.append(f"{run_name(last)} ends lowest: {_ends(last)}.")
    ruined = int(known["ruined_at"].notna().sum())
    if ruined:
        told.append(f"{ruined} of them ruin it.")
    failed = int(result.table["reason"].ne("").sum())
    told += [f"{failed} failed, for the reasons below."] if failed else []
    back = known.get("recovered_after", known["loss"])  # not known of some that were kept
    never = int((known["ruined_at"].isna() & back.isna() & (known["loss"] > 0)).sum())
    who = "It does" if len(known) == 1 else f"{never} do{'es' if never == 1 else ''}"
    return [*told, *([f"{who} not get back to where the account was."] if never else [])]


def _ends(row: Any) -> str:
    return f"{abs(row['end_loss']):.1f} % {'below' if row['end_loss'] >= 0 else 'above'}"


def _measured(result: StressTest) -> str:
    return _MEASURED.format(how=_sampled(result), beside=_BESIDE if result.table["drawdown"].notna().any() else "")


def _sampled(result: StressTest) -> str:
    """Say how losses were followed; a test that was kept before December 2026 has one way for all rows."""
    rows = result.table[result.table["loss"].notna() & ~result.table["scenario"].str.startswith("replay")]
    at_once = result.account.market != "spot" and not getattr(result.original, "overlapping", 0)
    by_minute = rows.get("by_minute", [at_once] * len(rows))
    if not any(by_minute):
        return _BY_DAY
    daily = [run_name(row) for (_, row), known in zip(rows.iterrows(), by_minute, strict=True) if not known]
    return _BY_MINUTE.format(daily="; ".join(["of a replay the whole run", *daily]))


def _meant(result: StressTest) -> str:
    replays = [str(name) for name in result.table.get("scenario", ()) if str(name).startswith("replay:")]
    walked = result.run.origin.startswith("stitched")
    said = [_MEANT, _WALKED if walked else "", _REPLAYED.format(newest=_NEWEST if walked else "") if replays else "",
            _SCALED if any("@" in name for name in replays) else ""]
    return "".join(said)


def _how(result: StressTest) -> str:
    costs = result.shocks.cost_words(result.spec.account) or "costs as they were"
    outage = result.shocks.outage
    return f"{len(result.table)} runs, {costs}{f', outage of {duration_words(outage)}' if outage else ''}"


def _failures(result: StressTest) -> list[str]:
    return [f"{run_name(row)} failed: {row['reason']}" for _, row in result.table.iterrows() if row["reason"]]



STRESS: Report[StressTest] = Report(
    _title, _text, _content, "risk/stress.html", stress_plots, lambda _: _PICTURES,
    lambda result: provenance.run_card(result.run, ("stress", _how(result))),
)
