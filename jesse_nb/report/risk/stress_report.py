"""What goes into the report of a stress test, as its template and plain text take it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jesse_nb.core.tools.risk.risk_input import sample_words
from jesse_nb.core.tools.risk.shocks import duration_words
from jesse_nb.report.common import provenance
from jesse_nb.report.common.heading import mark_lines
from jesse_nb.report.common.numbers import UNDEFINED, measure
from jesse_nb.report.common.plain_text import wrapped
from jesse_nb.report.common.report import Report
from jesse_nb.report.common.tables import Cell, Table, as_text, cell, toned
from jesse_nb.report.risk.stress_figures import run_name, stress_plots
from jesse_nb.report.risk.var_report import run_heading

if TYPE_CHECKING:
    from jesse_nb.core.tools.risk.stress_test import StressTest

__all__ = ["STRESS"]

#: What each figure shows, for those who cannot see it.
_PICTURES = {
    "losses": "Loss of each run from where the stress began to its lowest equity",
    "equity": "Equity under each scenario beside what it was, the beginnings marked",
}
_MEANT = ("Chosen sizes, not forecasts: no scenario has a probability. Every market of the run changes alike, and "
          "Jesse ran the strategy on the changed candles, so what it did then is its own doing. None of these runs "
          "counts as a trial.")
_REPLAYED = " A replay is the strategy on that time's own candles, with an account of its own."


def _title(result: StressTest) -> str:
    """Return what was stressed, in a line."""
    return f"Stress test of {result.strategy} on {provenance.market(result.spec)}"


def _content(result: StressTest) -> dict[str, Any]:
    """Return what the template takes, but for its pictures."""
    return {
        **run_heading(result.run), "sample": sample_words(result.sample),
        "understated": result.sample != "out-of-sample", "said": _said(result), "meant": _meant(result),
        "table": stress_table(result), "failures": _failures(result), "notes": result.notes,
        "stopped": result.stopped,
    }


def _text(result: StressTest) -> str:
    """Return the figures as plain text, the same every time."""
    content, table = _content(result), stress_table(result)
    lines = wrapped(_title(result), content["places"], content["period"])
    lines += mark_lines(content)
    lines += wrapped(content["sample"], *content["said"])
    if table.rows:  # what it is and when it began are too long for a terminal
        kept = [place for place, name in enumerate(table.head) if name not in ("what", "began")]
        lines += ["", *as_text(Table(tuple(table.head[place] for place in kept),
                                     tuple(tuple(row[place] for place in kept) for row in table.rows)))]
    lines += ["", *wrapped(content["meant"], *content["failures"], *result.notes)]
    return "\n".join([*lines, *([f"Stopped: {result.stopped}."] if result.stopped else [])])


def stress_table(result: StressTest) -> Table:
    """Lay out the runs: what was lost, whether it came back, and what the strategy did otherwise."""
    rows: list[tuple[Cell, ...]] = []
    for _, row in result.table.iterrows():
        ruined = row["ruined_at"] == row["ruined_at"]
        rows.append((
            cell(run_name(row)), cell(str(row["what"])), cell(f"{row['began']:%Y-%m-%d %H:%M}"),
            _loss(row),
            cell(f"ruined {row['ruined_at']:%Y-%m-%d}", "bad") if ruined else _recovered(row),
            toned(measure(row["against"], "percent"), row["against"]), cell(measure(row["final_equity"], "currency")),
            cell(measure(row["max_drawdown"], "percent")), cell(measure(row["drawdown"], "percent")),
            cell(measure(row["trades"], "count")), cell(measure(row["same_trades"], "count")),
        ))
    rows.append(_original(result))
    return Table(("run", "what", "began", "loss", "back after", "against none", "final equity",
                  "max drawdown", "by the minute", "trades", "as before"), tuple(rows), words=3)


def _loss(row: Any) -> Cell:
    if row["reason"]:
        return Cell(UNDEFINED, "undefined", row["reason"])
    if row["loss"] != row["loss"]:
        return cell(UNDEFINED)
    return cell(f"{row['loss']:.1f}%", "bad" if row["loss"] >= 20 else "")


def _recovered(row: Any) -> Cell:
    if row["reason"]:
        return cell(UNDEFINED)
    if row["loss"] != row["loss"]:
        return cell(UNDEFINED)
    if row["loss"] <= 0:
        return cell("never below")
    days = row["recovered_after"]
    return cell("not by the end") if days != days else cell(f"{days:,.0f} days")


def _original(result: StressTest) -> tuple[Cell, ...]:
    metrics = result.original.metrics
    return (cell("as it was"), cell("the candles and costs of the backtest"), cell(""), cell(UNDEFINED),
            cell(UNDEFINED), cell(UNDEFINED), cell(measure(float(result.original.equity.iloc[-1]), "currency")),
            cell(measure(metrics.get("max_drawdown"), "percent")), cell(UNDEFINED),
            cell(measure(len(result.original.trades), "count")),
            cell(measure(len(result.original.trades), "count")))


def _said(result: StressTest) -> list[str]:
    known = result.table[result.table["loss"].notna()] if len(result.table) else result.table
    if not len(known):
        return ["No run finished."]
    worst = known.loc[known["loss"].astype(float).idxmax()]
    ruined = int(known["ruined_at"].notna().sum())
    told = [f"The worst of {len(known)} runs, {run_name(worst)} ({worst['what']}), takes "
            f"{worst['loss']:.1f} % of the account."]
    if ruined:
        told.append(f"{ruined} of them ruin it.")
    failed = int(result.table["reason"].ne("").sum())
    told += [f"{failed} failed, for the reasons below."] if failed else []
    never = int((known["ruined_at"].isna() & known["recovered_after"].isna() & (known["loss"] > 0)).sum())
    return [*told, *([f"{never} {'does' if never == 1 else 'do'} not get back to where the account was."] if never
                     else [])]


def _meant(result: StressTest) -> str:
    replays = any(str(name).startswith("replay:") for name in result.table.get("scenario", ()))
    return _MEANT + (_REPLAYED if replays else "")


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
