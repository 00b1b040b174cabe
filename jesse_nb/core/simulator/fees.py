"""What a fill costs: one fee for all markets, or one of each; here, and only here, it is told which a market pays."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any

from jesse_nb.core.candles.series import symbol_name
from jesse_nb.exceptions import InputError, shown

__all__ = ["Fee", "MarketFees", "checked_fee", "each_fee", "fee_of", "fee_of_run", "fee_words", "highest_fee",
           "mean_fee"]

#: A fraction of a fill's value, of all markets; or of each, by its symbol.
Fee = float | Mapping[str, float]

#: Of a fill's value, itself excluded.
_HIGHEST = 0.1


class MarketFees(dict[str, float]):
    """The fee of each market, by its symbol; as a text, what a line says: ``BTC-USDT=0.0004,ETH-USDT=0.001``."""

    def __hash__(self) -> int:  # type: ignore[override]  # an account can be hashed, and nobody changes its fees
        return hash(frozenset(self.items()))

    def __str__(self) -> str:
        return ",".join(f"{symbol}={fee:.15g}" for symbol, fee in self.items())


def checked_fee(name: str, value: Any) -> Fee:
    """Return a fee for all markets, or one for each, symbols as Jesse writes them.

    Parameters
    ----------
    name
        The argument's, for errors.
    value
        A number, a mapping by symbol, or what a line says: ``BTC-USDT=0.0004,ETH-USDT=0.001``.

    Raises
    ------
    InputError
        When it is none of these, or names a market twice.
    """
    if isinstance(value, Mapping):
        return _by_market(name, value.items())
    if isinstance(value, str) and "=" in value:
        return _by_market(name, _pairs(name, value))
    return _checked(name, value, f"is {shown(value)}")


def fee_of(fee: Fee, symbol: str) -> float:
    """Return what a market pays."""
    return fee[symbol] if isinstance(fee, Mapping) else fee


def fee_of_run(fee: Fee, symbols: Iterable[str]) -> Fee:
    """Return what a run of these markets pays: one fee where they pay alike, so that it is the run of that fee.

    Fees of other markets are left out: one table serves runs of any of its markets.

    Raises
    ------
    InputError
        When a market has none. There is no fee to fall back on: a guessed one would be a guessed result.
    """
    if not isinstance(fee, Mapping):
        return fee
    traded = list(symbols)
    missing = [symbol for symbol in traded if symbol not in fee]
    if missing:
        near = difflib.get_close_matches(missing[0], [name for name in fee if name not in traded], n=1)
        raise InputError.of("fee", f"has none for {' and '.join(missing)}, and it must have one for every market that "
                            "is traded.", f"Was {near[0]} to be {missing[0]}?" if near else f"It has {', '.join(fee)}.")
    own = MarketFees({symbol: fee[symbol] for symbol in traded})
    return next(iter(own.values())) if len(set(own.values())) == 1 else own


def each_fee(fee: Fee, change: Callable[[float], float]) -> Fee:
    """Return the fee, or each one, changed: doubled, for example."""
    return MarketFees({symbol: change(one) for symbol, one in fee.items()}) if isinstance(fee, Mapping) else change(fee)


def highest_fee(fee: Fee) -> float:
    """Return the highest that any market pays."""
    return max(fee.values()) if isinstance(fee, Mapping) else fee


def mean_fee(fee: Fee, traded: Mapping[str, float]) -> float:
    """Return what a fill pays on average.

    Parameters
    ----------
    fee
        Of all markets, or of each.
    traded
        Value of all fills by symbol; where nothing was traded, all markets count alike.
    """
    if not isinstance(fee, Mapping):
        return fee
    weights = traded if sum(traded.values()) else dict.fromkeys(fee, 1.0)
    return sum(fee[symbol] * value for symbol, value in weights.items()) / sum(weights.values())


def fee_words(fee: Fee, digits: str = ".4g") -> str:
    """Write it in percent: ``0.1%``, or ``0.04% (BTC-USDT) and 0.1% (ETH-USDT)``."""
    if not isinstance(fee, Mapping):
        return f"{fee * 100:{digits}}%"
    *most, last = (f"{one * 100:{digits}}% ({symbol})" for symbol, one in fee.items())
    return " and ".join([", ".join(most), last]) if most else last


def _by_market(name: str, pairs: Iterable[tuple[Any, Any]]) -> MarketFees:
    found = MarketFees()
    for market, fee in pairs:
        try:
            symbol = symbol_name(market)
        except InputError as error:
            raise InputError.of(name, f"names {shown(market)}, which is no symbol.", error.hint) from None
        if symbol in found:
            raise InputError.of(name, f"gives {symbol} twice.")
        found[symbol] = _checked(name, fee, f"is {shown(fee)} for {symbol}")
    if not found:
        raise InputError.of(name, "is empty.", "Give one for all markets, 0.001, or one for each: {'BTC-USDT': 0.001}.")
    return found


def _pairs(name: str, text: str) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for word in text.split(","):
        market, equals, fee = (part.strip() for part in word.partition("="))
        if not (market and equals and fee):
            raise InputError.of(name, f"takes SYMBOL=FRACTION pairs, not {shown(word)}.",
                                "Commas separate them: BTC-USDT=0.0004,ETH-USDT=0.001.")
        try:
            pairs.append((market, float(fee)))
        except ValueError:
            pairs.append((market, fee))
    return pairs


def _checked(name: str, fee: Any, said: str) -> float:
    if isinstance(fee, bool) or not isinstance(fee, Real) or not 0 <= float(fee) < _HIGHEST:
        raise InputError.of(name, f"{said}, not a fraction of a fill's value from 0 to below {_HIGHEST:g}.",
                            "0.1 % is 0.001. Or give one for each market: BTC-USDT=0.0004,ETH-USDT=0.001, in Python "
                            "a dict.")
    return float(fee)
