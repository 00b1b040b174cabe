"""What a plain strategy may use: nothing here changes anything that outlives a run, or takes anything from outside.

Who adds a word sees to it that it neither writes to what it is given, nor keeps anything, nor calls what it is given.
"""

from __future__ import annotations

import inspect
import re
from functools import cache

from jesse_nb.core.jesse_runtime import jesse_module, strategy_class

__all__ = ["BUILTINS", "CONSTANTS", "HOOKS", "METHODS", "MODULES", "ORDERS", "OWN_METHODS", "READ", "SCALAR_READ",
           "TYPES", "UNUSED_MODULES", "VALUE_FIELDS", "functions_of", "indicator_fields", "names_of_jesse"]

#: Modules whose functions may be called, and those that may be imported as long as nothing of them is used.
MODULES = ("numpy", "math", "jesse.indicators", "jesse.utils")
UNUSED_MODULES = ("collections", "dataclasses", "datetime", "enum", "functools", "itertools", "json", "os", "pandas",
                  "random", "statistics", "sys", "talib", "time", "typing", "jesse.helpers")

#: Built-in functions, and the names of what may be passed to them by name.
BUILTINS = {**dict.fromkeys(("abs", "all", "any", "bool", "dict", "float", "int", "len", "list", "range", "reversed",
                             "round", "tuple", "zip"), ()),
            "enumerate": ("start",), "max": ("default",), "min": ("default",), "sorted": ("reverse",),
            "sum": ("start",)}

#: May also stand by themselves, as in a declared hyperparameter.
TYPES = ("bool", "dict", "float", "int", "list", "str", "tuple")

#: NumPy's functions, each with the most arguments by position: after them comes an array to write into.
_NUMPY = {**dict.fromkeys(("abs", "absolute", "ceil", "cos", "exp", "expm1", "floor", "isfinite", "isinf", "isnan",
                           "log", "log10", "log1p", "log2", "sign", "sin", "sqrt", "square", "tan", "tanh", "rint",
                           "atleast_1d", "count_nonzero", "flatnonzero", "zeros", "ones", "array", "asarray"), 1),
          **dict.fromkeys(("add", "all", "any", "argmax", "argmin", "average", "cumprod", "cumsum", "diff", "divide",
                           "dot", "max", "maximum", "mean", "median", "min", "minimum", "multiply", "nanmax", "nanmean",
                           "nanmin", "nanstd", "nansum", "percentile", "power", "prod", "quantile", "std", "subtract",
                           "sum", "var", "full", "around", "round", "corrcoef", "isclose", "array_equal"), 2),
          **dict.fromkeys(("arange", "clip", "linspace", "polyfit", "where"), 3)}
_NUMPY_NAMED = ("axis", "ddof", "keepdims", "q", "deg")

_UTILS = ("anchor_timeframe", "crossed", "estimate_risk", "kelly_criterion", "limit_stop_loss", "prices_to_returns",
          "qty_to_size", "risk_to_qty", "risk_to_size", "size_to_qty", "strictly_decreasing", "strictly_increasing",
          "subtract_floats", "sum_floats", "z_score")

CONSTANTS = {"numpy": ("e", "inf", "nan", "newaxis", "pi"), "math": ("e", "inf", "nan", "pi", "tau")}

#: Methods of arrays, texts and dictionaries that change nothing, and the most arguments by position.
METHODS = {**dict.fromkeys(("copy", "flatten", "item", "items", "keys", "lower", "tolist", "upper", "values"), 0),
           **dict.fromkeys(("all", "any", "argmax", "argmin", "cumsum", "endswith", "max", "mean", "min", "prod",
                            "startswith", "std", "sum", "var"), 1),
           "get": 2}

#: Of lists and dictionaries that the strategy has made itself.
OWN_METHODS = ("append", "clear", "extend", "insert", "pop", "remove", "reverse", "update")

#: What Jesse calls, and a strategy may define.
HOOKS = ("__init__", "after", "before", "before_terminate", "dna", "filters", "go_long", "go_short", "hyperparameters",
         "on_cancel", "on_close_position", "on_increased_position", "on_open_position", "on_reduced_position",
         "should_cancel_entry", "should_long", "should_short", "terminate", "update_position")

#: What a strategy sets for Jesse to act on.
ORDERS = ("buy", "sell", "stop_loss", "take_profit")

#: What may be read of ``self``: numbers first, which nothing can change in place.
SCALAR_READ = ("available_margin", "average_entry_price", "average_stop_loss", "average_take_profit", "balance",
               "capital", "close", "fee_rate", "high", "increased_count", "index", "is_close", "is_long", "is_open",
               "is_short", "is_futures_trading", "is_spot_trading", "leverage", "leveraged_available_margin", "low",
               "open", "portfolio_value", "price", "reduced_count", "time", "trades_count", "volume")
READ = (*SCALAR_READ, *ORDERS, "active_exit_orders", "base_asset", "candles", "current_candle", "entry_orders",
        "exchange", "exchange_type", "exit_orders", "has_long_entry_orders", "has_short_entry_orders", "hp", "orders",
        "position", "quote_asset", "symbol", "timeframe", "trade", "trades", "vars")

#: What may be read of positions, orders, trades and arrays.
VALUE_FIELDS = ("closed_at", "created_at", "current_price", "entry_price", "executed_at", "exit_price", "fee",
                "filled_qty", "holding_period", "is_active", "is_canceled", "is_close", "is_executed", "is_long",
                "is_open", "is_short", "opened_at", "pnl", "pnl_percentage", "previous_qty", "price", "qty",
                "remaining_qty", "roi", "side", "size", "total_cost", "type", "value", "T", "ndim", "shape")


def functions_of(module: str, name: str) -> tuple[int, tuple[str, ...] | None] | None:
    """Return the most arguments by position of a function, and the names of others, None for any; None if unknown."""
    if module == "numpy":
        return (_NUMPY[name], _NUMPY_NAMED) if name in _NUMPY else None
    if module == "math":
        return None if name.startswith("_") else (4, ())
    if module == "jesse.utils":
        return (9, None) if name in _UTILS else None
    found = None if name.startswith("_") else getattr(jesse_module("jesse.indicators"), name, None)
    return (99, None) if inspect.isfunction(found) and found.__module__.startswith("jesse.indicators.") else None


@cache
def indicator_fields() -> frozenset[str]:
    """Return the names of the parts that indicators of several lines give, and that are no methods elsewhere."""
    fields: set[str] = set()
    for found in vars(jesse_module("jesse.indicators")).values():
        answer = getattr(found, "__annotations__", {}).get("return")
        fields.update(getattr(answer, "_fields", ()))
    models = jesse_module("jesse.models")
    return frozenset(name for name in fields if not any(
        callable(getattr(model, name, None)) for model in (models.Position, models.Order, models.ClosedTrade)))


@cache
def names_of_jesse() -> frozenset[str]:
    """Return every name that Jesse's own Strategy has, or sets on itself."""
    base = strategy_class()
    return frozenset({*dir(base), *re.findall(r"self\.(\w+)", inspect.getsource(base))})
