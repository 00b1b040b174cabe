"""The tables of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from jesse_nb.core.analysis.comparison.paired_differences import COMPARED
from jesse_nb.report.common.labels import label, write
from jesse_nb.report.common.numbers import UNDEFINED, measure, price
from jesse_nb.report.common.tables import Cell, Table, cell, toned

if TYPE_CHECKING:
    import pandas as pd

    from jesse_nb.core.tools.compare.comparison import Comparison

__all__ = ["beyond_noise", "code_lines", "metrics_table", "settings_table", "tests_table",
           "trade_counts_table", "trades_table", "verdicts"]

#: Two returns a year stand here: what the money became, and the mean that is tested.
_SAID = {"mean_return": "Mean daily return × 365", "sharpe_ratio": "Sharpe ratio"}
_COMPOUNDED = "annual_return"
_OWN = {"volatility": ("Volatility a year", "share"),
        "profit_of_trades": ("Profit of closed trades", "currency"),
        "fees": ("Fees of closed trades", "currency"),
        "trades": ("Closed trades", "count"), "win_rate": ("Win rate", "fraction")}
#: What is shown of the returns; the others follow from these.
_SHOWN = ("net_profit_percentage", "annual_return", "sharpe_ratio", "sortino_ratio", "calmar_ratio", "max_drawdown",
          "max_underwater_period", *_OWN)
#: As many trades are listed.
_MOST = 100


def settings_table(found: Comparison) -> Table:
    """Return what differs in what ran."""
    rows = tuple((cell(str(name)), *(cell(str(text)) for text in row))
                 for name, row in zip(found.settings.index, found.settings.to_numpy(), strict=True))
    return Table(("", *found.names), rows, words=len(found.names) + 1)


def metrics_table(found: Comparison) -> Table:
    """Return what came of it; with two results, the difference as well."""
    two = len(found.names) == 2
    rows = []
    for name in _SHOWN:
        if name not in found.metrics.index:
            continue
        values = found.metrics.loc[name].to_numpy(dtype=float).tolist()
        entries = [cell(_written(name, value)) for value in values]
        if two:
            entries.append(cell(_written(name, values[1] - values[0], signed=True)))
        rows.append((cell(_label(name)), *entries))
    return Table(("", *found.names, *(("difference",) if two else ())), tuple(rows))


def tests_table(found: Comparison) -> Table:
    """Return each difference with its interval, and whether it is beyond noise."""
    head = ("result", "", "value", f"against {found.names[0]}", "difference", "95% interval", "p", "p (Holm)", "")
    return Table(head, tuple(_tested(row) for row in found.tests.to_dict("records")), words=2)


def _tested(row: Mapping[Any, Any]) -> tuple[Cell, ...]:
    unit = COMPARED[row["figure"]]
    numbers = [measure(row[name], unit) for name in ("value", "base", "difference")]
    first = (cell(row["result"]), cell(_SAID[row["figure"]]), *(cell(text) for text in numbers))
    if row["reason"]:
        return (*first, *(cell(UNDEFINED, title=row["reason"]) for _ in range(3)), cell(row["reason"], "quiet"))
    interval = f"{measure(row['low'], unit)} to {measure(row['high'], unit)}"
    worth = cell("beyond noise") if row["beyond_noise"] else cell("within noise", "quiet")
    return (*first, cell(interval), cell(_chance(row["p"])), cell(_chance(row["p_holm"])), worth)


def beyond_noise(found: Comparison) -> list[str]:
    """Say in sentences which differences are beyond noise."""
    tested = found.tests[found.tests["reason"] == ""]
    if tested.empty:
        reasons = ", ".join(dict.fromkeys(found.tests["reason"]))
        return [f"Whether they differ by more than noise is not tested: {reasons}."]
    beyond = [f"{row['result']}: {_SAID[row['figure']].lower()} "
              f"{measure(row['difference'], COMPARED[row['figure']])}"
              for row in tested.to_dict("records") if row["beyond_noise"]]
    if not beyond:
        return [f"No difference from {found.names[0]} is beyond noise (5 % after Holm's correction of "
                f"{len(tested):,} tests)."]
    return [f"Beyond noise, against {found.names[0]} (5 % after Holm's correction of {len(tested):,} tests): "
            f"{'; '.join(beyond)}."]


def verdicts(found: Comparison) -> list[str]:
    """Say what each result is worth, in the words of its own report: two without an edge are within noise as well."""
    if not any(side.verdict for side in found.sides):
        return []
    said = "; ".join(f"{side.name}: {side.verdict or 'not judged'}" for side in found.sides)
    return [f"Verdicts, each of the whole result: {said}."]


def trade_counts_table(found: Comparison) -> Table:
    """Return how many trades were made alike, otherwise, and by one only."""
    head = ("", "alike", "opened alike, then not", f"only {found.names[0]}", "only this one")
    rows = tuple((cell(str(name)), *(cell(f"{count:,}") for count in counts))
                 for name, counts in zip(found.trade_counts().index, found.trade_counts().to_numpy(), strict=True))
    return Table(head, rows)


def trades_table(found: Comparison, name: str) -> Table:
    """Return the trades of the first result and of another that are not alike, the first hundred of them."""
    base = found.names[0]
    differing = found.trades[name]
    differing = differing[differing["found"] != "alike"].head(_MOST)
    head = ("opened", "market", "", f"closed, {base}", f"closed, {name}", f"entry, {base}", f"entry, {name}",
            f"profit, {base}", f"profit, {name}")
    rows = []
    for row in differing.to_dict("records"):
        moments = [cell(_moment(row[column])) for column in ("closed_base", "closed_other")]
        entries = [cell(price(row[column])) for column in ("entry_base", "entry_other")]
        gains = [toned(measure(row[column], "currency"), row[column]) for column in ("pnl_base", "pnl_other")]
        rows.append((cell(_moment(row["opened_at"])), cell(f"{row['symbol']} {row['side']}"),
                     cell(row["found"].replace("base", base).replace("other", name)), *moments, *entries, *gains))
    return Table(head, tuple(rows), words=3)


def code_lines(lines: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the lines of a difference, each with its tone."""
    for line in lines:
        yield {"+": "good", "-": "bad", "@": "quiet"}.get(line[:1], ""), line


def _label(name: str) -> str:
    if name in _OWN:
        return _OWN[name][0]
    return f"{label(name)}, compounded" if name == _COMPOUNDED else label(name)


def _written(name: str, value: float, *, signed: bool = False) -> str:
    text = measure(value, _OWN[name][1]) if name in _OWN else write(name, value)
    return f"+{text}" if signed and value > 0 and not text.startswith("+") else text


def _moment(moment: pd.Timestamp) -> str:
    return UNDEFINED if moment is None or moment != moment else f"{moment:%Y-%m-%d %H:%M}"


def _chance(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
