"""`%runs`: the finished simulations of this project."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.options import parse_line, whole_number
from jesse_nb.widgets.live.display import LaunchingCell, Listing, Note

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RunsMagics"]


@magics_class
class RunsMagics(Magics):
    """`%runs`."""

    def __init__(self, shell: InteractiveShell, settings: JesseNb) -> None:
        super().__init__(shell)
        self._shell = shell
        self._settings = settings

    @magic_arguments("runs")
    @argument(
        "-n", "--limit", type=whole_number, metavar="N", help="How many of the newest (20)."
    )
    @argument(
        "--ledger",
        action="store_true",
        help="In place of the newest: how many runs there are on the same data, by strategy.",
    )
    @argument("--store", metavar="PLACE", help="File or postgresql://user@host/database that keeps finished runs.")
    @line_magic
    def runs(self, line: str) -> Listing:
        """Show the newest finished backtests of this project.

        They are not simulated again: a call that needs one of them takes it
        from here. ``_.to_frame()`` is the table as a DataFrame.

        ``%runs --ledger`` counts them by the data they share: the same symbol,
        in periods that overlap. The more often the same data was looked at, the
        less a good result on it says. Scenarios, on candles that a pipeline
        rewrote, and checks, with other fees or in the other mode, are counted
        apart, and only here.
        """
        options = parse_line(self.runs, line)
        if options.ledger and options.limit is not None:
            raise UsageError("--limit is for the newest runs; --ledger counts all. Leave one of them out.")
        limit = 20 if options.limit is None else options.limit
        if limit < 1:
            raise UsageError(f"--limit is {limit}; it is a whole number from 1 up.")
        import pandas as pd

        from jesse_nb.core.jobs.ledger import readable_ledger
        from jesse_nb.core.jobs.store import RunStore, default_store, is_there
        from jesse_nb.core.jobs.store.address import shown_place

        place = options.store or self._settings.store or default_store()
        empty = f"No finished runs are stored in {shown_place(place)}."
        if not is_there(place):
            return Listing(pd.DataFrame(), empty)
        store = RunStore(place)
        try:
            if options.ledger:
                ledger = store.ledger()
                return Listing(readable_ledger(ledger), empty, ledger)
            recent = store.recent(limit)
            return Listing(_readable(recent), empty, recent)
        finally:
            store.close()
            if store.damaged:
                LaunchingCell(self._shell).show(Note(f"{len(store.damaged):,} of the stored runs were damaged, and "
                                                     "are left out."))


def _readable(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that fit on a line, with moments and numbers as short as they can be."""
    shown = runs.drop(columns="seconds")
    shown["key"] = shown["key"].str[:8]  # enough to tell them apart
    shown["finished"] = shown["finished"].dt.strftime("%Y-%m-%d %H:%M:%S")
    for column in ("start", "end"):
        shown[column] = shown[column].dt.strftime("%Y-%m-%d %H:%M").str.removesuffix(" 00:00")
    ruined = shown["net_profit_percentage"].isna() & shown["trades"].gt(0)  # nothing else leaves a profit undefined
    for column in ("net_profit_percentage", "sharpe_ratio"):
        shown[column] = shown[column].astype(float).round(2)
    shown["net_profit_percentage"] = shown["net_profit_percentage"].astype(object).where(~ruined, "ruined")
    return shown.rename(columns={"net_profit_percentage": "net profit %", "sharpe_ratio": "sharpe"})
