"""What goes into the report of a value at risk, as its template and plain text take it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jesse_nb.core.analysis.risk.var_tests import ALTERNATIVES
from jesse_nb.core.tools.risk.risk_input import sample_words
from jesse_nb.report.common import provenance
from jesse_nb.report.common.heading import mark_lines, run_heading
from jesse_nb.report.common.numbers import measure
from jesse_nb.report.common.plain_text import WIDTH, wrapped
from jesse_nb.report.common.report import Report
from jesse_nb.report.common.tables import Table, as_text, cell
from jesse_nb.report.risk.var_figures import var_plots
from jesse_nb.report.risk.var_tables import (
    METHOD_NAMES,
    TEST_NAMES,
    WEAK,
    days_ahead,
    forecast_tests_table,
    lights_table,
    loss,
    losses_table,
    percent,
)

if TYPE_CHECKING:
    from jesse_nb.core.tools.risk.var_calculation import ValueAtRisk

__all__ = ["VALUE_AT_RISK"]

#: What each figure shows, for those who cannot see it.
_PICTURES = {
    "losses": "Value at risk and expected shortfall by method, with 95% intervals",
    "forecasts": "Daily returns against the value at risk forecast the evening before, days beyond it marked",
}


def _title(result: ValueAtRisk) -> str:
    """Return what was measured, in a line."""
    return f"Value at risk of {_named(result)}"


def _content(result: ValueAtRisk) -> dict[str, Any]:
    """Return what the template takes, but for its pictures."""
    return {
        **run_heading(result.run),
        "sample": sample_words(result.sample), "understated": result.sample != "out-of-sample",
        "said": _said(result), "tiles": _tiles(result), "losses": losses_table(result) if len(result.table) else None,
        "missing": _missing(result), "tests": forecast_tests_table(result) if len(result.tests) else None,
        "judged": _judged(result), "lights": lights_table(result) if len(result.lights) else Table((), ()),
        "untested": result.untested, "power": _power(), "notes": result.notes, "stopped": result.stopped,
    }


def _text(result: ValueAtRisk) -> str:
    """Return the figures as plain text, the same every time."""
    content = _content(result)
    lines = wrapped(_title(result), content["places"], content["period"])
    lines += mark_lines(content)
    lines += wrapped(content["sample"], *content["said"])
    lines += ["", *as_text(content["losses"], room=WIDTH)] if content["losses"] else []
    lines += ["", *wrapped(*content["judged"])] if content["judged"] else []
    lines += wrapped(f"No forecast was tested: {result.untested}.") if result.untested else []
    rest = wrapped(*content["missing"], *result.notes)
    return "\n".join([*lines, *(["", *rest] if rest else []), *([f"Stopped: {result.stopped}."] if result.stopped
                                                                 else [])])


def _named(result: ValueAtRisk) -> str:
    spec = result.spec
    return result.strategy if spec is None else f"{result.strategy} on {provenance.market(spec)}"


def _how(result: ValueAtRisk) -> str:
    basis = "all days" if result.basis == "equity" else "days with an open position"
    return (f"{basis}, window {result.window:,} days, filtered historical by {result.vol_model}, seed {result.seed}, "
            f"in money of an account of {measure(result.equity_now, 'currency')}")


def _said(result: ValueAtRisk) -> list[str]:
    level, horizon = result.confidence_levels[0], result.time_horizons[0]
    row = result.headline(level)
    if row is None:
        return ["No method has a figure."]
    what = "days with an open position" if result.basis == "open_position" else "days"
    often = f"{'One day' if horizon == 1 else f'One period of {horizon} days'} in {1 / (1 - level):.3g}"
    name = METHOD_NAMES[row.name[0]]
    return [f"{often} loses more than {loss(row['var'])} of the account, {measure(row['var_money'], 'currency')} "
            f"(95% interval {row['var_low']:.2f} to {row['var_high']:.2f}%), and then {loss(row['es'])} on average "
            f"({name}, from {result.days:,} {what})."]


def _tiles(result: ValueAtRisk) -> list[tuple[str, Any, str]]:
    tiles: list[tuple[str, Any, str]] = []
    for level in result.confidence_levels[:3]:
        row = result.headline(level)
        if row is not None:
            name = METHOD_NAMES[row.name[0]]
            tiles.append((f"VaR {percent(level)}, {days_ahead(result.time_horizons[0])}", cell(loss(row["var"])),
                          f"{row['var_low']:.2f} to {row['var_high']:.2f}%, {name}"))
    row = result.headline(result.confidence_levels[-1])
    if row is not None:
        tiles.append((f"shortfall {percent(result.confidence_levels[-1])}", cell(loss(row["es"])),
                      f"{row['es_low']:.2f} to {row['es_high']:.2f}%"))
    tiles.append(("rests on", cell(f"{result.days:,}"), "days" if result.basis == "equity" else
                  "days with a position"))
    return tiles


def _missing(result: ValueAtRisk) -> list[str]:
    """Say which figures are missing and why, those with the same reason together."""
    if not len(result.table):
        return []
    shared: dict[tuple[str, str], list[str]] = {}
    reasons: Any = result.table["reason"].items()
    for (method, level, horizon), why in reasons:
        if why:
            shared.setdefault((str(method), str(why)), []).append(f"{percent(level)} over {days_ahead(horizon)}")
    every = len(result.confidence_levels) * len(result.time_horizons)
    return [f"{METHOD_NAMES[method][0].upper()}{METHOD_NAMES[method][1:]}"
            f"{'' if len(names) == every else ', ' + ', '.join(names)}: {why}."
            for (method, why), names in shared.items()]


def _judged(result: ValueAtRisk) -> list[str]:
    """Say of each method what its tests say, and what they cannot."""
    said = []
    groups: Any = result.tests.groupby(level="method", sort=False) if len(result.tests) else ()
    for method, found in groups:
        known = found[found["p"].notna()]
        name = METHOD_NAMES[str(method)]
        title = f"{name[0].upper()}{name[1:]}"
        if known.empty:
            said.append(f"{title}: not tested, {found['reason'].iloc[0]}.")
            continue
        rejected = known[known["p"] < 0.05]
        weak = int((known[known["p"] >= 0.05]["power"] < WEAK).sum())
        levels = ", ".join(dict.fromkeys(f"{TEST_NAMES[test]} at {percent(level)}"
                                         for _, level, test in rejected.index))
        judged = f"rejected by {len(rejected)} of {len(known)} tests: {levels}" if len(rejected) else \
            f"not rejected by any of {len(known)} tests"
        blind = f"; {weak} of the others would miss a model as wrong as stated more often than not" if weak and \
            len(rejected) else f"; {weak} of them would miss a model as wrong as stated more often than not" if weak \
            else ""
        said.append(f"{title}: {judged}{blind}.")
    return said


def _power() -> str:
    """Say what the power is the probability of."""
    errors: dict[str, list[str]] = {}
    for test, wrong in ALTERNATIVES.items():
        errors.setdefault(wrong, []).append(TEST_NAMES[test].partition(":")[0])
    told = "; ".join(f"{wrong} ({', '.join(names)})" for wrong, names in errors.items())
    return ("Each cell is a p-value, red below 5%, and the test's power: the probability that it would reject a "
            f"forecast that is wrong so: {told}. Grey: below 50%, so \"not rejected\" says little. One right forecast "
            "in twenty is rejected, too.")


VALUE_AT_RISK: Report[ValueAtRisk] = Report(
    _title, _text, _content, "risk/var.html", var_plots, lambda _: _PICTURES,
    lambda result: provenance.run_card(result.run, ("value at risk", _how(result))),
)
