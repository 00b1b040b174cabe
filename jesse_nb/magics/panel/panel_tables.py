"""What each form shows: which arguments of which magic, and where its result can go next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jesse_nb.core.tools.declaration.parameter import MAGIC, Parameter
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.core.tools.registry import tool_of_magic

__all__ = ["CANDLES", "OF_A_RESULT", "PANELS", "PANEL_NAMES", "PLURAL", "PanelTable"]

#: The forms there are.
PANEL_NAMES = ("backtest", "optimize", "walk_forward", "backtest_batch", "analyze", "candles")

#: What one form calls in the singular and another in the plural.
PLURAL = {"strategy": "strategies", "symbol": "symbols", "timeframe": "timeframes"}

#: What a form calls ``names`` and the tool by what it names.
OF_A_RESULT = {"result": "names", "trades": "names", "equity": "names"}

_ACCOUNT = ("balance", "fee", "market", "leverage", "leverage_mode", "maintenance_margin")
_RUN = ("mode", "gaps", "warm_up_candles", "data_routes", "trial_timeout")
_PICK_STRATEGY = ("Choose a strategy. What cells define appears here; `from jesse_nb.quickstart import TrendFollower` "
                  "is one to begin with.")
_PICK_EXCHANGE = "Choose an exchange. `%panel candles` stores candles of one."
_PICK_SYMBOL = "Choose a symbol. `%panel candles` stores some."
_PICK_PERIOD = "Choose a date."
_NO_SPACE = "The strategy declares no hyperparameters. Add one to the table."


@dataclass(frozen=True)
class PanelTable:
    """A form.

    Attributes
    ----------
    magic
        The magic that it fills in.
    title, remark, verb
        What stands above it, and on its button.
    main, more
        Arguments by their name in Python: those always seen, and the others.
    required
        Why an argument cannot be left out.
    words
        What follows the magic's name at once.
    output
        The suggested name of its result.
    then
        Forms that can go on with the result, and what they are given of it; ``{}`` is its name.
    kinds
        How an argument that no tool declares is filled in, where that is not a text.
    offers
        Where the values of an argument are those of another.
    background
        Whether the magic runs in the background.
    question
        What is asked before it runs, with the arguments' words in braces.
    """

    magic: str
    title: str
    remark: str
    main: tuple[str, ...]
    more: tuple[str, ...] = ()
    required: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    output: str = ""
    then: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    offers: Mapping[str, str] = field(default_factory=dict)
    background: bool = True
    verb: str = "Run"
    question: str = ""

    @property
    def tool(self) -> Tool | None:
        """The tool of its magic; None where that is no tool's."""
        return tool_of_magic(self.magic)

    def declared(self, argument: str) -> Parameter | None:
        """Return an argument as the tool declares it for its magic."""
        return next((one for one in self.tool.on(MAGIC) if one.name == argument), None) if self.tool else None


_ONE_MARKET = {"strategy": _PICK_STRATEGY, "exchange": _PICK_EXCHANGE, "symbol": _PICK_SYMBOL,
               "timeframe": "Choose a timeframe.", "start": _PICK_PERIOD, "end": _PICK_PERIOD,
               "output": "Give the result a name."}  # fmt: skip

PANELS = {
    "backtest": PanelTable(
        "backtest", "Backtest", "one run of one strategy",
        ("strategy", "exchange", "symbol", "timeframe", "start", "end", "hyperparameters", "output"),
        (*_ACCOUNT, *_RUN), _ONE_MARKET, output="result",
        then={"optimize": {}, "walk_forward": {}, "analyze": {"names": "{}"}},
    ),
    "optimize": PanelTable(
        "optimize", "Optimize", "search for the best hyperparameters",
        ("strategy", "exchange", "symbol", "timeframe", "start", "end", "space", "metric", "n_trials", "n_jobs",
         "output"),
        ("constraints", "hyperparameters", "sampler", "seed", "pruner", "initial_result", "test_ratio", "test_start",
         "test_end", "holdout", "top", "neighbours", "parity", "timeout", *_ACCOUNT, *_RUN),
        {**_ONE_MARKET, "space": _NO_SPACE}, output="study",
        then={"walk_forward": {}, "backtest_batch": {"params": "{}"},
              "backtest": {"hyperparameters": "{}.best_params"}, "analyze": {"names": "{}"}},
    ),
    "walk_forward": PanelTable(
        "walk_forward", "Walk-forward", "optimize on the past, test on what came after",
        ("strategy", "exchange", "symbol", "timeframe", "start", "end", "in_sample_period", "out_sample_period",
         "step_forward", "space", "metric", "n_trials", "n_jobs", "output"),
        ("gap", "anchored", "split", "groups", "test_groups", "constraints", "hyperparameters", "sampler", "seed",
         "timeout", *_ACCOUNT, *_RUN),
        _ONE_MARKET, output="walk", then={"analyze": {"names": "{}"}},
    ),
    "backtest_batch": PanelTable(
        "backtest_batch", "Batch of backtests", "every combination of strategies, markets and parameters",
        ("strategies", "exchange", "symbols", "timeframes", "start", "end", "params", "metric", "concurrent_limit",
         "output"),
        ("periods", "top", "hyperparameters", "large", *_ACCOUNT, *_RUN),
        {"strategies": _PICK_STRATEGY, "exchange": _PICK_EXCHANGE, "symbols": _PICK_SYMBOL,
         "timeframes": "Choose a timeframe.", "output": "Give the result a name."}, output="batch",
        then={"analyze": {"names": "{}"}},
    ),
    "analyze": PanelTable(
        "analyze", "Analyze", "what a result really says, and how much of it may be luck",
        ("names", "analysis_type", "benchmark", "output"),
        ("ruin", "paths", "scenarios", "seed", "include_trade_analysis", "include_correlation",
         "include_monte_carlo", "resimulate", "n_jobs", "trial_timeout"),
        {"names": "Choose a result. What a form or a magic with -o made appears here.",
         "output": "Give the analysis a name."}, output="analysis",
    ),
}  # fmt: skip

#: The forms of the candles panel, by the action of ``%candles``.
CANDLES = {
    "demo": PanelTable(
        "candles", "Demo market", "store a synthetic market, offline, to try things on; all symbols, if none is chosen",
        ("symbols", "start", "end"), words=("demo",), background=False, verb="Store",
        kinds={"symbols": "several", "start": "date", "end": "date"}, offers={"symbols": "demo_symbols"},
    ),
    "import": PanelTable(
        "candles", "Import files", "CSV, Parquet, Feather, JSON, exchange archives, plain or zipped",
        ("names", "exchange", "symbols", "columns", "replace"), words=("import",), background=False, verb="Import",
        kinds={"exchange": "suggest"},
        required={"names": "Give a file, several, or a folder.", "exchange": "Name the exchange."},
    ),
    "delete": PanelTable(
        "candles", "Delete a series", "its file is removed from the store", ("exchange", "names"),
        words=("delete",), background=False, verb="Delete", kinds={"exchange": "choice", "names": "choice"},
        offers={"names": "symbol"},
        required={"names": "Nothing is stored.", "exchange": "Nothing is stored."},
        question="Delete {names} of {exchange}? This cannot be undone.",
    ),
}  # fmt: skip
