"""One exchange, asked for candles through Jesse's own driver, patiently and interruptibly."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, TypeVar

import numpy as np

from jesse_nb.core.candles.driver_quirks import daily_candles, ignores_quote, repeated_minutes, says_empty, set_clock
from jesse_nb.core.candles.series import COLUMNS, Candles
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.times import DAY_MS, MINUTE_MS, utc_text
from jesse_nb.exceptions import ExchangeError, InputError, JobCancelledError, did_you_mean

__all__ = ["Exchange", "Page", "exchange_names"]

T = TypeVar("T")

_DRIVERS = "jesse.modes.import_candles_mode.drivers"

#: Times that one page is asked for, at the most, and how often of these while it cannot be read.
_ATTEMPTS = 6
_READINGS = 3
#: Seconds before the second attempt; doubled for each further one.
_FIRST_WAIT = 1.0
#: An exchange that asks to wait longer than so many seconds gets an error instead.
_LONGEST_WAIT = 300.0
#: Seconds after which a request without an answer counts as failed; some drivers set no limit of their own.
_ANSWER_WITHIN = 60.0
#: Seconds between two looks whether to stop.
_LOOK = 0.05

_clock = time.time


class Page(NamedTuple):
    """An exchange's answer.

    Attributes
    ----------
    candles
        float64 (n, 6), inside the period that was asked for.
    next_available
        The first candle after the period, milliseconds UTC, where the exchange named one.
    """

    candles: Candles
    next_available: int | None


def exchange_names() -> tuple[str, ...]:
    """Return the exchanges that Jesse's drivers can ask for candles, as Jesse spells them."""
    return tuple(sorted(jesse_module(_DRIVERS).drivers))


class Exchange:
    """One exchange.

    Parameters
    ----------
    name
        As Jesse spells it; capitals do not matter.
    stopped
        Tells whether the user wants to stop; looked at many times a second.
    tell
        Is told why it takes longer: ``"Binance Spot asks to wait 12 s"``; and ``""`` when it goes on.

    Raises
    ------
    InputError
        When Jesse has no driver for it.
    """

    def __init__(self, name: str, *, stopped: Callable[[], bool] = lambda: False,
                 tell: Callable[[str], None] = lambda _: None) -> None:
        self.name = _known(name)
        self._stopped = stopped
        self._tell = tell
        self._behind = 0.0
        self._listed: tuple[str, ...] = ()
        self._driver = self._connect()

    @property
    def page_minutes(self) -> int:
        """How many minutes one request may ask for."""
        return int(self._driver.count) - repeated_minutes(self._driver)

    @property
    def delay(self) -> float:
        """Seconds to leave between two requests."""
        return float(self._driver.sleep_time)

    def now(self) -> int:
        """Return the begin of the minute that is still open, by the earlier of our clock and the exchange's."""
        return int((_clock() - self._behind) * 1000) // MINUTE_MS * MINUTE_MS

    def first_candle(self, symbol: str) -> int | None:
        """Return when a symbol's first candle was, milliseconds UTC; None where the exchange cannot say.

        Raises
        ------
        InputError
            When the exchange does not list the symbol.
        ExchangeError
            When it does not answer.
        """
        if ignores_quote(self._driver):
            self._check_listed(symbol)
        set_clock()
        try:
            found = self._patiently(symbol, lambda: self._driver.get_starting_time(symbol))
        except (_UnreadableError, _RefusedSymbolError):
            return None  # the drivers of some exchanges guess; the pages themselves will tell
        return None if found is None else -(-int(found) // MINUTE_MS) * MINUTE_MS

    def page(self, symbol: str, start: int, end: int) -> Page:
        """Return the one-minute candles with ``start <= timestamp < end``.

        Parameters
        ----------
        symbol
            Like ``BTC-USDT``.
        start, end
            Milliseconds UTC, at most :attr:`page_minutes` apart.

        Raises
        ------
        InputError
            When the exchange does not list the symbol.
        ExchangeError
            When it does not answer, or with something else than candles.
        JobCancelledError
            When the user stopped it.
        """
        contracts = jesse_module("jesse.services.historical_data")
        earlier = start - repeated_minutes(self._driver) * MINUTE_MS
        request = contracts.HistoricalCandleRequest(
            symbol=symbol, timeframe="1m",
            requested_range=contracts.HistoricalCandleRange(earlier, min(end, start + self.page_minutes * MINUTE_MS)))
        try:
            batch = self._patiently(symbol, lambda: self._driver.fetch_candles(request))
        except _RefusedSymbolError as error:
            if not says_empty(self._driver, error.__cause__):
                raise
            return Page(np.empty((0, len(COLUMNS))), None)
        except _UnreadableError as error:
            self._check_listed(symbol)  # some drivers stumble over a symbol that is not there
            raise ExchangeError(f"What {self.name} sent for {symbol} from {utc_text(start)} on cannot be read: "
                                f"{error}.", "Try again later.") from error
        rows = [[getattr(candle, column) for column in COLUMNS] for candle in batch.candles]
        candles = np.array(rows, np.float64).reshape(-1, len(COLUMNS))
        return Page(candles[candles[:, 0] >= start], batch.next_available_timestamp)

    def silent_until(self, symbol: str, start: int, end: int) -> int:
        """Return up to when there certainly is no candle after an empty page, at most ``end``.

        Binance's and Gate's pages say nothing of what comes after them, and a delisted symbol would take a
        request for every page. Their daily candles tell many days at once. Elsewhere it is ``start``.
        """
        count = daily_candles(self._driver)
        if count is None:
            return start
        first = start // DAY_MS * DAY_MS
        try:
            days = self._patiently(symbol, lambda: self._driver.fetch(symbol, first, "1D"))
        except _UnreadableError:
            return start
        except _RefusedSymbolError as error:
            if not says_empty(self._driver, error.__cause__):
                return start
            days = []
        traded = [int(day["timestamp"]) for day in days if int(day["timestamp"]) >= first]
        return min(end, max(start, min(traded, default=first + count * DAY_MS)))

    def pause(self, seconds: float) -> None:
        """Wait, unless the user stops it.

        Raises
        ------
        JobCancelledError
            When the user did.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._stop_if_asked()
            time.sleep(min(left, _LOOK))
        self._stop_if_asked()

    def _connect(self) -> Any:
        """Return a fresh driver whose HTTP statuses come here, and that leaves trying again to us."""
        from requests.adapters import HTTPAdapter  # type: ignore[import-untyped]

        driver = jesse_module(_DRIVERS).drivers[self.name]()
        if hasattr(driver, "session"):
            for prefix in ("http://", "https://"):
                driver.session.mount(prefix, HTTPAdapter())
        driver.validate_response = self._check_status
        return driver

    def _check_status(self, response: Any) -> None:
        headers = response.headers or {}
        with suppress(KeyError, TypeError, ValueError):
            sent = parsedate_to_datetime(headers["Date"])
            # The header has whole seconds, rounded down.
            self._behind = max(0.0, _clock() - sent.timestamp() - 1.0)
        if response.status_code // 100 != 2:
            raise _RefusedError(response.status_code, response.text[:200], _wait_asked_for(headers.get("Retry-After")))

    def _patiently(self, symbol: str, request: Callable[[], T]) -> T:
        """Return a request's answer, asked for again while there is hope."""
        for attempt in range(_ATTEMPTS):
            wait = _FIRST_WAIT * 2**attempt
            try:
                answer = self._answer(request)
            except _RefusedError as error:
                reason, asked = self._reason(symbol, error), error.wait
            except JobCancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - drivers raise whatever they stumble over
                reason, asked = self._failure(symbol, error, last=attempt == _READINGS - 1), None
            else:
                self._tell("")
                return answer
            if asked is not None and asked > _LONGEST_WAIT:
                raise ExchangeError(f"{reason} and asks to wait {_duration(asked)}.",
                                    "What had come is stored; run the same again then.")
            if attempt == _ATTEMPTS - 1:
                break
            wait = max(wait, asked or 0.0)
            self._tell(f"{reason}; trying again in {_duration(wait)}")
            self.pause(wait)
        raise ExchangeError(f"{reason}, {_ATTEMPTS} times in a row.",
                            "What had come is stored; run the same again later.")

    def _answer(self, request: Callable[[], T]) -> T:
        """Run a request in a thread of its own, which is left behind when the user stops or it hangs."""
        answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

        def run() -> None:
            try:
                answers.put((request(), None))
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                answers.put((None, error))

        threading.Thread(target=run, daemon=True, name=f"jesse-nb-ask-{self.name}").start()
        until = time.monotonic() + _ANSWER_WITHIN
        while True:
            self._stop_if_asked()
            try:
                answer, error = answers.get(timeout=_LOOK)
            except queue.Empty:
                if time.monotonic() > until:
                    self._driver = self._connect()  # the thread that hangs keeps the old one
                    raise TimeoutError(f"no answer within {_ANSWER_WITHIN:.0f} seconds") from None
                continue
            if error is not None:
                raise error
            return answer  # type: ignore[no-any-return]

    def _stop_if_asked(self) -> None:
        if self._stopped():
            raise JobCancelledError(f"Fetching from {self.name} was stopped.", "What had come is stored.")

    def _reason(self, symbol: str, error: _RefusedError) -> str:
        """Say in words what a status means that may pass; raise where asking again is of no use."""
        if error.status in (401, 403, 451):
            raise ExchangeError(f"{self.name} refuses requests from here (HTTP {error.status}).",
                                "Exchanges block some countries and data centres. Fetch from another place, or import "
                                "the exchange's archive files with `%candles import`.") from error
        if error.status in (400, 404):
            raise self._refused_symbol(symbol, f"HTTP {error.status}: {_one_line(error.body)}") from error
        if error.status in (408, 418, 425, 429) or error.status >= 500:
            return {429: f"{self.name} limits how often it is asked (HTTP 429)",
                    418: f"{self.name} has banned this address for a while (HTTP 418)"}.get(
                        error.status, f"{self.name} is in trouble (HTTP {error.status})")
        raise ExchangeError(f"{self.name} answers HTTP {error.status}: {_one_line(error.body)}.") from error

    def _failure(self, symbol: str, error: Exception, *, last: bool) -> str:
        """Say in words what else went wrong; raise where asking again is of no use."""
        from requests.exceptions import ConnectionError as NoConnection  # type: ignore[import-untyped]
        from requests.exceptions import JSONDecodeError, Timeout

        errors, known = jesse_module("jesse.services.historical_data.errors"), jesse_module("jesse.exceptions")
        if isinstance(error, errors.ProviderSymbolNotFoundError | known.SymbolNotFound | known.InvalidSymbol):
            raise self._refused_symbol(symbol, _one_line(error)) from error
        if isinstance(error, errors.ProviderRateLimitError):
            return f"{self.name} limits how often it is asked"
        if isinstance(error, TimeoutError | Timeout):
            return f"{self.name} does not answer"
        unreachable = errors.ProviderUnavailableError | known.ExchangeInMaintenance | NoConnection | OSError
        began = _root(error)  # a driver may stumble while it handles a lost connection
        if (isinstance(error, unreachable) and not isinstance(error, JSONDecodeError)) or isinstance(began, OSError):
            return f"{self.name} cannot be reached ({_one_line(getattr(began, 'strerror', None) or began)})"
        if last:
            raise _UnreadableError(_one_line(error)) from error
        return f"{self.name} sent something unreadable"

    def _refused_symbol(self, symbol: str, reason: str) -> _RefusedSymbolError:
        self._check_listed(symbol)
        return _RefusedSymbolError(f"{self.name} refuses {symbol}: {reason}.",
                                   "Is the symbol spelled as the exchange does?")

    def _check_listed(self, symbol: str) -> None:
        if not self._listed:
            with suppress(Exception):  # a list that cannot be had costs the suggestion, not the message
                self._listed = tuple(self._answer(lambda: self._driver.list_symbols()))
        if self._listed and symbol not in self._listed:
            raise InputError(f"{self.name} does not list {symbol}.", did_you_mean(symbol, self._listed))


class _RefusedSymbolError(ExchangeError):
    """A symbol is refused, though it may be listed."""


class _RefusedError(Exception):
    """An HTTP status that is no answer."""

    def __init__(self, status: int, body: str, wait: float | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body
        self.wait = wait


class _UnreadableError(Exception):
    """An answer that is not understood."""


def _known(name: str) -> str:
    spelled = {known.casefold(): known for known in exchange_names()}
    found = spelled.get(" ".join(str(name).split()).casefold())
    if found is None:
        if str(name).casefold().startswith("massive"):
            raise InputError(f"{name} needs a key that Jesse keeps in its database.",
                             "Import its candles in Jesse, then copy them with `%candles from-database`.")
        raise InputError(f"Jesse has no driver for the exchange {name!r}.", did_you_mean(str(name), spelled.values()))
    return found


def _wait_asked_for(header: str | None) -> float | None:
    """Read Retry-After: seconds, or a date."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(timezone.utc)).total_seconds())
    except (TypeError, ValueError):
        return None


def _root(error: BaseException) -> BaseException:
    """Return what began a chain of errors: that a name is not known says more than that retries ran out."""
    while (before := error.__cause__ or error.__context__) is not None:
        error = before
    return error


def _one_line(words: object) -> str:
    return " ".join(str(words).split())[:160].rstrip(".") or type(words).__name__


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes" if seconds < 7200 \
        else f"{seconds / 3600:.0f} hours"
