"""The tables of a value at risk: losses with their intervals, and the tests with their power."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from jesse_nb.report.common.numbers import UNDEFINED, measure, share
from jesse_nb.report.common.tables import Cell, Table, cell

if TYPE_CHECKING:
    from jesse_nb.core.tools.risk.var_calculation import ValueAtRisk

__all__ = [
    "METHOD_NAMES",
    "TEST_NAMES",
    "days_ahead",
    "forecast_tests_table",
    "lights_table",
    "loss",
    "losses_table",
    "methods_of",
]

METHOD_NAMES = {"historical": "historical", "normal": "normal", "t": "Student's t", "cornish_fisher": "Cornish-Fisher",
                "monte_carlo": "Monte Carlo", "fhs": "filtered historical"}

TEST_NAMES = {"kupiec": "Kupiec: how often", "independence": "Christoffersen: in a row",
              "conditional_coverage": "both together", "durations": "durations", "z1": "Z1: how deep",
              "z2": "Z2: both"}

#: A test that would miss the stated error more often than this cannot tell.
WEAK = 0.5


def losses_table(result: ValueAtRisk) -> Table:
    """Lay out the losses: a row a method and confidence, both measures for each horizon."""
    table: Any = result.table
    head = ["method", "confidence"]
    for horizon in result.time_horizons:
        head += [f"VaR, {days_ahead(horizon)}", f"shortfall, {days_ahead(horizon)}"]
    rows = []
    for method in methods_of(result):
        for level in result.confidence_levels:
            row = [cell(METHOD_NAMES[method]), cell(percent(level))]
            for horizon in result.time_horizons:
                found = table.loc[(method, level, horizon)]
                row += [_interval(found, "var"), _interval(found, "es")]
            rows.append(tuple(row))
    return Table(tuple(head), tuple(rows), words=2)


def forecast_tests_table(result: ValueAtRisk) -> Table:
    """Lay out the tests: a row a method and confidence, p-value and power of each test."""
    rows = []
    groups: Any = result.tests.groupby(level=["method", "confidence"], sort=False)
    for (method, level), found in groups:
        tests = found.droplevel([0, 1])
        first = tests.iloc[0]
        if first["days"] == 0:
            rows.append((cell(METHOD_NAMES[str(method)]), cell(percent(level)),
                         *[Cell(UNDEFINED, "undefined", str(first["reason"]))] * (1 + len(TEST_NAMES))))
            continue
        rows.append((cell(METHOD_NAMES[str(method)]), cell(percent(level)),
                     cell(f"{first['exceedances']:,.0f} of {first['days']:,.0f} ({first['expected']:.1f})"),
                     *(_test(tests.loc[name]) for name in TEST_NAMES)))
    return Table(("method", "confidence", "exceeded (expected)", *TEST_NAMES.values()), tuple(rows), words=2)


def lights_table(result: ValueAtRisk) -> Table:
    """Lay out the traffic lights that are defined."""
    tones: dict[str, Any] = {"green": "good", "yellow": "", "red": "bad"}
    shown: Any = result.lights.iterrows()
    rows = tuple((cell(METHOD_NAMES[str(method)]), cell(row["zone"], tones[row["zone"]]),
                  cell(f"{row['exceedances']:,.0f} of 250 (2.5)"), cell(f"{row['probability'] * 100:.2f}%"))
                 for (method, _), row in shown if not row["reason"])
    return Table(("method", "zone", "exceeded (expected)", "a right model has so many or fewer"), rows, words=2)


def methods_of(result: ValueAtRisk) -> list[str]:
    """Return the methods that were reached."""
    return list(dict.fromkeys(map(str, result.table.index.get_level_values("method")))) if len(result.table) else []


def percent(level: float) -> str:
    """Write a confidence level."""
    return f"{level * 100:.6g}%"


def days_ahead(horizon: int) -> str:
    """Write a horizon."""
    return f"{horizon} day" if horizon == 1 else f"{horizon} days"


def loss(value: float) -> str:
    """Write a loss in percent, which is positive."""
    return measure(value, "percent").removeprefix("+")


def _interval(row: Any, name: str) -> Cell:
    if row["reason"]:
        return Cell(UNDEFINED, "undefined", row["reason"])
    digits = 2 if abs(row[name]) < 10 else 1
    low, high = f"{row[f'{name}_low']:.{digits}f}", f"{row[f'{name}_high']:.{digits}f}"
    return cell(f"{row[name]:.{digits}f} ({low}{' to ' if low.startswith('-') else '–'}{high})",
                title=f"{measure(row[f'{name}_money'], 'currency')} in the quote currency")


def _test(row: Any) -> Cell:
    if math.isnan(row["p"]):
        return Cell(UNDEFINED, "undefined", row["reason"])
    text = f"{_p(row['p'])} / {share(row['power'])}"
    if row["p"] < 0.05:
        return cell(text, "bad", "rejected at 5 %")
    if row["power"] < WEAK:
        return cell(text, "quiet", "not rejected, but it would miss such an error more often than not")
    return cell(text, "", "not rejected")


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"
