"""What lists, finds and compares kept results."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from jesse_nb.core.rendering import Shown
from jesse_nb.core.tools.declaration.markets import Several
from jesse_nb.core.tools.declaration.parameter import COMMAND, MAGIC, Parameter
from jesse_nb.core.tools.declaration.reader import Desk, Reader
from jesse_nb.core.tools.declaration.results import named_or_kept
from jesse_nb.core.tools.declaration.shared import CANDLES, OUTPUT, SEED
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.core.tools.declaration.values import Moment, Text, Whole
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["COMPARE", "RESULTS"]

_WHICH, _HOW = "which", "how"


class Week(Reader):
    """A week: this one, the last one, or one of a year by its number."""

    metavar, python = "WEEK", "str | None"
    choices = ("this", "last")

    def check(self, name: str, value: Any) -> str:
        """See :meth:`Reader.check`."""
        if not isinstance(value, str) or not (value in self.choices or re.fullmatch(r"\d{4}-W\d{2}", value)):
            raise InputError.of(name, f"is {shown(value)}.", "It is this, last, or a year's week: 2026-W48.")
        return value


class VerdictWords(Text):
    """A part of a verdict, as reports say it. The list tells what is part of none: kept results may have others."""

    @property
    def suggested(self) -> tuple[str, ...]:
        """See :attr:`Reader.suggested`."""
        from jesse_nb.core.record.about import known_verdicts

        return known_verdicts()


class Comparisons(Reader):
    """What a metric must be: ``sharpe > 1``, several of them too."""

    many = "+"
    metavar, python = "COMPARISON", "str | None"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return " ".join(words)

    def check(self, name: str, value: Any) -> str:
        """See :meth:`Reader.check`."""
        from jesse_nb.core.study.constraints import parse_constraints

        if not isinstance(value, str) or not value.strip():
            raise InputError.of(name, f"is {shown(value)}.", "Write 'sharpe > 1', or 'trades >= 30, drawdown < 25'.")
        parse_constraints(value)
        return value


class Order(Reader):
    """What rows are sorted by: a column of the list, or a metric."""

    metavar, python = "COLUMN", "str"
    columns = ("when", "name", "kind", "what", "verdict", "metric", "days", "trades")

    def check(self, name: str, value: Any) -> str:
        """See :meth:`Reader.check`."""
        from jesse_nb.core.study.metric import resolve_metric

        if not isinstance(value, str):
            raise InputError.of(name, f"is {shown(value)}.", f"It is one of {', '.join(self.columns)}, or a metric.")
        return value if value in self.columns else resolve_metric(value).name


class SeveralResults(Reader):
    """Results, or names and keys of kept ones."""

    many, evaluates, field = "*", True, "several"
    metavar, offers = "RESULT", "results"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`: each with what it stands for."""
        return tuple((word, self._meant(name, word, desk)) for word in words)

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        if not isinstance(value, list | tuple) or len(value) < 2:
            raise InputError.of(name, self._too_few(value), "Give two results at the least, or names of kept ones.")
        return tuple(value)

    def _too_few(self, value: Any) -> str:
        """Say what there is, by its name and not as it is passed on."""
        if not isinstance(value, list | tuple):
            return f"is {shown(value)}."
        if not value:
            return "cannot be empty."
        only = value[0][0] if isinstance(value[0], tuple) and value[0] else value[0]
        return f"cannot be {shown(only) if isinstance(only, str) else 'one result'} alone."

    def _meant(self, name: str, word: str, desk: Desk) -> Any:
        """Return a variable's value, a kept result, or the value of an expression."""
        try:
            return named_or_kept(name, word, desk)
        except InputError as error:
            if not isinstance(error.__cause__, NameError | SyntaxError):
                raise
        from jesse_nb.core.record.result_store import ResultStore

        results = {each for each, value in desk.names.items() if isinstance(value, Shown) and not each.startswith("_")}
        raise InputError.of(name, f"is {shown(word)}, which is neither a variable nor a kept result.",
                            did_you_mean(word, results | set(ResultStore().names())) or "%results lists what is kept.")


COMPARE = Tool(
    "compare", "Compare", "Put results side by side: what differs in what they ran and in what came of it, and "
    "whether by more than noise.", "jesse_nb.core.tools.compare.compare:compare",
    (
        Parameter("results", SeveralResults(), "Two or more: variables, names or first digits of the keys of kept "
                  "ones. The first is what the others are compared with.", positional="*", metavar="RESULT",
                  group="what is compared"),
        SEED, CANDLES, *OUTPUT,
    ),
    results={"jesse_nb.core.tools.compare.comparison:Comparison": "jesse_nb.report.compare.compare_report:COMPARISON"},
    magics=("compare",), command="compare", running="Comparison",
    details="""\
        It takes what any tool gave, a name under which it was kept, or its key::

            %compare base tighter
            %compare study "last week's best" 3f2a91 -o comparison

        Each difference from the first result has an interval and a p-value, of a
        bootstrap that draws the same days of both; all of them are corrected
        together. Nothing is simulated. Runs of other timeframes or modes, which
        Jesse samples at other hours, are valued at midnight from stored candles.
        """,
)

#: No job: a list is there at once.
RESULTS = Tool(
    "results", "Results", "List the results that this project has kept.",
    "jesse_nb.core.tools.record.listing:results",
    (
        *(parameter.but(group=_WHICH) for parameter in (
            Parameter("text", Text("TEXT"), "Only those with it in name, note or description.", positional="?",
                      metavar="TEXT"),
            Parameter("kind", Text("KIND"), "Only of one tool: backtest, optimize, walk_forward, batch, analyze, …"),
            Parameter("strategy", Text("NAME"), "Only of a strategy."),
            Parameter("symbol", Text("SYMBOL"), "Only of a market, BTC-USDT for example.", flags=("-s", "--symbol")),
            Parameter("tags", Several(Text("TAG")), "Only with all of these tags.", (), flags=("--tags", "--tag")),
            Parameter("metric", Comparisons(), "Only where metrics hold: 'sharpe > 1, trades >= 30'; of a study those "
                      "of its held-out run.",
                      flags=("--metric", "--where")),
            Parameter("verdict", VerdictWords("TEXT"), "Only with it in the verdict: skill, luck, 'holds up'."),
            Parameter("week", Week(), "Only of a week, Monday to Sunday, UTC."),
            Parameter("since", Moment(), "Only from then on, UTC."),
            Parameter("until", Moment(), "Only before then, UTC."),
        )),
        *(parameter.but(group=_HOW) for parameter in (
            Parameter("sort", Order(), "What comes first: the newest (when), the best (metric, or a metric's name), or "
                      "by another column.", "when"),
            Parameter("limit", Whole(1, 1_000_000, "rows"), "How many.", 20, flags=("-n", "--limit")),
            Parameter("forget", Several(Text("KEY")), "In place of a list: delete these from the record, by name or "
                      "the first digits of their keys. Simulations stay in the run store.",
                      surfaces=(MAGIC, COMMAND)),
        )),
    ),
    magics=("results",), command="results",
)
