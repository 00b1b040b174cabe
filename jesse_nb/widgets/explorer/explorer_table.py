"""The table of trades beside the chart: sorted in the browser, filtered by Python, and given as a CSV file."""

# anywidget and traitlets are not fully typed
# mypy: disable-error-code="misc,no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import pandas as pd
import traitlets

from jesse_nb.report.common.numbers import duration, measure, price

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TradesTable"]

_HERE = Path(__file__).parent

#: Column, its heading, and whether it holds words.
_COLUMNS = (
    ("trade", "#", False), ("opened_at", "opened (UTC)", True), ("symbol", "market", True), ("side", "side", True),
    ("pnl", "profit", False), ("pnl_percentage", "on margin", False), ("exit", "exit", True),
    ("holding_period", "held", False), ("entry_price", "entry", False), ("exit_price", "out", False),
    ("volatility", "volatility", True), ("trend", "trend", True),
)


class TradesTable(anywidget.AnyWidget):
    """Trades as a table that can be sorted by each column and walked through with the keyboard.

    Parameters
    ----------
    trades
        Of :func:`~jesse_nb.core.analysis.trades.explorer_trades.explored_trades`.
    jump
        Called with a trade's number when its row is chosen.
    """

    _esm = _HERE / "explorer_table.js"
    _css = (_HERE.parent / "focus.css").read_text() + (_HERE / "explorer_table.css").read_text()
    columns: Any = traitlets.List().tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)
    kept: Any = traitlets.List().tag(sync=True)
    selected = traitlets.Int(0).tag(sync=True)

    def __init__(self, trades: pd.DataFrame, jump: Callable[[int], None]) -> None:
        empty = {name for name in ("volatility", "trend") if trades[name].isna().all()}  # a market too young to tell
        needless = empty | (set() if trades["symbol"].nunique() > 1 else {"symbol"})
        shown = [column for column in _COLUMNS if column[0] not in needless]
        numbers = [int(number) for number in trades.index]
        super().__init__(
            columns=[{"name": name, "label": label, "word": word} for name, label, word in shown],
            rows=[list(row) for row in zip(*(_cells(trades, name) for name, _, _ in shown), strict=True)],
            kept=numbers,
        )
        self._trades, self._jump = trades, jump
        self.on_msg(self._asked)

    def keep(self, trades: pd.DataFrame, fitting: NDArray[Any]) -> None:
        """Show only the trades that fit."""
        self.kept = [int(number) for number in trades.index[fitting]]


    def csv(self) -> str:
        """Return the trades that fit with all that is known of them, as numbers and not as they are written here."""
        return str(self._trades.loc[list(self.kept)].to_csv(lineterminator="\r\n"))

    def _asked(self, widget: Any, content: Any, buffers: Any) -> None:
        if "csv" in content:
            self.send({"csv": self.csv()})
        else:
            self._jump(int(content["jump"]))


def _cells(trades: pd.DataFrame, name: str) -> list[list[Any]]:
    """Return what each cell is sorted by, how it is written, and its tone."""
    if name == "trade":
        return [[int(number), f"{number}", ""] for number in trades.index]
    values = trades[name].tolist()
    if name == "opened_at":
        return [[int(value.value // 1_000_000), f"{value:%Y-%m-%d %H:%M}", ""] for value in values]
    if name in ("pnl", "pnl_percentage"):
        unit = "currency" if name == "pnl" else "percent"
        return [[float(value), f"{'+' * (name == 'pnl' and value > 0)}{measure(value, unit)}",
                 "good" if value > 0 else "bad" if value < 0 else ""] for value in values]
    if name in ("holding_period", "entry_price", "exit_price"):
        write = duration if name == "holding_period" else price
        return [[float(value), write(value), ""] for value in values]
    return [[None, "–", ""] if value is None or pd.isna(value) else [str(value), str(value), ""] for value in values]
