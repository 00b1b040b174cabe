"""Where candles live: one Parquet file a series, written whole or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from platformdirs import user_data_path

from jesse_nb.core.candles.funding.rates import FundingRates, FundingSeries, merge_rates
from jesse_nb.core.candles.funding.stored import SUFFIX, read_rates, write_rates
from jesse_nb.core.candles.gaps import join_periods
from jesse_nb.core.candles.parquet import StoredPieces, read_candles, read_info, write_series
from jesse_nb.core.candles.pieces.joining import joined
from jesse_nb.core.candles.pieces.pieces import ArrayPieces, Pieces
from jesse_nb.core.candles.series import Candles, SeriesInfo, exchange_name, refuse_other_minutes, symbol_name
from jesse_nb.core.candles.validation import validate_candles
from jesse_nb.core.times import MINUTE_MS, to_ms, utc_text
from jesse_nb.core.user_path import user_path
from jesse_nb.core.whole_files import remove_leftovers
from jesse_nb.exceptions import (
    CandlesNotFoundError,
    InputError,
    PeriodError,
    StorageError,
    did_you_mean,
)

__all__ = ["MAPPED_FOLDER", "MAPPED_SECONDS", "CandleStore"]

#: Inside the store: what `CandleCache` derives from it for worker processes.
MAPPED_FOLDER = ".mapped"

#: How long that is kept after its last use: a job may still open it when a new worker joins.
MAPPED_SECONDS = 86_400

_LOCK_SECONDS = 60
#: Times that a series is read, at the most, when others write it meanwhile.
_READS = 20


class CandleStore:
    """One-minute candles by exchange and symbol.

    Several processes may read and write at once: a series is replaced in one step, and writers of
    the same series wait for each other.

    Parameters
    ----------
    root
        The folder, made by the first write. By default what the environment variable ``JESSE_NB_CANDLES`` names, else
        ``candles`` in the user's data folder.

    Examples
    --------
    >>> store = jn.CandleStore()
    >>> [series.symbol for series in store.list()]
    ['BTC-USDT', 'ETH-USDT']
    >>> store.read("Demo (synthetic)", "BTC-USDT", "2023-02-01", "2023-02-02").shape
    (1440, 6)
    """

    def __init__(self, root: str | Path | None = None) -> None:
        named = root or os.environ.get("JESSE_NB_CANDLES") or user_data_path("jesse_nb") / "candles"
        self.root = user_path(named, "root", "a folder's path").absolute()

    @classmethod
    def of(cls, place: Any) -> CandleStore:
        """Return the store that is given, that of a folder, or the user's own for None."""
        if isinstance(place, CandleStore):
            return place
        return cls() if place is None else cls(user_path(place, "store", "a folder's path, or a CandleStore"))

    def __repr__(self) -> str:
        return f"CandleStore({str(self.root)!r})"

    def list(self) -> list[SeriesInfo]:
        """Return what is stored, in order of exchange and symbol.

        Raises
        ------
        StorageError
            When the folder or one of its files cannot be read.
        """
        found = []
        for exchange, symbol, path in self._files():
            with suppress(FileNotFoundError):  # deleted by another process since the folder was listed
                found.append(read_info(path, exchange, symbol))
        return found

    def info(self, exchange: str, symbol: str) -> SeriesInfo:
        """Return what is known of one series, without reading its candles; for errors see :meth:`read`."""
        exchange, symbol, path = self._locate(exchange, symbol)
        try:
            return read_info(path, exchange, symbol)
        except FileNotFoundError:
            raise self._not_found(exchange, symbol) from None

    def resolve(self, symbol: str, exchange: str | None = None) -> SeriesInfo:
        """Return the series of a symbol; the exchange may be left out where only one stores it.

        Raises
        ------
        CandlesNotFoundError
            When it is not stored.
        InputError
            When several exchanges store it.
        """
        if exchange is not None:
            return self.info(exchange, symbol)
        symbol = symbol_name(symbol)
        exchanges = [other for other, stored, _ in self._files() if stored == symbol]
        if not exchanges:
            raise self._not_found(None, symbol)
        if len(exchanges) > 1:
            raise InputError(f"{symbol} is stored for several exchanges: {', '.join(exchanges)}.",
                             f"Say which one, like exchange={exchanges[0]!r}.", argument="exchange")
        return self.info(exchanges[0], symbol)

    def read(self, exchange: str, symbol: str, start: Any = None, end: Any = None, *, flow: bool = False) -> Candles:
        """Return stored candles, gaps left as they are.

        Parameters
        ----------
        exchange, symbol
            The series.
        start, end
            Milliseconds UTC, dates or texts, end excluded; None is the first and the last stored.
        flow
            Whether two more columns follow: the number of trades, and of the volume what takers bought; NaN where
            that is not known.

        Returns
        -------
        numpy.ndarray
            float64 (n, 6): timestamp (ms UTC), open, close, high, low, volume; (n, 8) with ``flow``.

        Raises
        ------
        CandlesNotFoundError
            When the series is not stored, or does not cover the period.
        PeriodError
            When the end does not come after the start.
        StorageError
            When the file is damaged.
        """
        for _ in range(_READS):
            info = self.info(exchange, symbol)
            candles, expected = self._period(info, start, end, flow=flow)
            if len(candles) == expected:
                return candles
            if self.info(exchange, symbol).fingerprint == info.fingerprint:
                break
            # Another process has just replaced it.
        raise StorageError(f"{info.symbol} of {info.exchange} has {len(candles):,} candles in that period, "
                           f"not {expected:,}.", "It was changed while it was read, or is damaged. Try again.")

    def _period(self, info: SeriesInfo, start: Any, end: Any, *, flow: bool) -> tuple[Candles, int]:
        """Return the candles of a period, and how many there should be."""
        _, _, path = self._locate(info.exchange, info.symbol)
        expected = info.rows
        if start is not None or end is not None:
            start = info.start if start is None else to_ms(start, "start")
            end = info.end if end is None else to_ms(end, "end")
            if start >= end:
                raise PeriodError(f"The end ({utc_text(end)}) must come after the start ({utc_text(start)}).",
                                  argument="end")
            if start < info.start or end > info.end:
                raise CandlesNotFoundError(
                    f"{info.symbol} of {info.exchange} is stored from {utc_text(info.start)} to "
                    f"{utc_text(info.end)}, which does not cover {utc_text(start)} to {utc_text(end)}.",
                    "Choose a period inside, or import more candles.")
            missing = sum(max(0, min(end, gap.end) - max(start, gap.start)) for gap in info.gaps)
            expected = (end - start - missing) // MINUTE_MS
        try:
            return read_candles(path, start, end, flow=flow), expected
        except FileNotFoundError:
            raise self._not_found(info.exchange, info.symbol) from None

    def write(self, exchange: str, symbol: str, candles: Any, *, replace: bool = False,
              asked: tuple[int, int] | None = None, source: str | None = None,
              expanded_from: str = "") -> SeriesInfo:
        """Add candles to a series, which is begun if it is not there.

        Parameters
        ----------
        exchange, symbol
            The series. Spaces and the spelling of the symbol are tidied.
        candles
            (n, 6): timestamp (ms UTC), open, close, high, low, volume. Need not be sorted.
        replace
            Whether new candles win over stored ones that differ. Stored candles of other minutes stay.
        asked
            The period (milliseconds UTC, end excluded) for which the exchange was asked for every minute. Then they are
            one-minute candles however far apart they lie.
        source
            Where they came from, in a few words; result cards show it.
        expanded_from
            The timeframe of the candles of which these minutes were made; a series has minutes of one kind only.

        Returns
        -------
        SeriesInfo
            The whole series as it is now stored.

        Raises
        ------
        InvalidCandlesError
            When the candles are refused, see :func:`validate_candles`, or contradict stored ones.
        StorageError
            When the disk is full or the folder cannot be written. What was stored is untouched.
        """
        rows = validate_candles(candles, sparse=asked is not None, copy=False)
        return self.write_pieces(exchange, symbol, ArrayPieces(rows), replace=replace, asked=asked, source=source,
                                 expanded_from=expanded_from)

    def write_pieces(self, exchange: str, symbol: str, new: Pieces, *, replace: bool = False,
                     asked: tuple[int, int] | None = None, source: str | None = None,
                     expanded_from: str = "") -> SeriesInfo:
        """Add candles to a series as :meth:`write` does, with a piece of it in memory at a time.

        Parameters
        ----------
        exchange, symbol, replace, asked, source, expanded_from
            As :meth:`write`.
        new
            Validated candles, with what is known of the trades within each minute.
        """
        came_from = (source,) if source else ()
        exchange, symbol, path = self._locate(exchange, symbol)
        with self._locked(exchange, symbol, path):
            try:
                before = read_info(path, exchange, symbol)
            except FileNotFoundError:
                return write_series(path, exchange, symbol, joined(None, new), flow=new.flow,
                                    asked=(asked,) if asked else (), sources=came_from, expanded_from=expanded_from)
            refuse_other_minutes(before, expanded_from)
            stored = StoredPieces(path, before)
            return write_series(
                path, exchange, symbol, joined(stored, new, replace=replace), flow=stored.flow or new.flow,
                asked=tuple(join_periods([*before.asked, asked])) if asked else before.asked,
                sources=tuple(dict.fromkeys(before.sources + came_from)), expanded_from=expanded_from, before=before)

    def funding(self, exchange: str, symbol: str) -> FundingSeries | None:
        """Return the stored funding rates of a market; None where there are none.

        Raises
        ------
        StorageError
            When their file is damaged.
        """
        exchange, symbol, path = self._locate(exchange, symbol)
        return read_rates(path.with_name(f"{symbol}{SUFFIX}"), exchange, symbol)

    def write_funding(self, exchange: str, symbol: str, rates: FundingRates, *, replace: bool = False,
                      source: str = "") -> FundingSeries:
        """Add funding rates to those of a market, and return all that are now stored.

        Parameters
        ----------
        exchange, symbol
            The market.
        rates
            As :func:`~jesse_nb.core.candles.funding.rates.checked_rates` gives them.
        replace
            Whether they win over stored ones that differ.
        source
            Where they came from, in a few words.

        Raises
        ------
        InvalidCandlesError
            When they contradict stored ones.
        StorageError
            When the folder cannot be written. What was stored is untouched.
        """
        exchange, symbol, path = self._locate(exchange, symbol)
        path = path.with_name(f"{symbol}{SUFFIX}")
        with self._locked(exchange, symbol, path):
            before = read_rates(path, exchange, symbol)
            sources = dict.fromkeys((*(before.sources if before else ()), *([source] if source else [])))
            merged = merge_rates(before.rates, rates, replace=replace) if before else rates
            series = FundingSeries(exchange, symbol, merged, tuple(sources))
            if before is None or before.fingerprint != series.fingerprint:
                write_rates(path, series)
            return series

    def delete(self, exchange: str, symbol: str) -> None:
        """Delete one series and its funding rates; jobs that run go on with what they have of it.

        Raises
        ------
        CandlesNotFoundError
            When it is not stored.
        StorageError
            When it cannot be deleted.
        """
        exchange, symbol, path = self._locate(exchange, symbol)
        if not path.is_file():
            raise self._not_found(exchange, symbol)
        with self._locked(exchange, symbol, path):
            try:
                path.unlink(missing_ok=True)
                path.with_name(f"{symbol}{SUFFIX}").unlink(missing_ok=True)
            except OSError as error:
                raise StorageError(f"Cannot delete {path}: {error.strerror}.") from error
        self.remove_unused_maps()

    def remove_unused_maps(self) -> None:
        """Remove what was mapped for workers of series that are no longer stored, a day after its last use.

        A job that runs opens it again and again, so deleting the series must not take it away.
        """
        for folder in (self.root / MAPPED_FOLDER).glob("*/*"):
            if (self.root / folder.parent.name / f"{folder.name}.parquet").is_file():
                continue
            with suppress(OSError):
                for file in folder.iterdir():
                    if time.time() - file.stat().st_atime > MAPPED_SECONDS:
                        file.unlink(missing_ok=True)
                folder.rmdir()

    def _locate(self, exchange: str, symbol: str) -> tuple[str, str, Path]:
        """Tidy a name, and spell the exchange as the store does.

        Where capitals do not tell folders apart, "binance spot" and "Binance Spot" are one folder:
        so they are one exchange everywhere.
        """
        exchange, symbol = exchange_name(exchange), symbol_name(symbol)
        spelled = {name.casefold(): name for name in self._exchanges()}
        exchange = spelled.get(exchange.casefold(), exchange)
        return exchange, symbol, self.root / exchange / f"{symbol}.parquet"

    def _exchanges(self) -> tuple[str, ...]:
        try:
            return tuple(sorted(entry.name for entry in os.scandir(self.root)
                                if not entry.name.startswith(".") and entry.is_dir()))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise StorageError(f"The candle folder {self.root} cannot be read: {error.strerror}.",
                               "Set JESSE_NB_CANDLES to another folder.") from error

    def _files(self) -> Iterator[tuple[str, str, Path]]:
        for folder in self._exchanges():
            for path in sorted((self.root / folder).glob("*.parquet")):
                try:
                    named_well = exchange_name(folder) == folder and symbol_name(path.stem) == path.stem
                except InputError:
                    named_well = False
                if named_well:  # anything else in there is the user's own business
                    yield folder, path.stem, path

    def _not_found(self, exchange: str | None, symbol: str) -> CandlesNotFoundError:
        stored = [(other, known) for other, known, _ in self._files()]
        if not stored:
            return CandlesNotFoundError(f"No candles of {symbol} are stored; the store {self.root} is empty.",
                                        "`%candles demo` or `jesse-nb demo` stores a synthetic market.")
        exchanges = {other for other, _ in stored}
        if exchange is None or exchange in exchanges:
            hint = did_you_mean(symbol, {known for other, known in stored if exchange in (None, other)})
            of = f" of {exchange}" if exchange else ""
            return CandlesNotFoundError(f"No candles of {symbol}{of} are stored.", hint)
        elsewhere = [other for other, known in stored if known == symbol]
        hint = f"{symbol} is stored for {' and '.join(map(repr, elsewhere))}." if elsewhere \
            else did_you_mean(exchange, exchanges)
        return CandlesNotFoundError(f"No candles of the exchange {exchange!r} are stored.", hint)

    @contextmanager
    def _locked(self, exchange: str, symbol: str, written: Path) -> Iterator[None]:
        """Let nobody else write a series; what a killed writer left of its file is removed."""
        # Locks lie apart from the data, so that deleting a series never deletes a lock in use.
        path = self.root / ".locks" / exchange.casefold() / f"{symbol}.lock"
        lock = FileLock(path, timeout=_LOCK_SECONDS)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
            remove_leftovers(written)
        except Timeout as error:
            raise StorageError(
                f"Another process has been writing {symbol} of {exchange} for {_LOCK_SECONDS} seconds.",
                "Nothing was changed. Try again when it has finished.") from error
        except (OSError, NotImplementedError) as error:
            lock.release()
            reason = getattr(error, "strerror", None) or error
            raise StorageError(f"The candle folder {self.root} cannot be written: {reason}.",
                               "Set JESSE_NB_CANDLES to another folder.") from error
        try:
            yield
        finally:
            lock.release()
