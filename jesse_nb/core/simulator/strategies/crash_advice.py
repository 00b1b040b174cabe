"""What to do about an exception of a strategy, where its message does not say so."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from traceback import walk_tb
from types import ModuleType, TracebackType
from typing import Any

from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.exceptions import did_you_mean

__all__ = ["crash_advice", "place_in_jesse"]

#: Packages whose name to install is not that to import.
_PACKAGES = {"talib": "TA-Lib", "pandas_ta": "pandas-ta", "sklearn": "scikit-learn", "tulipy": "tulipy",
             "custom_indicators": ""}

#: What Jesse's own ``Strategy.__init__`` sets.
_SET_BY_JESSE = ("hp", "vars", "shared_vars", "trade", "position", "broker", "_is_executing", "_is_initiated", "index")

_ROUTES = ("get_all_trading_routes", "trading_routes", "all_trading_routes")


def crash_advice(error: BaseException) -> str:
    """Return one line on what to write in place of what failed; empty where nothing is known of it.

    Examples
    --------
    >>> crash_advice(ModuleNotFoundError("No module named 'talib'", name="talib"))
    "Install it with %pip install TA-Lib, or take the indicator from jesse.indicators."
    >>> crash_advice(ValueError("anything"))
    ''
    """
    for kind, advise in _ADVICE:
        if isinstance(error, kind):
            advice = advise(error)
            if advice:
                return advice
    by_name = _BY_NAME.get(type(error).__name__)  # Jesse's own, which are not imported here
    return by_name(error) if by_name else ""


def place_in_jesse(error: BaseException) -> str:
    """Return where Jesse's simulator failed by itself, given that no line of the strategy was running.

    Empty for what Jesse refuses by an exception of its own, and for what its ``Strategy`` class makes of values that
    the strategy gave it: those are the strategy's.
    """
    frames = [(str(frame.f_globals.get("__name__", "")), line, frame.f_code.co_name)
              for frame, line in walk_tb(error.__traceback__)]
    ours = [frame for frame in frames if frame[0].startswith(("jesse.", "jesse_nb.")) and "jesse.libs" not in frame[0]]
    refused = type(error).__module__.startswith("jesse.") or not isinstance(error, Exception)
    if refused or not ours or any(module.startswith("jesse.strategies") for module, _, _ in ours):
        return ""
    module, line, function = ours[-1]
    return f"{function} of {module}, line {line}" if module.startswith("jesse.") else ""


def _missing_package(error: Any) -> str:
    package = (error.name or "").partition(".")[0]
    if not package:
        return ""
    if package == "jesse":
        return f"Jesse has no module {error.name} any more: see jesse.indicators, jesse.helpers and jesse.utils."
    installed = _PACKAGES.get(package, package)
    if not installed:
        return "Give project=, or start in the Jesse project that holds this folder."
    indicator = ", or take the indicator from jesse.indicators" if package in ("talib", "pandas_ta", "tulipy") else ""
    return f"Install it with %pip install {installed}{indicator}."


def _moved_name(error: Any) -> str:
    if error.name is None or not error.name.startswith("jesse"):
        return ""
    wanted = getattr(error, "name_from", None) or str(error).partition("'")[2].partition("'")[0]
    module: Any = jesse_module(error.name)
    return did_you_mean(wanted, [name for name in dir(module) if not name.startswith("_")])


def _missing_attribute(error: Any) -> str:
    if error.name in _ROUTES:
        return "Write self.routes."
    if error.name == "get_all_data_routes":
        return "Jesse has no such method: self.get_candles(exchange, symbol, timeframe) reads a data route."
    if error.name in _SET_BY_JESSE and not hasattr(error.obj, error.name):
        return "Begin __init__ with super().__init__(): Jesse sets up the strategy there."
    if isinstance(error.obj, ModuleType) and error.obj.__name__.startswith("jesse"):
        return did_you_mean(error.name, [name for name in dir(error.obj) if not name.startswith("_")])
    return ""


def _removed(error: BaseException) -> str:
    return "Write self.balance." if "self.capital" in str(error) else ""


def _hyperparameter(error: BaseException) -> str:
    if error.args[:1] in (("default",), ("name",), ("type",)):
        return f"Each of hyperparameters() has name, type, min, max and default; one lacks {error.args[0]!r}."
    return "If that is a hyperparameter: give it a value, or a place in the space."


def _refused_by_jesse(error: BaseException) -> str:
    if 'exchange type is "spot"' in str(error):
        return "A spot account cannot go short; market='futures' (--market futures) trades these candles on margin."
    if "qty cannot be 0" not in str(error):
        return ""
    return ("The quantity was rounded to zero: utils.size_to_qty() keeps three digits. Give it precision=8, or trade a "
            "larger size.")


def _too_large(error: BaseException) -> str:
    """Return how much would have fitted, from what Jesse had at hand when it refused."""
    place = _innermost(error.__traceback__)
    exchange, order = place.get("self"), place.get("order")
    try:
        leverage = float(getattr(exchange, "futures_leverage", 1))
        room = float(place.get("quote_balance", getattr(exchange, "available_margin", math.nan)))
        # By now Jesse has forgotten what was open: its message has what was left then, in whole units.
        said = re.search(r"available margin is \$(-?\d+)", str(error))
        room = min(room, float(said[1]) - 0.5) if said else room
        most = room * leverage / (float(order.price) * (1 + leverage * float(exchange.fee_rate)))  # type: ignore[union-attr]
    except (AttributeError, TypeError, ValueError, ZeroDivisionError):
        return ""
    if not most > 0:
        return "All of the margin is in use: wait until a position or an order gives some back."
    size = "self.available_margin * self.leverage" if hasattr(exchange, "futures_leverage") else "self.balance"
    return (f"At most {_floor(most):g} would fit there; utils.size_to_qty({size}, price, fee_rate=self.fee_rate) gives "
            "what fits.")


def _floor(value: float) -> float:
    digits = 5 - math.floor(math.log10(value))
    return float(math.floor(value * 10.0**digits) / 10.0**digits)


def _not_called(error: BaseException) -> str:
    if "object is not callable" not in str(error) or "list" not in str(error):
        return ""
    return "Jesse calls hyperparameters(), filters() and the like: write def hyperparameters(self): return [...]."


def _no_number(error: BaseException) -> str:
    if "Invalid float" not in str(error) and not str(error).endswith("is no order."):
        return ""
    return ("A quantity or a price is NaN or None: an indicator has no value yet. Look first: "
            "should_long() returns False while np.isnan(value).")


def _malformed_order(error: BaseException) -> str:
    """Say which order is no pair: Jesse reads it after the strategy's method, so that no line of it raises."""
    frame = next((name for name in _functions(error) if name.startswith("_prepare_")), "")
    order = frame.removeprefix("_prepare_")
    return f"self.{order} is (quantity, price), or a list of such pairs." if order else ""


def _functions(error: BaseException) -> list[str]:
    return [frame.f_code.co_name for frame, _ in walk_tb(error.__traceback__)]


def _no_data_route(error: BaseException) -> str:
    asked: dict[str, Any] = next((frame.f_locals for frame, _ in walk_tb(error.__traceback__)
                                  if frame.f_code.co_name == "get_candles" and "symbol" in frame.f_locals), {})
    symbol, timeframe = asked.get("symbol"), asked.get("timeframe")
    if not (isinstance(symbol, str) and isinstance(timeframe, str)):
        return "Name what else the strategy reads in data_routes (--data-routes SYMBOL:TIMEFRAME)."
    return f"Add data_routes=[({symbol!r}, {timeframe!r})], on a line --data-routes {symbol}:{timeframe}."


def _innermost(traceback: TracebackType | None) -> dict[str, Any]:
    place: dict[str, Any] = {}
    while traceback is not None:
        place, traceback = traceback.tb_frame.f_locals, traceback.tb_next
    return place


_ADVICE: tuple[tuple[type[BaseException], Callable[[Any], str]], ...] = (
    (ModuleNotFoundError, _missing_package), (ImportError, _moved_name), (AttributeError, _missing_attribute),
    (NotImplementedError, _removed), (KeyError, _hyperparameter), (IndexError, _malformed_order),
    (TypeError, _not_called), (ValueError, _no_number),
)
_BY_NAME: dict[str, Callable[[BaseException], str]] = {
    "InvalidStrategy": _refused_by_jesse, "InsufficientMargin": _too_large, "InsufficientBalance": _too_large,
    "RouteNotFound": _no_data_route,
}
