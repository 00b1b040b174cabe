"""What takes a strategy to its Jesse project, and compares what it did there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jesse_nb.core.tools.declaration.markets import Strategy
from jesse_nb.core.tools.declaration.parameter import COMMAND, MAGIC, Parameter
from jesse_nb.core.tools.declaration.reader import Desk, Reader
from jesse_nb.core.tools.declaration.resources import Folder
from jesse_nb.core.tools.declaration.results import Result
from jesse_nb.core.tools.declaration.shared import CANDLES, OUTPUT, RESULT, STORE
from jesse_nb.core.tools.declaration.tool import Form, Tool
from jesse_nb.core.tools.declaration.values import Choice, Moment, Number, Switch, Text, Whole

__all__ = ["COMPARE_LIVE", "TO_PROJECT"]

_WHICH, _WHERE, _LIVE = "which values", "where it goes", "what was traded"

class LiveSource(Reader):
    """A file of trades, or a table of them."""

    metavar = "FILE"
    names = True

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return desk.names.get(words[0], words[0])


COMPARE_LIVE = Tool(
    "compare_live", "Live trades", "Compare trades that Jesse made live or on paper with a backtest of the same days.",
    "jesse_nb.core.tools.trading.compare_live:compare_live",
    (
        *(parameter for parameter in RESULT if parameter.name in ("names", "result")),
        Parameter("result", Text("RESULT", 200), "Name or first digits of the key of a kept result, or of a run that "
                  "`jesse-nb runs` shows.", positional="1", metavar="RESULT", group="what is read",
                  surfaces=(COMMAND,)),
        *(parameter.but(group=_LIVE) for parameter in (
            Parameter("live", LiveSource(), "CSV or JSON file that Jesse exported, or a variable that holds a table of "
                      "trades.", unset="the project's database", flags=("--live",)),
            Parameter("project", Folder(), "The Jesse project whose database holds the trades.",
                      unset="the working directory", setting="project"),
            Parameter("session", Text("ID", 36), "First digits of a live session's id.", unset="all of them"),
            Parameter("trading", Choice(("live", "paper", "all"), "TradingKind"), "Which trades of the database.",
                      "live"),
            Parameter("start", Moment(), "First moment that is compared, UTC.",
                      unset="when live trading began, or its first trade"),
            Parameter("end", Moment(), "End of what is compared, UTC.", unset="when it ended, or its last trade"),
            Parameter("tolerance", Number(0, above=True, unit="minutes", metavar="MINUTES", optional=True),
                      "Minutes that two openings may be apart.", unset="a candle of the traded timeframe"),
        )),
        *OUTPUT,
    ),
    results={"jesse_nb.core.tools.trading.live_comparison:LiveComparison":
             "jesse_nb.report.trading.live_report:LIVE"},
    magics=("compare_live",), command="compare-live", running="Live trades",
    form=Form("what live trading made of a backtest", ("names", "live", "project", "trading", "output"), "live"),
    details="""\
        Run the backtest over the days on which it traded, then::

            %compare_live result --project my-project
            %compare_live result --project my-project --trading paper --session 3f2a
            %compare_live result --live storage/csv/5c1d.csv -o live

        Trades are matched by market, side and the time of their opening. The
        report says which were missed and which are extra, how late and at what
        other prices the rest came, and what a fill costs by slippage, with an
        interval. Nothing is simulated.
        """,
)

#: No job: it ends when the file is written.
TO_PROJECT = Tool(
    "to_project", "To a Jesse project", "Write a result's strategy into a Jesse project, with the chosen values as its "
    "defaults.", "jesse_nb.core.tools.trading.to_project:to_project",
    (
        Parameter("result", Result(), "A backtest, a study or a walk-forward: its name or key in the research record, "
                  "in a notebook also a variable.", positional="1", metavar="RESULT"),
        Parameter("project", Folder(), "The Jesse project's folder.", positional="?", metavar="PROJECT",
                  unset="the working directory"),
        *(parameter.but(group=_WHICH) for parameter in (
            Parameter("trial", Whole(0, 10**9), "Of a study, by number.", unset="the best"),
            Parameter("window", Whole(0, 10**9), "Of a walk-forward, by number, from 0.", unset="the last"),
            Parameter("strategy", Strategy(), "The strategy, where it has not been met yet, to have it simulated there "
                      "first: in a notebook its class, on the command line your own file."),
            Parameter("dna", Switch(), "In place of writing: the values as one text, as Jesse's optimizer gives them.",
                      False, surfaces=(MAGIC, COMMAND)),
        )),
        *(parameter.but(group=_WHERE) for parameter in (
            Parameter("name", Text("NAME", 100), "Of the strategy there.", unset="its own"),
            Parameter("overwrite", Switch(), "Replace a strategy of that name without a question; a copy of it stays "
                      "beside it.", False),
            CANDLES, STORE,
        )),
    ),
    magics=("to_project",), command="to-project",
)
